"""The suites, in the order they are run."""

from suites import python
from suites.suite import Suite

ALL: list[Suite] = [*python.SUITES]
BY_NAME = {suite.name: suite for suite in ALL}

__all__ = ["ALL", "BY_NAME", "Suite"]
