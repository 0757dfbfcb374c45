"""Puts foreign suites through RabbitMQ and the embedded broker, and prints what differs."""

import argparse
import os
import shutil
import subprocess
import sys

import baseline
import report
import suites
from places import HERE, RESULTS, WORK
from sources import python_with_packages, say


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument(
        "--suite",
        action="append",
        choices=list(suites.BY_NAME),
        help="only this one; may be repeated",
    )
    parser.add_argument("--only", choices=["rabbitmq", "embedded"], help="run only one broker")
    parser.add_argument(
        "--report", action="store_true", help="run nothing: compare what the last runs left"
    )
    parser.add_argument(
        "--save-baseline", action="store_true", help="keep RabbitMQ's verdicts in the repository"
    )
    parser.add_argument("--list", action="store_true", help="name the suites")
    return parser.parse_args()


def prepare(suite: suites.Suite) -> None:
    stamp = suite.folder / ".fetched"
    if not stamp.exists() or stamp.read_text() != suite.version:
        say(f"{suite.name} {suite.version}")
        suite.folder.parent.mkdir(parents=True, exist_ok=True)
        suite.fetch(suite.folder)
        stamp.write_text(suite.version)


def run(suite: suites.Suite, broker: str) -> None:
    out = RESULTS / broker / suite.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    # Whoever is not root is it in a user namespace.
    unshare = ["unshare", "--net", "--mount"] + ["--map-root-user"] * (os.getuid() != 0)
    say(f"{suite.name} on {broker}, at most {suite.limit} s: {out}")
    done = subprocess.run([*unshare, sys.executable, HERE / "inside.py", suite.name, broker])
    if done.returncode:
        say(f"{suite.name} could not be run on {broker}")
    found = suite.read(out)
    lines = (f"{verdict}\t{test}\n" for test, verdict in found.items())
    (out / "all.tsv").write_text("".join(lines))


def main() -> None:
    given = arguments()
    chosen = [suites.BY_NAME[name] for name in given.suite or suites.BY_NAME]
    if given.list:
        print("\n".join(f"{suite.name} {suite.version}" for suite in chosen))
        return
    if not given.report:
        WORK.mkdir(parents=True, exist_ok=True)
        python_with_packages()
        for suite in chosen:
            prepare(suite)
            for broker in [given.only] if given.only else ["rabbitmq", "embedded"]:
                run(suite, broker)
    if given.save_baseline:
        for suite in chosen:
            baseline.save(suite)
    sys.exit(report.show(chosen))


if __name__ == "__main__":
    main()
