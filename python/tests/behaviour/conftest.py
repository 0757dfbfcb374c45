"""What every test here gets: a broker, names of its own, and a service to call."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import leveret
import pytest

pytest.register_assert_rewrite(f"{__package__}.rig")

from .rig import Probe, Proxy, Scripts  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def url() -> str:
    found = os.environ.get("AMQP_URL")
    if not found:
        pytest.fail(
            "these tests need a broker in AMQP_URL. Run them with `make test`, or with\n"
            "    target/debug/with-broker -- target/venv/bin/pytest python/tests/behaviour",
            pytrace=False,
        )
    return found


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> str:
    """Names of the test's own: tests may run at the same time on one broker."""
    made = f"t{uuid.uuid4().hex[:12]}."
    # For the scripts that tests start.
    monkeypatch.setenv("LEVERET_TEST_NAMESPACE", made)
    return made


@pytest.fixture
def client(namespace: str) -> Iterator[leveret.Client]:
    with leveret.connect(namespace=namespace) as client:
        yield client


@pytest.fixture
def serve(namespace: str) -> Iterator[Callable[..., leveret.Server]]:
    """Serves services in a background thread until the test has ended."""
    with ExitStack() as stack:

        def start(*services: Any, **options: Any) -> leveret.Server:
            options.setdefault("namespace", namespace)
            options.setdefault("grace", 1.0)
            server = leveret.Server(*services, queue=THROWAWAY, **options)
            return stack.enter_context(server.in_thread())

        yield start


# Nothing of a test is left on the broker.
THROWAWAY = leveret.QueueOptions(expires=600.0, delete_when_idle=True)


@pytest.fixture
def probe(serve: Callable[..., leveret.Server]) -> Generator[Probe, None, None]:
    """A service, served, that tells the test what happens to its handlers."""
    probe = Probe()
    serve(probe)
    yield probe
    probe.let_go.set()


@pytest.fixture
def scripts(namespace: str) -> Iterator[Scripts]:
    """Runs programs in processes of their own."""
    scripts = Scripts()
    yield scripts
    scripts.close()


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A way to the broker that can be cut."""
    proxy = Proxy(url)
    yield proxy
    proxy.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever Python would only warn of (a task never awaited, a socket never closed) fails the
    test that did it.
    """
    for item in items:
        if __package__ in item.nodeid.replace("/", "."):
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)
