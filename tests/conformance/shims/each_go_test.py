"""Runs each test of a Go test binary in a process of its own, as JSON: one that hangs is only one.

`each_go_test.py TEST2JSON BINARY [SKIPPED]...`
"""

import subprocess
import sys

SECONDS = 60


def main() -> None:
    test2json, binary, *skipped = sys.argv[1:]
    listed = subprocess.run(
        [binary, "-test.list", "^Test"], capture_output=True, text=True, check=True
    )
    for test in listed.stdout.split():
        if test in skipped:
            continue
        # A test may have started others that it waits for: Go's own time limit says where.
        only = ["-test.v", "-test.run", f"^{test}$", "-test.timeout", f"{SECONDS}s"]
        subprocess.run([test2json, "-t", binary, *only], check=False)


if __name__ == "__main__":
    main()
