"""Where things are: what is downloaded and built stays in target/."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()
WORK = Path(os.environ.get("LEVERET_CONFORMANCE_DIR", REPOSITORY / "target/conformance")).resolve()
SHIMS = HERE / "shims"
BASELINE = HERE / "baseline"
RESULTS = WORK / "results"
# Runtimes that are only unpacked, never installed: their programs and libraries.
ROOT = WORK / "root"


def binary(name: str, variable: str) -> Path:
    """The newest build of one of our own programs, or the one that the variable names."""
    if given := os.environ.get(variable):
        return Path(given).resolve()
    built = [TARGET / profile / name for profile in ("release", "debug")]
    found = sorted(filter(Path.exists, built), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(
            f"{name} is not built (cargo build --bin {name}), and {variable} is not set"
        )
    return found[-1]
