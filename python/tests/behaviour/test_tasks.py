"""Tasks from a push to their end: done, tried again, settled by hand, in order."""

from __future__ import annotations

import asyncio
from typing import Any

import leveret
import pytest

from .jobs import Resize, Serve
from .jobs import resize_queue as queue
from .rig import Seen, eventually


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
