"""What a call is in Python: what it takes, what it gives, and that it is at home among asyncio's
own things.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import leveret
import pytest

from .rig import Probe

THOUSAND = list(range(1000))


@leveret.service("math")
class Math:
    @leveret.rpc
    def add(self, a: int, b: int = 10) -> int:
        return a + b

    @leveret.rpc
    async def with_options(self, a: int) -> int:
        return -a

    @leveret.rpc(default=True)
    def unnamed(self, a: int) -> int:
        return 100 * a


@pytest.fixture
def math(serve: Callable[..., leveret.Server], client: leveret.Client) -> leveret.Proxy:
    serve(Math())
    return client.service("math")


def test_arguments_by_position_and_by_name(math: leveret.Proxy) -> None:
    assert math.add(1, 2) == 3
    assert math.add(a=1, b=2) == 3
    assert math.add(1) == 11
    with pytest.raises(TypeError, match=r"math\.add takes arguments by position or by name"):
        math.add(1, b=2)


def test_names_that_are_taken_and_no_name(math: leveret.Proxy) -> None:
    assert math["with_options"](1) == -1
    assert math[""](1) == 100
    for name in ("_repr_html_", "__wrapped__", "_ipython_display_"):
        assert not hasattr(math, name), "notebooks would take it for theirs"


def test_many_threads(math: leveret.Proxy) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(math.add, THOUSAND)) == [n + 10 for n in THOUSAND]


def test_a_thousand_at_once(namespace: str, probe: Probe) -> None:
    async def main() -> list[Any]:
        async with leveret.connect_async(namespace=namespace) as client:
            return await asyncio.gather(*map(client.service("probe").echo, THOUSAND))

    assert asyncio.run(main()) == THOUSAND


def test_a_call_is_sent_before_it_is_awaited(namespace: str, probe: Probe) -> None:
    async def main() -> Any:
        async with leveret.connect_async(namespace=namespace) as client:
            call = client.service("probe").until_let_go("a")
            assert await asyncio.to_thread(probe.started.wait) == "a"
            assert isinstance(call, asyncio.Future)
            assert not call.done()
            probe.let_go.set()
            # Awaiting it twice is allowed, as for every future.
            return await call, await call

    assert asyncio.run(main()) == ("a", "a")


def test_everything_that_asyncio_does_with_awaitables(namespace: str, probe: Probe) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            echo = client.service("probe").echo
            assert asyncio.iscoroutine(echo(0))
            assert asyncio.isfuture(echo(0))
            assert await asyncio.create_task(echo(1)) == 1
            assert await asyncio.ensure_future(echo(2)) == 2
            assert await asyncio.wait_for(echo(3), 60) == 3
            assert await asyncio.shield(echo(4)) == 4
            found = [await one for one in asyncio.as_completed([echo(5), echo(6)])]
            assert sorted(found) == [5, 6]
            done, pending = await asyncio.wait([asyncio.create_task(echo(n)) for n in (7, 8)])
            assert not pending
            assert {one.result() for one in done} == {7, 8}
            first, second, third = await asyncio.gather(
                echo(9), client.service("probe").no(), echo(10), return_exceptions=True
            )
            assert (first, third) == (9, 10)
            assert isinstance(second, leveret.NoSuchMethod)
            if sys.version_info >= (3, 11):
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(echo(n)) for n in range(10)]
                assert [task.result() for task in tasks] == list(range(10))

    asyncio.run(main(), debug=True)


@pytest.mark.parametrize("how", ["cancel", "task", "wait_for", "gather", "close"])
def test_giving_up_reaches_the_handler(namespace: str, probe: Probe, how: str) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=600) as client:
            call: Any = client.service("probe").hang(how)
            waiting: Any = call
            if how == "task":
                waiting = asyncio.create_task(call)
            elif how == "gather":
                waiting = asyncio.gather(call, client.service("probe").hang(how))
                await asyncio.to_thread(probe.started.wait)
            await asyncio.to_thread(probe.started.wait)
            if how == "wait_for":
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(call, 0.01)
            elif how == "close":
                # As a coroutine that is dropped.
                call.close()
                assert call.cancelled()
            else:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            assert await asyncio.to_thread(probe.cancelled.wait) == how
            assert call.cancelled()

    asyncio.run(main())


def test_a_shielded_call_goes_on(namespace: str, probe: Probe) -> None:
    async def main() -> Any:
        async with leveret.connect_async(namespace=namespace) as client:
            call = client.service("probe").until_let_go("a")
            outer = asyncio.shield(call)
            outer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await outer
            probe.let_go.set()
            return await call

    assert asyncio.run(main()) == "a"


def test_cancelled_before_it_was_awaited(namespace: str, probe: Probe) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            calls = [client.service("probe").echo(n) for n in range(100)]
            assert all(call.cancel() for call in calls)
            assert not any(call.cancel() for call in calls)
            assert await client.service("probe").echo("after") == "after"

    asyncio.run(main())


def test_casts(namespace: str, client: leveret.Client, probe: Probe) -> None:
    assert client.service("probe").hang.cast("a") is None
    assert probe.started.wait() == "a"

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as own:
            assert await own.service("probe").until_let_go.cast("b") is None
            with pytest.raises(leveret.NoSuchService):
                await own.service("nobody").method.cast()

    asyncio.run(main())
    assert probe.started.wait() == "b"
    with pytest.raises(leveret.NoSuchService):
        client.service("nobody").method.cast()


def test_options_make_new_views(client: leveret.Client, probe: Probe) -> None:
    service = leveret.Service("probe")
    impatient = client.with_options(timeout=0.05)
    for caller in (
        impatient.service("probe").hang,
        client.service("probe", timeout=0.05).hang,
        client.service("probe").with_options(timeout=0.05).hang,
        client.service("probe").hang.with_options(timeout=0.05),
    ):
        with pytest.raises(leveret.DeadlineExceeded) as caught:
            caller(service.name)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.executed in ("maybe", "no")
    # The ones they were made from are as before.
    assert client.service("probe").echo(1) == 1


@pytest.mark.parametrize("codec", ["msgpack", "json"])
@pytest.mark.parametrize("value", [None, True, -1, 2**63, 1.5, "é", [1, [2]], {"a": {"b": [None]}}])
def test_codecs(client: leveret.Client, probe: Probe, codec: Any, value: Any) -> None:
    assert client.service("probe", codec=codec).echo(value) == value
    assert client.service("probe", codec=codec).echo(value=value) == value


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": -1},
        {"timeout": "2"},
        {"timeout": float("nan")},
        {"priority": 256},
        {"priority": -1},
        {"codec": "xml"},
        {"metadata": {"a": 1}},
        {"metadata": "a"},
        {"trace": 1},
        {"try_now": 1},
        {"when_blocked": "maybe"},
        {"timeot": 1},
        {"expires": float("inf")},
    ],
)
def test_options_that_do_not_fit(client: leveret.Client, options: dict[str, Any]) -> None:
    (key,) = options
    with pytest.raises((TypeError, ValueError), match=key):
        client.with_options(**options)
    with pytest.raises((TypeError, ValueError), match=key):
        leveret.connect(**options)


def test_threads_and_loops_of_one_process_at_once(
    namespace: str, client: leveret.Client, probe: Probe
) -> None:
    right: list[bool] = []

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as own:
            right.append(
                await asyncio.gather(*map(own.service("probe").echo, THOUSAND)) == THOUSAND
            )

    def blocking() -> None:
        echo = client.service("probe").echo_in_thread
        right.append([echo(n) for n in range(200)] == THOUSAND[:200])

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(2)]
    threads += [threading.Thread(target=blocking) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 4
