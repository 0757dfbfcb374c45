"""The suites, in the order they are run."""

from suites import go, java, node, python, rust
from suites.suite import Suite

ALL: list[Suite] = [*python.SUITES, *node.SUITES, *go.SUITES, *java.SUITES, *rust.SUITES]
BY_NAME = {suite.name: suite for suite in ALL}

__all__ = ["ALL", "BY_NAME", "Suite"]
