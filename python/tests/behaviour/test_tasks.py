"""Tasks from a push to their end: done, tried again, given up; what a queue says about itself."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import leveret
import pytest

from .rig import Seen, eventually

Serve = Callable[..., leveret.Server]
THROWAWAY = leveret.QueueOptions(expires=600.0)


@dataclass
class Resize:
    image: str
    width: int


def queue(name: str = "resize", of: Any = Resize, **options: Any) -> leveret.TaskQueue[Any]:
    options.setdefault("queue", THROWAWAY)
    options.setdefault("retry_delay", 0.1)
    return leveret.TaskQueue(name, of, **options)


def test_a_task_is_done_in_a_thread(client: leveret.Client, serve: Serve) -> None:
    resize = queue()
    seen: Seen[tuple[Resize, str | None, int]] = Seen()

    @leveret.worker(resize)
    def handle(job: Resize, message: leveret.Message) -> None:
        assert message.queue.endswith(".resize")
        assert message.routing_key == message.queue
        assert message.exchange == ""
        assert not message.redelivered
        seen.add((job, message.id, message.attempt))

    serve(handle)
    job = Resize("cat.png", 200)
    assert seen.empty()
    pushed = client.push(resize, job)
    assert seen.wait() == (job, pushed, 1)


def test_a_task_is_done_on_the_loop(namespace: str, serve: Serve) -> None:
    resize = queue()
    seen: Seen[Resize] = Seen()

    @leveret.worker(resize)
    async def handle(job: Resize) -> None:
        await asyncio.sleep(0)
        seen.add(job)

    serve(handle)
    jobs = [Resize(f"{n}.png", n) for n in range(300)]

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            one = await client.push(resize, Resize("one", 1))
            many = await asyncio.wait_for(client.push_all(resize, jobs), 20)
            assert len({one, *many}) == 301

    asyncio.run(main())
    done = seen.wait_for(301)
    assert sorted(job.width for job in done) == sorted([1, *range(300)])


def test_a_failure_is_tried_again(client: leveret.Client, serve: Serve) -> None:
    resize = queue(attempts=5)
    seen: Seen[tuple[str | None, int]] = Seen()

    @leveret.worker(resize)
    def handle(job: Resize, message: leveret.Message) -> None:
        seen.add((message.id, message.attempt))
        if message.attempt == 1:
            raise KeyError("broken")
        if message.attempt == 2:
            raise leveret.Retry("not yet", after=0.1)

    serve(handle)
    pushed = client.push(resize, Resize("cat.png", 1))
    assert seen.wait_for(3) == [(pushed, 1), (pushed, 2), (pushed, 3)]
    eventually(lambda: client.queue_info(resize).dead == 0, "no dead letter")


def test_a_rest_may_be_longer_than_any_clock_holds(client: leveret.Client, serve: Serve) -> None:
    jobs = queue("jobs", str, attempts=5)
    seen: Seen[str] = Seen()

    @leveret.worker(jobs)
    def handle(job: str, message: leveret.Message) -> None:
        if job == "never again":
            seen.add(job)
            raise leveret.Retry("later", after=1e300)
        if message.attempt < 4:
            raise leveret.Retry("soon")
        seen.add(job)

    serve(handle)
    client.push(jobs, "never again")
    client.push(jobs, "again")
    # By its fourth attempt the other one would long have had its second.
    assert seen.wait_for(2) == ["never again", "again"]
    assert seen.empty()


@pytest.mark.parametrize("style", ["def", "async def"])
def test_dead_letters_are_read_retried_and_discarded(
    client: leveret.Client, serve: Serve, style: str
) -> None:
    resize = queue(attempts=2)
    seen: Seen[int] = Seen()
    works = False

    @leveret.worker(resize)
    def in_thread(job: Resize, message: leveret.Message) -> None:
        seen.add(message.attempt)
        if not works:
            raise ValueError(f"broken {job.image}")

    @leveret.worker(resize)
    async def on_loop(job: Resize, message: leveret.Message) -> None:
        in_thread(job, message)

    serve(in_thread if style == "def" else on_loop)
    before = datetime.datetime.now(datetime.timezone.utc)
    pushed = {client.push(resize, Resize(name, 1)) for name in ("a", "b", "c")}
    assert sorted(seen.wait_for(6)) == [1, 1, 1, 2, 2, 2]
    eventually(lambda: client.queue_info(resize).dead == 3, "three dead letters")

    letters = {letter.job().image: letter for letter in client.dead_letters(resize)}
    assert {letter.id for letter in letters.values()} == pushed
    for name, letter in letters.items():
        assert (letter.reason, letter.attempts) == ("attempts", 2)
        assert letter.error == f"ValueError: broken {name}"
        # To the millisecond.
        assert letter.died_at is not None
        assert letter.died_at > before - datetime.timedelta(milliseconds=1)
    works = True
    letters["a"].retry()
    assert seen.wait() == 1
    letters["b"].discard()
    for done in (letters["a"].retry, letters["b"].retry, letters["b"].discard):
        with pytest.raises(leveret.FailedPrecondition):
            done()
    # Nobody holds the third any more: it is a dead letter still.
    del letters, letter, done
    eventually(lambda: client.queue_info(resize).dead == 1, "one dead letter left")
    assert [left.job().image for left in client.dead_letters(resize)] == ["c"]


def test_dead_letters_on_a_loop(namespace: str, serve: Serve) -> None:
    resize = queue(attempts=1)
    seen: Seen[str] = Seen()
    works = False

    @leveret.worker(resize)
    async def handle(job: Resize) -> None:
        if not works:
            raise leveret.Reject("no such image")
        seen.add(job.image)

    serve(handle)

    async def main() -> None:
        nonlocal works
        async with leveret.connect_async(namespace=namespace) as client:
            await client.push_all(resize, [Resize("a", 1), Resize("b", 1)])
            while (await client.queue_info(resize)).dead < 2:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
            works = True
            async for letter in client.dead_letters(resize):
                assert (letter.reason, letter.error) == ("rejected", "no such image")
                if letter.job().image == "a":
                    await letter.retry()
                else:
                    await letter.discard()
                with pytest.raises(leveret.FailedPrecondition):
                    await letter.retry()
            assert await asyncio.to_thread(seen.wait) == "a"
            assert (await client.queue_info(resize)).dead == 0
            assert await client.purge_queue(resize) == 0

    asyncio.run(main())


@pytest.mark.parametrize("style", ["def", "async def"])
def test_settled_by_hand(client: leveret.Client, serve: Serve, style: str) -> None:
    """What the handler does afterwards does not count."""
    resize = queue(attempts=2)
    seen: Seen[tuple[str, int]] = Seen()

    def again(job: Resize, message: leveret.Message) -> None:
        seen.add((job.image, message.attempt))
        raise RuntimeError("after it was settled")

    @leveret.worker(resize)
    def in_thread(job: Resize, message: leveret.Message) -> None:
        if job.image == "ack":
            message.ack()
        elif job.image == "retry" and message.attempt == 1:
            message.retry("later", after=0.1)
        elif job.image == "retry":
            message.retry("never")
        else:
            message.reject("no")
        with pytest.raises(leveret.FailedPrecondition):
            message.ack()
        again(job, message)

    @leveret.worker(resize)
    async def on_loop(job: Resize, message: leveret.Message) -> None:
        if job.image == "ack":
            await message.ack()
        elif job.image == "retry" and message.attempt == 1:
            await message.retry("later", after=0.1)
        elif job.image == "retry":
            await message.retry("never")
        else:
            await message.reject("no")
        with pytest.raises(leveret.FailedPrecondition):
            await message.ack()
        again(job, message)

    serve(in_thread if style == "def" else on_loop)
    client.push_all(resize, [Resize(name, 1) for name in ("ack", "retry", "reject")])
    done = sorted(seen.wait_for(4))
    assert done == [("ack", 1), ("reject", 1), ("retry", 1), ("retry", 2)]
    eventually(lambda: client.queue_info(resize).dead == 2, "two dead letters")
    letters = {letter.job().image: letter for letter in client.dead_letters(resize)}
    assert (letters["retry"].reason, letters["retry"].error) == ("attempts", "never")
    assert (letters["reject"].reason, letters["reject"].error) == ("rejected", "no")


def test_what_does_not_fit_the_type_is_undecodable(client: leveret.Client, serve: Serve) -> None:
    resize = queue()
    seen: Seen[Resize] = Seen()

    @leveret.worker(resize)
    def handle(job: Resize) -> None:
        seen.add(job)

    serve(handle)
    anything, raw = queue(of=Any), queue(of=leveret.Raw)
    client.push(anything, {"image": "a", "width": "wide"})
    client.push(raw, leveret.Raw(b"\xc1", "application/msgpack"))
    client.push(raw, leveret.Raw(b"{", "application/json"))
    client.push(raw, leveret.Raw(b"\x89PNG", "image/png"))
    client.push(raw, leveret.Raw(b'{"image": "foreign", "width": 3}', "application/json"))
    assert seen.wait() == Resize("foreign", 3)
    eventually(lambda: client.queue_info(resize).dead == 4, "four dead letters")
    letters = {letter.body: letter for letter in client.dead_letters(resize)}
    assert {letter.reason for letter in letters.values()} == {"undecodable"}
    assert {letter.attempts for letter in letters.values()} == {1}
    for letter in letters.values():
        with pytest.raises(leveret.InvalidArgument):
            letter.job()
    errors = [letter.error or "" for letter in letters.values()]
    assert any("$.width" in error for error in errors), errors
    assert "image/png" in (letters[b"\x89PNG"].error or "")
    assert letters[b"{"].content_type == "application/json"
    assert seen.empty()


def test_a_job_of_another_type_is_refused_at_the_push(client: leveret.Client) -> None:
    resize = queue()
    client.push(resize, Resize("a", 1))
    for wrong in (Resize("a", "wide"), {"image": "a"}, object(), None):  # type: ignore[arg-type]
        with pytest.raises(leveret.InvalidArgument) as caught:
            client.push(resize, wrong)
        assert caught.value.executed == "no"
        with pytest.raises(leveret.InvalidArgument):
            client.push_all(resize, [Resize("b", 1), wrong])
    assert client.queue_info(resize).ready == 1
    assert client.purge_queue(resize) == 1
    assert client.queue_info(resize) == leveret.QueueInfo(0, 0, 0, 0)


def test_delays(client: leveret.Client, serve: Serve) -> None:
    resize = queue()
    seen: Seen[tuple[str, float]] = Seen()

    @leveret.worker(resize)
    async def handle(job: Resize) -> None:
        seen.add((job.image, time.monotonic()))

    serve(handle)
    begun = time.monotonic()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=0.35)
    client.push(resize, Resize("at", 1), at=soon)
    client.push(resize, Resize("delayed", 1), delay=0.1)
    client.push(resize, Resize("now", 1), delay=0)
    client.push(resize, Resize("past", 1), at=soon - datetime.timedelta(days=1))
    found = dict(seen.wait_for(4))
    assert set(found) == {"now", "past", "delayed", "at"}
    assert found["delayed"] - begun >= 0.1
    # The clock by which it was reckoned is another one.
    assert found["at"] - begun >= 0.3


def test_a_key_is_done_once(client: leveret.Client, serve: Serve, namespace: str) -> None:
    resize = queue()
    seen: Seen[str] = Seen()

    @leveret.worker(resize, concurrency=1)
    def handle(job: Resize) -> None:
        seen.add(job.image)

    with leveret.Server(handle, namespace=namespace, grace=5.0).in_thread():
        client.push(resize, Resize("first", 1), dedup="order-17")
        assert seen.wait() == "first"
    client.push(resize, Resize("twin", 1), dedup="order-17")
    client.push(resize, Resize("other", 1), dedup="order-18")
    client.push(resize, Resize("without", 1))
    serve(handle)
    assert seen.wait_for(2) == ["other", "without"]
    assert seen.empty()


def test_priorities_overtake(client: leveret.Client, serve: Serve) -> None:
    options = leveret.QueueOptions(max_priority=9, expires=600.0)
    resize = queue(queue=options)
    seen: Seen[tuple[str, int | None]] = Seen()
    client.push(resize, Resize("low", 1), priority=1)
    client.with_options(priority=9).push(resize, Resize("high", 1))
    client.with_options(priority=9).push(resize, Resize("middle", 1), priority=5)

    @leveret.worker(resize, concurrency=1, prefetch=1)
    def handle(job: Resize, message: leveret.Message) -> None:
        seen.add((job.image, message.priority))

    serve(handle)
    assert seen.wait_for(3) == [("high", 9), ("middle", 5), ("low", 1)]


def test_a_task_expires(client: leveret.Client) -> None:
    resize = queue()
    client.push(resize, Resize("late", 1), expires=0.05)
    eventually(lambda: client.queue_info(resize).dead == 1, "a dead letter")
    (letter,) = client.dead_letters(resize)
    assert (letter.reason, letter.attempts, letter.error) == ("expired", 0, None)
    assert letter.job() == Resize("late", 1)


def test_a_full_queue_refuses(client: leveret.Client) -> None:
    resize = queue(queue=leveret.QueueOptions(max_length=1, expires=600.0))
    client.push(resize, Resize("one", 1))
    with pytest.raises(leveret.ResourceExhausted):
        client.with_options(timeout=5).push(resize, Resize("two", 1))


def test_a_queue_that_nobody_has_declared(client: leveret.Client, namespace: str) -> None:
    nowhere = queue("nowhere")
    for ask in (client.queue_info, client.purge_queue):
        with pytest.raises(leveret.NoSuchService):
            ask(nowhere)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            with pytest.raises(leveret.NoSuchService):
                await client.queue_info(nowhere)

    asyncio.run(main())


def test_the_codec_is_the_clients(client: leveret.Client, serve: Serve) -> None:
    blobs = queue("blobs", dict[str, bytes])
    seen: Seen[tuple[Any, str | None, bytes]] = Seen()

    @leveret.worker(blobs)
    def handle(job: dict[str, bytes], message: leveret.Message) -> None:
        seen.add((job, message.content_type, message.body))

    serve(handle)
    client.push(blobs, {"a": b"\x00"})
    assert seen.wait() == ({"a": b"\x00"}, "application/msgpack", b"\x81\xa1a\xc4\x01\x00")
    client.with_options(codec="json").push(blobs, {"a": b"\x00"})
    assert seen.wait() == ({"a": b"\x00"}, "application/json", b'{"a":"AA=="}')


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("style", ["def", "async def"])
def test_metadata_and_trace(
    client: leveret.Client, namespace: str, serve: Serve, style: str
) -> None:
    """What a handler sends has the trace of its task."""
    first, second = queue("first", str), queue("second", str)
    seen: Seen[tuple[Any, ...]] = Seen()

    def told(message: leveret.Message) -> None:
        context = leveret.context()
        assert context is not None
        assert context.trace == message.trace
        assert (context.service, context.method) == (message.queue, "")
        assert (context.message_id, context.metadata) == (message.id, message.metadata)
        trace = message.trace and message.trace.traceparent
        seen.add((trace, dict(message.metadata), message.headers.get("team"), message.sender))

    @leveret.worker(first)
    def in_thread(job: str, message: leveret.Message) -> None:
        told(message)
        client.push(second, job)

    @leveret.worker(first)
    async def on_loop(job: str, message: leveret.Message) -> None:
        told(message)
        async with leveret.connect_async(namespace=namespace) as own:
            await own.push(second, job)

    @leveret.worker(second)
    async def last(job: str, message: leveret.Message) -> None:
        told(message)

    serve(in_thread if style == "def" else on_loop, last)
    with leveret.connect(name="pusher", namespace=namespace) as named:
        named.with_options(trace=TRACE, metadata={"team": "blue"}).push(first, "a")
    assert seen.wait() == (TRACE, {"team": "blue"}, "blue", "pusher")
    assert seen.wait() == (TRACE, {}, None, None)
    assert leveret.context() is None


def test_the_hint_decides_where_the_queue_says_nothing(
    client: leveret.Client, serve: Serve
) -> None:
    resize = queue(of=Any)
    seen: Seen[Resize] = Seen()

    @leveret.worker(resize)
    def handle(job: Resize) -> None:
        seen.add(job)

    serve(handle)
    client.push(resize, {"image": "a", "width": 1})
    assert seen.wait() == Resize("a", 1)


def test_tasks_of_one_key_are_done_in_order(client: leveret.Client, serve: Serve) -> None:
    """A failure is tried again before the next of its key; the other key does not wait."""
    ordered = queue("ordered", int, partitions=4, retry_delay=0.2)
    seen: Seen[tuple[str | None, int]] = Seen()

    @leveret.worker(ordered, concurrency=8)
    async def handle(job: int, message: leveret.Message) -> None:
        seen.add((message.key, job))
        if job == 3 and message.attempt == 1:
            raise leveret.Retry("again")

    for job in range(8):
        client.push(ordered, job, key="a")
        client.push(ordered, job, key=7)
    serve(handle)
    found = seen.wait_for(18)
    for key in ("a", "7"):
        assert [job for one, job in found if one == key] == [0, 1, 2, 3, 3, 4, 5, 6, 7]
    for wrong in (lambda: client.push(ordered, 1), lambda: client.push_all(ordered, [1])):
        with pytest.raises(leveret.InvalidArgument):
            wrong()
    with pytest.raises(leveret.InvalidArgument):
        client.push(queue(of=int), 1, key="a")
    with pytest.raises(TypeError, match="key"):
        client.push(ordered, 1, key=1.5)  # type: ignore[arg-type]
