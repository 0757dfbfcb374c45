"""What became of each test: `pass`, `fail` or `skip`, read from what the suite's runner writes."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

Verdicts = dict[str, str]

# Of two verdicts on tests of one name, the one to look at.
_WEIGHT = {"skip": 0, "pass": 1, "fail": 2}


def collect(pairs: Iterable[tuple[str, str]]) -> Verdicts:
    found: Verdicts = {}
    for test, verdict in pairs:
        if _WEIGHT[verdict] > _WEIGHT.get(found.get(test, ""), -1):
            found[test] = verdict
    return dict(sorted(found.items()))


def _lines_of(path: Path) -> list[str]:
    # Without the file, the suite has not come to its first test.
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def lines(path: Path) -> Verdicts:
    """What the shims write: a line `verdict TAB test` as soon as a test has ended."""
    pairs = []
    for line in _lines_of(path):
        verdict, _, test = line.partition("\t")
        if verdict in _WEIGHT:
            pairs.append((test, verdict))
    return collect(pairs)


def go(path: Path) -> Verdicts:
    """`go test -json`, or the same through `test2json`."""
    pairs = []
    for line in _lines_of(path):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("Action") in _WEIGHT and "Test" in event:
            pairs.append((event["Test"], event["Action"]))
    return collect(pairs)


_LIBTEST = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (.*)")
_LIBTEST_BINARY = re.compile(r"^\s+Running (?:unittests |tests/)?(\S+?)(?:\.rs)? \(")
_LIBTEST_VERDICTS = {"ok": "pass", "FAILED": "fail", "ignored": "skip"}


def libtest(path: Path) -> Verdicts:
    """`cargo test` with one thread: each test under the file it is in."""
    pairs, binary, test = [], "", ""
    for line in _lines_of(path):
        if found := _LIBTEST_BINARY.match(line):
            binary = found[1]
            continue
        ended = line
        if found := _LIBTEST.match(line):
            test, ended = f"{binary}::{found[1]}", found[2]
        # What a test prints past the harness comes between its name and its verdict.
        word = ended.split(",")[0].strip()
        if test and word in _LIBTEST_VERDICTS:
            pairs.append((test, _LIBTEST_VERDICTS[word]))
            test = ""
    return collect(pairs)


_TEAMCITY = re.compile(r"##teamcity\[(test\w+) name='((?:[^'|]|\|.)*)'")
_TEAMCITY_PLACE = re.compile(r"locationHint='php_qn://(?:[^'|]|\|.)*?::\\((?:[^'|]|\|.)*)'")


def teamcity(path: Path) -> Verdicts:
    """PHPUnit's `--log-teamcity`, the one of its logs that is written while the tests run."""
    pairs, place = [], {}
    for line in _lines_of(path):
        if not (found := _TEAMCITY.match(line)):
            continue
        event, name = found[1], re.sub(r"\|(.)", r"\1", found[2])
        if event == "testStarted":
            hint = _TEAMCITY_PLACE.search(line)
            place[name] = hint[1].split("::")[0] if hint else ""
        test = f"{place.get(name, '')}::{name}"
        if event == "testFailed":
            pairs.append((test, "fail"))
        elif event == "testIgnored":
            pairs.append((test, "skip"))
        elif event == "testFinished" and (test, "skip") not in pairs:
            # Written after a failure as well, which weighs more; after a skip it would not.
            pairs.append((test, "pass"))
    return collect(pairs)
