"""A pytest plugin: one line for each test as soon as it has ended.

pytest's own XML is written at the end, which a suite that hangs does not reach.
"""

import os
from pathlib import Path

import pytest

_FILE = Path(os.environ["CONFORMANCE_OUT"]) / "verdicts.tsv"
_seen: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _seen[report.nodeid] = "fail"
    elif report.skipped:
        _seen.setdefault(report.nodeid, "skip")
    elif report.when == "call":
        _seen.setdefault(report.nodeid, "pass")
    if report.when == "teardown":
        name = report.nodeid.encode("unicode_escape").decode()
        with _FILE.open("a", encoding="utf-8") as file:
            file.write(f"{_seen.pop(report.nodeid, 'skip')}\t{name}\n")
