"""Events by a `for` and by an `async for`."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import Any

import leveret
import pytest
from leveret._do import Opened
from leveret._loop import CallFuture

from .rig import PATIENCE, Proxy, Scripts, eventually

LOGS = leveret.Events.topic("logs", str)
GROUP: dict[str, Any] = {
    "keys": ["#"],
    "durable": "audit",
    "retry_delay": 0.1,
    "queue": leveret.QueueOptions(expires=600.0),
}
QUEUE = leveret.TaskQueue("logs.audit", str)


def test_events_come_one_after_the_other(client: leveret.Client) -> None:
    with client.listen(LOGS, keys=["a.*"]) as events:
        for n in range(40):
            client.publish(LOGS, str(n), key="a.b")
            client.publish(LOGS, "other", key="b.a")
        found = [next(events) for _ in range(40)]
    assert [text for text, _ in found] == [str(n) for n in range(40)]
    assert {message.routing_key for _, message in found} == {"a.b"}


def test_a_loop_on_a_loop(namespace: str) -> None:
    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace)
        async with client, client.listen(LOGS, keys=["#"]) as events:
            await asyncio.gather(*(client.publish(LOGS, str(n)) for n in range(40)))
            found: set[str] = set()
            async for text, message in events:
                assert message.attempt == 1
                found.add(text)
                if len(found) == 40:
                    break
        assert found == {str(n) for n in range(40)}

    asyncio.run(main())


def test_the_iteration_ends_with_the_client(namespace: str) -> None:
    client = leveret.connect(namespace=namespace)
    listening = client.listen(LOGS, keys=["#"])
    client.publish(LOGS, "only")
    found: list[str] = []

    def iterate() -> None:
        for text, _ in listening:
            found.append(text)
            closing.set()

    closing = threading.Event()
    thread = threading.Thread(target=iterate)
    thread.start()
    assert closing.wait(PATIENCE)
    client.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert found == ["only"]

    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace)
        async with client.listen(LOGS, keys=["#"]) as events:
            waiting = asyncio.ensure_future(anext_of(events))
            await client.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    asyncio.run(main())


async def anext_of(events: leveret.AsyncListening[Any]) -> Any:
    return await events.__anext__()


def test_what_a_loop_has_not_gone_on_from_comes_again(client: leveret.Client) -> None:
    client.listen(LOGS, **GROUP).close()
    for text in ("first", "second", "third"):
        client.publish(LOGS, text)

    def until_second() -> None:
        for text, _ in client.listen(LOGS, **GROUP):
            if text == "second":
                raise ValueError("the body is broken")

    with pytest.raises(ValueError, match="broken"):
        until_second()
    found: dict[str, bool] = {}
    with client.listen(LOGS, **GROUP) as events:
        for text, message in events:
            found[text] = message.redelivered
            if len(found) == 2:
                message.ack()
                break
    assert set(found) == {"second", "third"}

    def is_empty() -> bool:
        info = client.queue_info(QUEUE)
        return (info.ready, info.set_aside, info.dead) == (0, 0, 0)

    eventually(is_empty, "all were acknowledged")


def test_settled_by_hand_and_not_readable(client: leveret.Client) -> None:
    with client.listen(LOGS, **GROUP) as events:
        client.publish(leveret.Events.topic("logs"), {"no": "text"})
        client.publish(LOGS, "again")
        client.publish(LOGS, "rejected")
        client.publish(LOGS, "end")
        found: list[tuple[str, int]] = []
        for text, message in events:
            found.append((text, message.attempt))
            if text == "again" and message.attempt == 1:
                message.retry("once more", after=0.1)
            elif text == "rejected":
                message.reject("no")
            if len(found) == 4:
                break
    assert sorted(found) == [("again", 1), ("again", 2), ("end", 1), ("rejected", 1)]
    eventually(lambda: client.queue_info(QUEUE).dead == 2, "two dead letters")
    letters = {letter.reason: letter.error or "" for letter in client.dead_letters(QUEUE)}
    assert set(letters) == {"undecodable", "rejected"}
    assert "Expected `str`, got `object`" in letters["undecodable"]


def test_a_wait_that_is_cancelled_loses_nothing(namespace: str) -> None:
    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace)
        async with client.listen(LOGS, keys=["#"]) as events:
            for n in range(30):
                waiting = asyncio.ensure_future(anext_of(events))
                await asyncio.sleep(0)
                publishing = client.publish(LOGS, str(n))
                if n % 2:
                    await publishing
                # It comes before, after or just as this is cancelled.
                waiting.cancel()
                try:
                    text, _ = await waiting
                except asyncio.CancelledError:
                    text, _ = await asyncio.wait_for(anext_of(events), PATIENCE)
                await publishing
                assert text == str(n)
        await client.close()

    asyncio.run(main())


def test_mistakes(client: leveret.Client, namespace: str) -> None:
    with pytest.raises(ValueError, match="keys"):
        client.listen(LOGS)
    with pytest.raises(TypeError, match="did you mean 'durable'"):
        client.listen(LOGS, keys=["#"], durabel="a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="concurrency"):
        client.listen(LOGS, keys=["#"], concurrency=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Events"):
        client.listen(QUEUE, keys=["#"])  # type: ignore[arg-type]
    missing = leveret.Events.topic("missing", declare="passive")
    with pytest.raises(leveret.NoSuchService):
        client.listen(missing, keys=["#"])

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            with pytest.raises(leveret.NoSuchService):
                await anext_of(client.listen(missing, keys=["#"]))

    asyncio.run(main())


def test_ctrl_c_ends_a_loop(scripts: Scripts, client: leveret.Client) -> None:
    program = scripts.start("""
        client = connect()
        logs = leveret.Events.topic("logs", str)
        events = client.listen(logs, keys=["#"])
        say("listening")
        try:
            for text, message in events:
                say(text)
        except KeyboardInterrupt:
            say("interrupted")
        client.close()
    """)
    assert program.line() == "listening"
    client.publish(LOGS, "hello")
    assert program.line() == "hello"
    program.send_signal(signal.SIGINT)
    assert program.end_well() == ["interrupted"]


def test_a_rate_holds_for_a_loop(client: leveret.Client) -> None:
    times: list[float] = []
    with client.listen(LOGS, keys=["#"], rate=(10, 1.0)) as events:
        for n in range(5):
            client.publish(LOGS, str(n))
        for _ in range(5):
            next(events)
            times.append(time.monotonic())
    assert times[-1] - times[0] > 0.3


def test_a_first_wait_that_is_cancelled_ends_nothing(namespace: str) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            events = client.listen(LOGS, keys=["#"])
            first = asyncio.ensure_future(anext_of(events))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            async with events:
                await client.publish(LOGS, "hello")
                text, _ = await asyncio.wait_for(anext_of(events), PATIENCE)
                assert text == "hello"

    asyncio.run(main())


def test_what_was_opened_as_its_first_wait_was_cancelled_is_kept(
    namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            openings: list[CallFuture[Any]] = []

            def opening(*_: object) -> CallFuture[Any]:
                openings.append(CallFuture())
                return openings[-1]

            monkeypatch.setattr("leveret._do.do", opening)
            nothing: Any = None
            opened: Opened[str] = Opened(client.link, lambda: nothing, "open")
            first = asyncio.ensure_future(opened.get())
            await asyncio.sleep(0)
            openings[0].set_result("opened")
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert await asyncio.wait_for(opened.get(), PATIENCE) == "opened"
            assert len(openings) == 1

    asyncio.run(main())


def test_several_may_wait_for_the_first_dead_letter(client: leveret.Client, namespace: str) -> None:
    dead = leveret.TaskQueue("dead-ones", int, attempts=1, queue=leveret.QueueOptions(expires=600))

    @leveret.worker(dead)
    def refuse(job: int) -> None:
        raise leveret.Reject("no")

    with leveret.Server(refuse, client=client).in_thread():
        client.push_all(dead, [1, 2, 3])
        eventually(lambda: client.queue_info(dead).dead == 3, "three dead letters")

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            letters = client.dead_letters(dead)
            found = await asyncio.gather(*(letters.__anext__() for _ in range(3)))
            assert sorted(one.job() for one in found) == [1, 2, 3]

    asyncio.run(main())


def test_a_close_ends_who_waits_first(namespace: str) -> None:
    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            events = client.listen(LOGS, keys=["#"])
            waiting = asyncio.ensure_future(anext_of(events))
            await asyncio.sleep(0)
            await events.aclose()
            for one in (waiting, anext_of(events)):
                with pytest.raises(StopAsyncIteration):
                    await one

    asyncio.run(main())


def test_the_timeout_of_the_client_holds(namespace: str, proxy: Proxy) -> None:
    with leveret.connect(proxy.url, namespace=namespace, timeout=0.2) as client:
        proxy.cut(refuse=True)
        eventually(lambda: client.state == "reconnecting", "the connection is lost")
        begun = time.monotonic()
        with pytest.raises(leveret.Unavailable):
            client.listen(LOGS, keys=["#"])

        async def main() -> None:
            async with leveret.connect_async(
                proxy.url, namespace=namespace, timeout=0.2, lazy=True
            ) as client:
                with pytest.raises(leveret.Unavailable):
                    await anext_of(client.listen(LOGS, keys=["#"]))

        asyncio.run(main())
        # Without it the limit is 30 s.
        assert time.monotonic() - begun < 15
