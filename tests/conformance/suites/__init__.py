"""The suites, in the order they are run."""

from suites import go, java, node, php, python, ruby, rust
from suites.suite import Suite

LANGUAGES = (python, node, go, java, rust, ruby, php)
ALL: list[Suite] = [suite for language in LANGUAGES for suite in language.SUITES]
BY_NAME = {suite.name: suite for suite in ALL}

__all__ = ["ALL", "BY_NAME", "Suite"]
