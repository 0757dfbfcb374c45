"""Clients from their opening to their end, and what they say when something is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import leveret
import pytest

from .rig import Probe


def test_a_client_that_is_closed_says_so(namespace: str, probe: Probe) -> None:
    with leveret.connect(namespace=namespace) as client:
        assert client.state == "connected"
        echo = client.service("probe").echo
        assert echo(1) == 1
    assert client.state == "closed"
    client.close()
    for attempt in (echo, echo.cast, client.service("probe").echo):
        with pytest.raises(leveret.Unavailable, match="closed") as caught:
            attempt(1)
        assert caught.value.executed == "no"
        assert not caught.value.retryable
        assert isinstance(caught.value, ConnectionError)


def test_a_client_that_has_called_nobody_has_no_unclaimed_replies(namespace: str) -> None:
    with leveret.connect(namespace=namespace) as client:
        assert client.unclaimed_replies == 0


def test_an_async_client_that_is_closed_says_so(namespace: str, probe: Probe) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            echo = client.service("probe").echo
            assert await echo(1) == 1
        await client.close()
        assert client.state == "closed"
        for attempt in (echo, echo.cast, client.service("probe").echo):
            with pytest.raises(leveret.Unavailable, match="closed"):
                await attempt(1)

    asyncio.run(main())


def test_the_three_ways_to_connect(namespace: str, probe: Probe) -> None:
    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace)
        assert await client.service("probe").echo(1) == 1
        await client.close()
        async with await leveret.connect_async(namespace=namespace) as client:
            assert await client.service("probe").echo(2) == 2
        async with leveret.connect_async(namespace=namespace) as client:
            assert await client.service("probe").echo(3) == 3
        client = await asyncio.wait_for(leveret.connect_async(namespace=namespace), 20)
        await client.close()
        client = await asyncio.create_task(leveret.connect_async(namespace=namespace))
        await client.close()

    asyncio.run(main())


def test_calls_under_way_end_when_their_client_is_closed(namespace: str, probe: Probe) -> None:
    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace, timeout=600)
        calls = [client.service("probe").hang(str(n)) for n in range(3)]
        await asyncio.to_thread(probe.started.wait_for, 3)
        await client.close()
        for call in calls:
            with pytest.raises(leveret.Unavailable) as caught:
                await call
            assert caught.value.executed == "maybe"

    asyncio.run(main())


def test_lazy_clients_connect_when_they_must(namespace: str, probe: Probe, url: str) -> None:
    with leveret.connect(url, namespace=namespace, lazy=True) as client:
        assert client.service("probe").echo(1) == 1
    with leveret.connect("amqp://127.0.0.1:1", lazy=True) as client:
        assert client.state == "reconnecting"
        with pytest.raises(leveret.Unavailable) as caught:
            client.with_options(when_disconnected="fail").service("probe").echo(1)
        assert caught.value.executed == "no"
        with pytest.raises(leveret.DeadlineExceeded) as late:
            client.with_options(timeout=0.05).service("probe").echo(1)
        assert late.value.executed == "no"


def test_several_addresses(namespace: str, probe: Probe, url: str) -> None:
    with leveret.connect(["amqp://127.0.0.1:1", url], namespace=namespace) as client:
        assert client.service("probe").echo(1) == 1


@pytest.mark.parametrize("connect", ["blocking", "async"])
@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (
            lambda url: url.replace("guest:guest@", "guest:secret-word@"),
            leveret.Unauthenticated,
            "password",
        ),
        (
            lambda url: url.replace("guest:guest@", "ghost:secret-word@"),
            leveret.Unauthenticated,
            "password",
        ),
        (lambda url: url.replace("%2f", "nowhere"), leveret.PermissionDenied, "vhost"),
        (lambda _: "amqp://guest:secret-word@127.0.0.1:1/", leveret.Unavailable, "127.0.0.1:1"),
    ],
)
def test_why_there_is_no_connection(
    url: str,
    connect: str,
    change: Callable[[str], str],
    kind: type[leveret.LeveretError],
    says: str,
) -> None:
    async def later() -> Any:
        return await leveret.connect_async(change(url))

    with pytest.raises(kind, match=says) as caught:
        leveret.connect(change(url)) if connect == "blocking" else asyncio.run(later())
    assert caught.value.executed == "no"
    assert "secret-word" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize(
    "url", ["", "localhost", "http://guest:secret-word@127.0.0.1", "amqp://guest:secret-word@:x/"]
)
def test_what_is_no_address(url: str) -> None:
    for attempt in (leveret.connect, lambda url: asyncio.run(_connect(url))):
        with pytest.raises((ValueError, leveret.LeveretError)) as caught:
            attempt([url])
        assert "secret-word" not in f"{caught.value} {caught.value!r}"


async def _connect(url: Any) -> None:
    await leveret.connect_async(url)


def test_credentials_are_shown_nowhere(url: str, namespace: str, probe: Probe) -> None:
    credentials = url.partition("://")[2].partition("@")[0]
    assert credentials
    with leveret.connect(url, namespace=namespace) as client:
        service = client.service("probe")
        for shown in (client, service, service.echo, client.link, client.link.connection):
            assert credentials not in f"{shown} {shown!r}"
        with pytest.raises(leveret.LeveretError) as caught:
            client.service("nobody").method()
        assert credentials not in f"{caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize(
    "options",
    [
        {"heartbeat": -1},
        {"heartbeat": "1"},
        {"name": 1},
        {"namespace": None, "timeout": "x"},
        {"backoff": (1, -1)},
        {"reply_path": "pigeon"},
        {"in_flight": (0, 1)},
        {"max_message_size": 0},
        {"lazy": "yes"},
        {"heartbeet": 1},
    ],
)
def test_options_are_checked_where_they_are_given(options: dict[str, Any]) -> None:
    key = list(options)[-1]
    for connect in (leveret.connect, leveret.connect_async):
        with pytest.raises((TypeError, ValueError), match=key):
            connect(**options)


def test_a_bad_namespace_is_an_error_with_words() -> None:
    with pytest.raises((ValueError, leveret.InvalidArgument), match="namespace"):
        leveret.connect(namespace="amq.")


@pytest.mark.parametrize("service", ["", "amq.x", "leveret.x", "a b", "x" * 101])
def test_names_that_services_cannot_have(client: leveret.Client, service: str) -> None:
    with pytest.raises((leveret.InvalidArgument, ValueError, TypeError)):
        client.service(service).method()


def test_what_is_no_service(client: leveret.Client) -> None:
    with pytest.raises(TypeError, match="name"):
        client.service()
    with pytest.raises(TypeError, match="name"):
        client.service(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is no service"):
        client.service(int)


def test_calls_outside_of_a_loop(namespace: str, probe: Probe) -> None:
    async def main() -> leveret.AsyncClient:
        return await leveret.connect_async(namespace=namespace)

    client = asyncio.run(main())
    with pytest.raises(RuntimeError, match="event loop"):
        client.service("probe").echo(1)
    asyncio.run(client.close())
