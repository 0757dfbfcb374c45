"""Connections that break: calls end with the truth, and everything comes back by itself."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import leveret
import pytest
from with_broker import order

from .rig import PATIENCE, Probe, Proxy, Scripts, eventually

Serve = Callable[..., leveret.Server]
QUICK = {"backoff": (0.01, 0.1)}


def test_calls_under_way_end_at_once_and_the_next_ones_work(
    namespace: str, proxy: Proxy, probe: Probe
) -> None:
    async def main() -> None:
        async with leveret.connect_async(proxy.url, namespace=namespace, **QUICK) as client:
            patient = client.with_options(timeout=600)
            calls = [patient.service("probe").hang(str(n)) for n in range(20)]
            await asyncio.to_thread(probe.started.wait_for, 20)
            proxy.cut()
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, leveret.Unavailable)
                assert error.executed == "maybe"
                assert error.retryable
            # This one waits for the new connection, inside its deadline.
            assert await patient.service("probe").echo(1) == 1
            assert client.state == "connected"

    asyncio.run(main())


def test_the_same_for_blocking_calls(namespace: str, proxy: Proxy, probe: Probe) -> None:
    with leveret.connect(proxy.url, namespace=namespace, timeout=600, **QUICK) as client:
        errors: list[BaseException] = []

        def call() -> None:
            try:
                client.service("probe").hang("a")
            except leveret.LeveretError as error:
                errors.append(error)

        threads = [threading.Thread(target=call) for _ in range(5)]
        for thread in threads:
            thread.start()
        probe.started.wait_for(5)
        proxy.cut()
        for thread in threads:
            thread.join(PATIENCE)
        assert [(type(error), error.executed) for error in errors] == [  # type: ignore[attr-defined]
            (leveret.Unavailable, "maybe")
        ] * 5
        assert client.service("probe").echo(1) == 1


def test_while_there_is_no_broker(namespace: str, proxy: Proxy, probe: Probe) -> None:
    with leveret.connect(proxy.url, namespace=namespace, **QUICK) as client:
        assert client.service("probe").echo(1) == 1
        proxy.cut(refuse=True)
        eventually(lambda: client.state == "reconnecting", "the loss is noticed")
        with pytest.raises(leveret.Unavailable) as caught:
            client.service("probe", when_disconnected="fail").echo(1)
        assert caught.value.executed == "no"
        with pytest.raises(leveret.DeadlineExceeded) as late:
            client.service("probe", timeout=0.05).echo(1)
        assert late.value.executed == "no"
        seen = proxy.accepted
        eventually(lambda: proxy.accepted > seen + 2, "it tries again and again")
        proxy.mend()
        assert client.service("probe", timeout=600).echo(2) == 2


def test_a_server_comes_back_by_itself(
    namespace: str, proxy: Proxy, serve: Serve, client: leveret.Client
) -> None:
    probe = Probe()
    server = serve(probe, url=proxy.url, **QUICK)
    echo = client.with_options(timeout=600).service("probe").echo
    for n in range(3):
        assert echo(n) == n
        proxy.cut(refuse=n == 1)
        if n == 1:
            seen = proxy.accepted
            eventually(lambda seen=seen: proxy.accepted > seen + 2, "it tries")  # type: ignore[misc]
            proxy.mend()
    assert echo("after") == "after"
    assert server.serving


def test_a_handler_outlives_its_connection_and_answers_on_the_next(
    namespace: str, proxy: Proxy, serve: Serve
) -> None:
    """The request comes back, and the server knows that it runs it already."""
    probe = Probe()
    serve(probe, url=proxy.url, **QUICK)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=60) as client:
            call = client.service("probe").until_let_go("a")
            assert await asyncio.to_thread(probe.started.wait) == "a"
            proxy.cut()
            # Once this is answered, the server is back.
            assert await client.service("probe").echo(1) == 1
            probe.let_go.set()
            assert await call == "a"

    asyncio.run(main())
    assert probe.started.empty(), "it ran twice"


def test_a_process_whose_broker_is_away_still_ends(scripts: Scripts, proxy: Proxy) -> None:
    program = scripts.start(
        """
        client = connect(url=os.environ["PROXY"], backoff=(0.01, 0.1), timeout=600)
        say("connected")
        sys.stdin.readline()
        def call():
            try:
                client.service("probe").echo(1)
            except leveret.Unavailable as error:
                say(error.executed)
        thread = threading.Thread(target=call)
        thread.start()
        """,
        PROXY=proxy.url,
    )
    assert program.line() == "connected"
    proxy.cut(refuse=True)
    program.tell()
    assert program.end(8) == 0
    assert program.line() == "no"
    # It logs that it lost the connection, and nothing else.
    assert "Traceback" not in program.stderr


def test_connections_closed_by_an_administrator(
    namespace: str, serve: Serve, client: leveret.Client
) -> None:
    name = namespace + "closed"
    probe = Probe()
    serve(probe, name=name, **QUICK)
    assert client.service("probe").echo(1) == 1

    def connections() -> list[str]:
        return [one["id"] for one in order("connections") if name in one["name"]]

    found = connections()
    assert found, "the connections bear the name"
    for id in found:
        order("close_connection", id=id, reason="enough")
    assert client.with_options(timeout=600).service("probe").echo(2) == 2
    # RabbitMQ's list lags behind.
    eventually(lambda: set(connections()).isdisjoint(found), "the old ones are gone")


def test_dead_letters_of_a_lost_connection_say_that_they_stay(
    namespace: str, client: leveret.Client, proxy: Proxy
) -> None:
    queue = leveret.TaskQueue("lost", str)

    def handle(_: str) -> None:
        raise leveret.Reject("no")

    client.push_all(queue, ["a", "b"])
    with leveret.Server(leveret.worker(queue)(handle), namespace=namespace).in_thread():
        eventually(lambda: client.queue_info(queue).dead == 2, "two dead letters")
    with leveret.connect(proxy.url, namespace=namespace, **QUICK) as other:
        letters = iter(other.dead_letters(queue))
        retried, discarded = next(letters), next(letters)
        proxy.cut(refuse=True)
        eventually(lambda: other.state == "reconnecting", "the loss")
        for decide in (retried.retry, discarded.discard):
            with pytest.raises(leveret.Unavailable) as failed:
                decide()
            assert failed.value.executed == "no"
        eventually(lambda: client.queue_info(queue).dead == 2, "both are there")
        assert client.queue_info(queue).ready == 0
        proxy.mend()


def test_cancelling_while_there_is_no_connection(namespace: str, proxy: Proxy) -> None:
    async def main() -> None:
        client: Any = await leveret.connect_async(proxy.url, namespace=namespace, **QUICK)
        proxy.cut(refuse=True)
        calls = [client.service("probe", timeout=600).echo(n) for n in range(50)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in results)
        await asyncio.wait_for(client.close(), PATIENCE)

    asyncio.run(main())


def test_connecting_is_given_up(proxy: Proxy) -> None:
    """Whoever stops waiting for a connection leaves none behind."""

    async def main() -> None:
        for _ in range(5):
            connecting = asyncio.create_task(leveret.connect_async(proxy.url))
            await asyncio.sleep(0)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
        end = time.monotonic() + PATIENCE
        while proxy.accepted < 2 or proxy.count():
            assert time.monotonic() < end, "a connection was left behind"
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_what_comes_too_late_for_its_loop_is_let_go(
    namespace: str, proxy: Proxy, probe: Probe
) -> None:
    """Connections and calls that a closed loop has left, at the latest when there is another."""

    async def leave() -> None:
        connecting = asyncio.create_task(leveret.connect_async(proxy.url))
        await asyncio.sleep(0)
        connecting.cancel()

    async def leave_a_call(client: leveret.AsyncClient) -> None:
        client.service("probe", timeout=600).hang("a")
        await asyncio.to_thread(probe.started.wait)

    async def again() -> leveret.AsyncClient:
        return await leveret.connect_async(namespace=namespace)

    client = asyncio.run(again())
    asyncio.run(leave())
    asyncio.run(leave_a_call(client))
    asyncio.run(client.close())
    assert probe.cancelled.wait() == "a"

    def closed() -> bool:
        gc.collect()
        return proxy.accepted >= 1 and proxy.count() == 0

    eventually(closed, "the connection is closed")
