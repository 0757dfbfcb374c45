"""The table, and the tests whose verdict is another one here than on RabbitMQ."""

from dataclasses import dataclass

import baseline
from places import HERE, RESULTS
from suites import Suite

KNOWN = HERE / "known.tsv"


@dataclass(frozen=True)
class Difference:
    suite: str
    test: str
    there: str
    here: str


def known() -> dict[tuple[str, str], str]:
    """Differences that are meant: suite, test, reason."""
    lines = (line for line in KNOWN.read_text().splitlines() if line and not line.startswith("#"))
    return {(suite, test): reason for suite, test, reason in (line.split("\t") for line in lines)}


def differences(suite: Suite) -> list[Difference]:
    expected, here = baseline.expected(suite), baseline.recorded("embedded", suite)
    if expected is None or here is None:
        return []
    found = [
        Difference(suite.name, test, expected.of(test), verdict)
        for test, verdict in here.items()
        if expected.of(test) not in (verdict, "either")
        and (expected.all is None or test in expected.all)
    ]
    if expected.all is not None:
        found += [
            Difference(suite.name, test, expected.of(test), "not run")
            for test in expected.all
            if test not in here
        ]
        found += [
            Difference(suite.name, test, "not run", verdict)
            for test, verdict in here.items()
            if test not in expected.all
        ]
    elif len(here) != expected.total:
        found.append(
            Difference(suite.name, "(number of tests)", str(expected.total), str(len(here)))
        )
    return found


def _note(broker: str, suite: Suite, name: str) -> str:
    path = RESULTS / broker / suite.name / name
    return path.read_text().strip() if path.exists() else ""


def show(chosen: list[Suite]) -> int:
    """The exit status: 1 if there is a difference that nobody has given a reason for."""
    reasons = known()
    rows = [("suite", "tests", "passed on RabbitMQ", "passed here", "difference", "seconds", "")]
    listed: list[Difference] = []
    for suite in chosen:
        expected, here = baseline.expected(suite), baseline.recorded("embedded", suite)
        found = differences(suite)
        listed += found
        if expected is None and here is None:
            continue
        total = expected.total if expected else len(here or ())
        ended = [
            f"{broker} {note}"
            for broker in ("rabbitmq", "embedded")
            if (note := _note(broker, suite, "ended.txt"))
        ]
        seconds = [
            _note(broker, suite, "seconds.txt") or "-" for broker in ("rabbitmq", "embedded")
        ]
        rows.append(
            (
                f"{suite.name} {suite.version}",
                str(total),
                str(expected.passed) if expected else "-",
                "-" if here is None else str(list(here.values()).count("pass")),
                "-" if here is None or expected is None else str(len(found)),
                " / ".join(seconds),
                ", ".join(ended),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.ljust(width) if i in (0, 6) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print(" | ".join(cells).rstrip(" |"))
    fresh = [one for one in listed if (one.suite, one.test) not in reasons]
    for title, group in (
        ("Tests with another verdict here", fresh),
        ("Known differences", [one for one in listed if one not in fresh]),
    ):
        if group:
            print(f"\n{title}:")
        for one in group:
            reason = reasons.get((one.suite, one.test), "")
            verdicts = f"{one.there} on RabbitMQ, {one.here} here"
            print(f"  {one.suite}: {one.test}: {verdicts}{reason and ': ' + reason}")
    return 1 if fresh else 0
