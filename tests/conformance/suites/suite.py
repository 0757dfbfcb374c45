"""What the runner must know of a suite."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import verdicts
from places import WORK

Command = Callable[[Path], list[str]]
"""From the folder for results to the command, which is run in the suite's folder."""


def _from_shim(out: Path) -> verdicts.Verdicts:
    return verdicts.lines(out / "verdicts.tsv")


@dataclass(frozen=True)
class Suite:
    name: str
    version: str
    """Part of the stamp: another version is fetched again."""
    fetch: Callable[[Path], None]
    """Puts the suite into the folder, patches and builds it. The command has no network."""
    command: Command
    limit: int
    """Seconds after which the suite is stopped; tests that have not ended count as not run."""
    variables: dict[str, str] = field(default_factory=dict)
    unpacked: bool = False
    """Wants the packages of `places.ROOT` in /usr, where interpreters look for their libraries."""
    read: Callable[[Path], verdicts.Verdicts] = _from_shim

    @property
    def folder(self) -> Path:
        return WORK / "suites" / self.name

    def environment(self, out: Path) -> dict[str, str]:
        return {name: value.replace("{out}", str(out)) for name, value in self.variables.items()}
