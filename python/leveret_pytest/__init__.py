"""pytest's way to the embedded broker: the fixtures `leveret_broker` and `leveret_broker_session`.

pytest loads it by itself wherever Leveret is installed, so it is no part of the package `leveret`:
importing that takes a moment, which only tests that ask for a broker shall cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from leveret.testing import Broker


@pytest.fixture
def leveret_broker() -> Iterator[Broker]:
    """A broker of the test's own, as `leveret.testing.Broker`: give its `url` to what you test."""
    from leveret.testing import Broker

    with Broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def leveret_broker_session() -> Iterator[Broker]:
    """One broker for all tests that ask for it (with pytest-xdist one for each worker). They share
    its queues.
    """
    from leveret.testing import Broker

    with Broker() as broker:
        yield broker
