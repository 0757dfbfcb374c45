"""What the tests of the embedded broker need. They have no other broker: AMQP_URL is not theirs."""

from __future__ import annotations

from collections.abc import Iterator

import leveret
import leveret.testing
import pytest

pytest.register_assert_rewrite("behaviour.rig")

from behaviour.rig import Scripts  # noqa: E402


@leveret.service("math")
class Math:
    """The service under test."""

    @leveret.rpc
    def fib(self, n: int) -> int:
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return a


@pytest.fixture(autouse=True)
def no_other_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forgets to say where must not find the broker of other tests."""
    monkeypatch.setenv("AMQP_URL", "amqp://127.0.0.1:1")


@pytest.fixture
def broker() -> Iterator[leveret.testing.Broker]:
    with leveret.testing.Broker() as broker:
        yield broker


@pytest.fixture
def client(broker: leveret.testing.Broker) -> Iterator[leveret.Client]:
    """A client, and `math` served."""
    with (
        leveret.Server(Math(), url=broker.url, grace=1.0).in_thread(),
        leveret.connect(broker.url) as client,
    ):
        yield client


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripts]:
    """Runs programs in processes of their own."""
    monkeypatch.setenv("LEVERET_TEST_NAMESPACE", "")
    scripts = Scripts()
    yield scripts
    scripts.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever Python would only warn of (a task never awaited, a socket never closed) fails the
    test that did it.
    """
    for item in items:
        if __package__ in item.nodeid.replace("/", "."):
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)
