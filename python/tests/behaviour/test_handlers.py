"""Handlers: what they know about their call, what the calls that they make inherit, and how they
hear that nobody waits any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import leveret
import pytest

from .rig import Probe, Seen

Serve = Callable[..., leveret.Server]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def describe_context() -> dict[str, Any]:
    cx = leveret.context()
    assert cx is not None
    return {
        "service": cx.service,
        "method": cx.method,
        "metadata": dict(cx.metadata),
        "time_left": cx.time_left,
        "trace": None if cx.trace is None else cx.trace.traceparent,
        "caller": cx.caller,
        "user": cx.user,
        "message_id": cx.message_id,
        "redelivered": cx.redelivered,
        "cancelled": cx.cancelled,
    }


@leveret.service("inner")
class Inner:
    @leveret.rpc
    async def look(self) -> dict[str, Any]:
        return describe_context()

    @leveret.rpc
    def look_in_def(self) -> dict[str, Any]:
        return describe_context()


@pytest.mark.parametrize("method", ["look", "look_in_def"])
def test_what_a_handler_knows(namespace: str, serve: Serve, method: str) -> None:
    serve(Inner())
    assert leveret.context() is None
    with leveret.connect(namespace=namespace, name="me") as client:
        inner = client.service("inner", timeout=30, metadata={"team": "blue"}, trace=TRACE)
        seen = inner[method]()
        assert 25 < seen.pop("time_left") <= 30
        assert len(seen.pop("message_id")) == 36
        assert seen == {
            "service": "inner",
            "method": method,
            "metadata": {"team": "blue"},
            "trace": TRACE,
            "caller": "me",
            "user": "guest",
            "redelivered": False,
            "cancelled": False,
        }
        more = inner.with_options(metadata={"more": "é"}, trace=None)[method]()
        assert more["metadata"] == {"team": "blue", "more": "é"}


@leveret.service("outer")
class Outer:
    """Calls `inner` from a handler, in every way there is to call from one."""

    def __init__(self, client: leveret.Client, own: leveret.AsyncClient) -> None:
        self.client = client
        self.own = own

    @leveret.rpc
    async def straight(self) -> Any:
        return await self.own.service("inner").look()

    @leveret.rpc
    async def in_a_task(self) -> Any:
        async def task() -> Any:
            return await self.own.service("inner").look()

        return await asyncio.create_task(task())

    @leveret.rpc
    async def in_a_thread(self) -> Any:
        return await asyncio.to_thread(self.client.service("inner").look)

    @leveret.rpc
    def in_def(self) -> Any:
        return self.client.service("inner").look()

    @leveret.rpc
    def in_a_copied_context(self) -> Any:
        with ThreadPoolExecutor() as pool:
            run = contextvars.copy_context().run
            return pool.submit(run, self.client.service("inner").look).result()

    @leveret.rpc
    def in_a_loop_of_its_own(self) -> Any:
        async def main() -> Any:
            return await self.own.service("inner").look()

        return asyncio.run(main())

    @leveret.rpc
    def with_less(self) -> Any:
        return self.client.service("inner", timeout=1).look()

    @leveret.rpc
    def with_more(self) -> Any:
        return self.client.service("inner", timeout=100).look()

    @leveret.rpc
    def with_another_trace(self) -> Any:
        return self.client.service("inner", trace=TRACE.replace("4", "5")).look()

    @leveret.rpc
    def outside(self) -> Any:
        """A thread that was started plainly has no context."""
        with ThreadPoolExecutor() as pool:
            return pool.submit(self.client.service("inner").look).result()


def test_calls_in_handlers_inherit_deadline_and_trace(
    namespace: str, serve: Serve, client: leveret.Client
) -> None:
    async def open_client() -> leveret.AsyncClient:
        return await leveret.connect_async(namespace=namespace)

    own = asyncio.run(open_client())
    serve(Inner(), Outer(client, own))
    outer = client.service("outer", timeout=5, trace=TRACE)
    for method in (
        *("straight", "in_a_task", "in_a_thread", "in_def", "in_a_copied_context"),
        *("in_a_loop_of_its_own", "with_more"),
    ):
        seen = outer[method]()
        assert 0 < seen["time_left"] < 5, method
        assert seen["trace"] == TRACE, method
        assert seen["metadata"] == {}, "metadata is for one call"
    assert outer.with_less()["time_left"] <= 1
    assert outer.with_another_trace()["trace"] == TRACE.replace("4", "5")
    seen = outer.outside()
    assert 5 < seen["time_left"] <= 10
    assert seen["trace"] is None
    asyncio.run(own.close())


def test_a_handler_leaves_nothing_to_the_next(serve: Serve, client: leveret.Client) -> None:
    service = leveret.Service("forgetful")
    seen: list[Any] = []

    @service.rpc
    async def first() -> None:
        loop = asyncio.get_running_loop()
        # Callbacks keep the context in which they were made; new ones made from outside have none.
        loop.call_soon(lambda: seen.append(leveret.context() is not None))

    @service.rpc
    async def second() -> bool:
        cx = leveret.context()
        return cx is not None and cx.method == "second" and cx.metadata == {}

    serve(service)
    forgetful = client.service("forgetful")
    forgetful.with_options(metadata={"a": "b"}).first()
    assert forgetful.second()
    assert seen == [True]


def test_the_task_of_a_handler_is_cancelled_with_its_call(
    namespace: str, serve: Serve, probe: Probe
) -> None:
    """And what it awaits with it, be it a call to elsewhere."""
    service = leveret.Service("middle")
    own: list[leveret.AsyncClient] = []

    @service.rpc
    async def relay() -> Any:
        if not own:
            own.append(await leveret.connect_async(namespace=namespace))
        return await own[0].service("probe", timeout=600).hang("far")

    @service.rpc
    async def close() -> None:
        await own[0].close()

    serve(service)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=600) as client:
            call = client.service("middle").relay()
            assert await asyncio.to_thread(probe.started.wait) == "far"
            call.cancel()
            assert await asyncio.to_thread(probe.cancelled.wait) == "far"
            await client.service("middle").close()

    asyncio.run(main())


def test_a_deadline_cancels_too(client: leveret.Client, probe: Probe) -> None:
    for method in ("hang", "hold"):
        with pytest.raises(leveret.DeadlineExceeded) as caught:
            client.service("probe", timeout=0.3)[method](method)
        assert caught.value.executed == "maybe"
        assert probe.started.wait() == method
        assert probe.cancelled.wait() == method


def test_a_def_handler_sees_that_it_was_cancelled(namespace: str, probe: Probe) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=600) as client:
            call = client.service("probe").hold("a")
            assert await asyncio.to_thread(probe.started.wait) == "a"
            call.cancel()
            assert await asyncio.to_thread(probe.cancelled.wait) == "a"

    asyncio.run(main())


def test_a_call_that_waits_for_a_thread_never_starts_when_it_is_cancelled(
    namespace: str, serve: Serve
) -> None:
    probe = Probe()
    serve(probe, threads=1)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=600) as client:
            service = client.service("probe")
            marker = service.hang("marker")
            assert await asyncio.to_thread(probe.started.wait) == "marker"
            first = service.hold("first")
            assert await asyncio.to_thread(probe.started.wait) == "first"
            second = service.hold("second")
            third = service.hold("third")
            second.cancel()
            # Cancels come in order: with this one, that of the second has been heard.
            marker.cancel()
            assert await asyncio.to_thread(probe.cancelled.wait) == "marker"
            probe.let_go.set()
            assert await asyncio.gather(first, third) == ["first", "third"]

    asyncio.run(main())
    assert probe.started.wait() == "third"
    assert probe.started.empty()


def test_a_handler_that_does_not_let_itself_be_cancelled(namespace: str, serve: Serve) -> None:
    """Its late answer is dropped, and the next call is none the worse."""
    service = leveret.Service("stubborn")
    started: Seen[str] = Seen()
    ended: Seen[str] = Seen()

    @service.rpc
    async def refuse() -> str:
        started.add("refuse")
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            ended.add("refuse")
        return "late"

    serve(service)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=600) as client:
            call = client.service("stubborn").refuse()
            await asyncio.to_thread(started.wait)
            call.cancel()
            await asyncio.to_thread(ended.wait)
            again = client.service("stubborn").refuse()
            await asyncio.to_thread(started.wait)
            again.cancel()
            await asyncio.to_thread(ended.wait)

    asyncio.run(main())


def test_a_service_cancelled_from_within_is_an_error_and_not_a_cancel(
    serve: Serve, client: leveret.Client
) -> None:
    service = leveret.Service("odd")

    @service.rpc
    async def raises() -> None:
        raise asyncio.CancelledError

    @service.rpc
    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    serve(service)
    for method in ("raises", "cancels_itself"):
        with pytest.raises(leveret.Internal) as caught:
            client.service("odd")[method]()
        assert caught.value.executed == "maybe"


def test_def_handlers_run_in_a_bounded_number_of_threads(
    namespace: str, serve: Serve, client: leveret.Client
) -> None:
    service = leveret.Service("pool")
    here: set[int] = set()
    both = threading.Barrier(2)

    @service.rpc
    def meet() -> None:
        here.add(threading.get_ident())
        both.wait(20)

    serve(service, threads=2)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(client.service("pool").meet) for _ in range(8)]:
            done.result()
    assert len(here) == 2
