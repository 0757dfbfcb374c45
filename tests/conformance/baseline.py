"""RabbitMQ's verdicts: of the last run here if there was one, else those kept in the repository.

A kept file says how many tests pass, and names those that do not, so that it stays short and a
change of it can be read. `fail` and `skip` are verdicts like any other: RabbitMQ does not pass
everything either. `either` is for a test that it sometimes passes and sometimes not.
"""

from dataclasses import dataclass
from pathlib import Path

from places import BASELINE, RESULTS
from suites import Suite
from verdicts import Verdicts


@dataclass(frozen=True)
class Expected:
    passed: int
    others: dict[str, str]
    """The tests that do not simply pass."""
    all: Verdicts | None
    """Every test by name, if RabbitMQ was run here."""

    @property
    def total(self) -> int:
        return self.passed + len(self.others)

    def of(self, test: str) -> str:
        return self.others.get(test, "pass")


def recorded(broker: str, suite: Suite) -> Verdicts | None:
    path = RESULTS / broker / suite.name / "all.tsv"
    if not path.exists():
        return None
    pairs = (line.partition("\t") for line in path.read_text().splitlines())
    return {test: verdict for verdict, _, test in pairs}


def _file(suite: Suite) -> Path:
    return BASELINE / f"{suite.name}.tsv"


def _kept(suite: Suite) -> tuple[int, dict[str, str]] | None:
    if not _file(suite).exists():
        return None
    first, *rest = _file(suite).read_text().splitlines()
    pairs = (line.partition("\t") for line in rest)
    return int(first.split("\t")[1]), {test: verdict for verdict, _, test in pairs}


def expected(suite: Suite) -> Expected | None:
    kept, here = _kept(suite), recorded("rabbitmq", suite)
    unsteady = {test for test, verdict in (kept[1] if kept else {}).items() if verdict == "either"}
    if here is not None:
        others = {test: verdict for test, verdict in here.items() if verdict != "pass"}
        others |= dict.fromkeys(unsteady & here.keys(), "either")
        return Expected(len(here) - len(others), others, here)
    return Expected(*kept, None) if kept else None


def save(suite: Suite) -> None:
    found = expected(suite)
    if found is None or found.all is None:
        raise SystemExit(f"{suite.name} was not run on RabbitMQ here")
    lines = [
        f"pass\t{found.passed}",
        *(f"{verdict}\t{test}" for test, verdict in sorted(found.others.items())),
    ]
    BASELINE.mkdir(exist_ok=True)
    _file(suite).write_text("\n".join(lines) + "\n")
