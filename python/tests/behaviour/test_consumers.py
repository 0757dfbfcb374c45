"""Consumers beside services: batches, rates, bytes as they are, and handlers that make mistakes."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import leveret
import pytest

from .jobs import Row, Serve
from .jobs import row_queue as queue
from .rig import PATIENCE, Seen, eventually


@pytest.mark.parametrize("style", ["def", "async def"])
def test_batches_are_full_or_old(client: leveret.Client, serve: Serve, style: str) -> None:
    rows = queue()
    seen: Seen[list[int]] = Seen()
    client.push_all(rows, [Row(n) for n in range(7)])
    options: Any = {"batch": (3, 0.2), "concurrency": 1}

    @leveret.worker(rows, **options)
    def in_thread(batch: list[Row]) -> None:
        seen.add([row.n for row in batch])

    @leveret.worker(rows, **options)
    async def on_loop(batch: list[Row], messages: list[leveret.Message]) -> None:
        assert len(messages) == len(batch)
        assert leveret.context() is None
        seen.add([row.n for row in batch])

    serve(in_thread if style == "def" else on_loop)
    batches = seen.wait_for(3)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert sorted(n for batch in batches for n in batch) == list(range(7))


def test_a_batch_is_settled_together_or_one_by_one(client: leveret.Client, serve: Serve) -> None:
    rows = queue(attempts=2)
    seen: Seen[list[tuple[int, int]]] = Seen()

    # Nobody but the four makes a batch full, and they come at once.
    @leveret.worker(rows, batch=(4, 0.3))
    def insert(batch: list[Row], messages: list[leveret.Message]) -> None:
        found = sorted(
            (row.n, message.attempt) for row, message in zip(batch, messages, strict=True)
        )
        for row, message in zip(batch, messages, strict=True):
            if row.n == 0:
                message.ack()
            elif row.n == 1:
                message.reject("one is no good")
        seen.add(found)
        raise ValueError("the others are tried again")

    client.push_all(queue(of=Any), [{"n": 0}, {"n": 1}, {"n": 2}, {"n": "three"}])
    serve(insert)
    assert seen.wait() == [(0, 1), (1, 1), (2, 1)]
    assert seen.wait() == [(2, 2)]
    eventually(lambda: client.queue_info(rows).dead == 3, "three dead letters")
    letters = {letter.body[-1:]: letter for letter in client.dead_letters(rows)}
    assert sorted(letter.reason for letter in letters.values()) == [
        "attempts", "rejected", "undecodable",
    ]  # fmt: skip
    assert letters[b"\x02"].error == "ValueError: the others are tried again"


def test_a_rate_spreads_the_runs(client: leveret.Client, serve: Serve) -> None:
    rows = queue()
    seen: Seen[float] = Seen()

    @leveret.worker(rows, rate=(10, 1.0))
    async def handle(row: Row) -> None:
        seen.add(time.monotonic())

    client.push_all(rows, [Row(n) for n in range(6)])
    serve(handle)
    times = seen.wait_for(6)
    # Five times a tenth of a second; what a loop is late for one run it may make up for the next.
    assert times[-1] - times[0] > 0.4


def test_bytes_are_left_as_they_are(client: leveret.Client, serve: Serve) -> None:
    images, blobs = queue("images", leveret.Raw), queue("blobs", bytes)
    seen: Seen[Any] = Seen()

    @leveret.worker(images)
    def image(raw: leveret.Raw) -> None:
        seen.add(raw)

    @leveret.worker(blobs)
    async def blob(body: bytes, message: leveret.Message) -> None:
        seen.add((body, message.content_type))

    serve(image, blob)
    client.push(images, leveret.Raw(b"\x89PNG\xff", "image/png"))
    assert seen.wait() == leveret.Raw(b"\x89PNG\xff", "image/png")
    client.push(images, leveret.Raw(b""))
    assert seen.wait() == leveret.Raw(b"", None)
    client.push(blobs, b"\xc1\xff")
    assert seen.wait() == (b"\xc1\xff", "application/octet-stream")
    client.push(blobs, leveret.Raw(b"a", "text/plain"))
    assert seen.wait() == (b"a", "text/plain")
    for wrong in ("text", 5, None):
        with pytest.raises(leveret.InvalidArgument):
            client.push(blobs, wrong)


def test_services_and_consumers_side_by_side(client: leveret.Client, serve: Serve) -> None:
    """A call makes a task, whose handler publishes an event, whose handler calls."""
    rows = queue()
    done = leveret.Events.direct("done", int)
    math, seen = leveret.Service("math"), Seen[int]()

    @math.rpc
    def double(n: int) -> int:
        return 2 * n

    @math.rpc
    def later(n: int) -> str:
        return client.push(rows, Row(n))

    @leveret.worker(rows)
    def handle(row: Row) -> None:
        client.publish(done, row.n, key="rows")

    @leveret.subscriber(done, keys=["rows"])
    def on_done(n: int) -> None:
        seen.add(client.service("math").double(n))

    server = serve(math, handle, on_done)
    assert "'math'" in repr(server)
    assert "on_done" in repr(server)
    assert server.instance is not None
    assert client.service("math").later(21)
    assert seen.wait() == 42


@pytest.mark.parametrize("style", ["def", "async def"])
def test_a_handler_that_takes_too_long(client: leveret.Client, serve: Serve, style: str) -> None:
    rows = queue(attempts=1)
    seen: Seen[str] = Seen()

    @leveret.worker(rows, timeout=0.2)
    def in_thread(row: Row) -> None:
        context = leveret.context()
        assert context is not None
        assert not context.cancelled
        eventually(lambda: context.cancelled, "the handler hears of it")
        seen.add("cancelled")

    @leveret.worker(rows, timeout=0.2)
    async def on_loop(row: Row) -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            seen.add("cancelled")
            raise

    serve(in_thread if style == "def" else on_loop)
    client.push(rows, Row(1))
    assert seen.wait() == "cancelled"
    eventually(lambda: client.queue_info(rows).dead == 1, "a dead letter")
    (letter,) = client.dead_letters(rows)
    assert letter.reason == "attempts"
    assert "longer than" in (letter.error or "")


def test_the_time_for_a_thread_is_not_the_handlers(client: leveret.Client, serve: Serve) -> None:
    rows = queue(attempts=1)
    seen: Seen[int] = Seen()

    @leveret.worker(rows, concurrency=4, timeout=1.5)
    def slow(row: Row) -> None:
        time.sleep(0.6)
        seen.add(row.n)

    # The last one waits for its thread longer than it may take.
    serve(slow, threads=1)
    client.push_all(rows, [Row(n) for n in range(4)])
    assert sorted(seen.wait_for(4)) == [0, 1, 2, 3]
    eventually(lambda: client.queue_info(rows).ready == 0, "all are done")
    assert client.queue_info(rows).dead == 0


@pytest.mark.parametrize("style", ["def", "async def"])
def test_the_next_of_a_key_waits_for_one_that_took_too_long(
    client: leveret.Client, serve: Serve, style: str
) -> None:
    rows = queue(partitions=1)
    seen: Seen[str] = Seen()
    release = threading.Event()

    @leveret.worker(rows, timeout=0.2)
    def in_thread(row: Row, message: leveret.Message) -> None:
        seen.add(f"{row.n} begins")
        context = leveret.context()
        assert context is not None
        assert not context.cancelled
        if row.n == 0 and message.attempt == 1:
            eventually(lambda: context.cancelled, "the handler hears of it")
            release.wait(PATIENCE)
            assert message.attempt == 1
        seen.add(f"{row.n} ends")

    @leveret.worker(rows, timeout=0.2)
    async def on_loop(row: Row, message: leveret.Message) -> None:
        seen.add(f"{row.n} begins")
        try:
            if row.n == 0 and message.attempt == 1:
                await asyncio.sleep(600)
        finally:
            if row.n == 0 and message.attempt == 1:
                await asyncio.to_thread(release.wait, PATIENCE)
            seen.add(f"{row.n} ends")

    serve(in_thread if style == "def" else on_loop)
    client.push(rows, Row(0), key="k")
    assert seen.wait() == "0 begins"
    client.push(rows, Row(1), key="k")
    # Of another key, and long after the timeout and the rest.
    client.push(rows, Row(2), key="l", delay=0.8)
    assert seen.wait_for(2) == ["2 begins", "2 ends"]
    release.set()
    expected = ["0 ends", "0 begins", "0 ends", "1 begins", "1 ends"]
    assert seen.wait_for(5) == expected


def test_as_many_at_once_as_the_concurrency(client: leveret.Client, serve: Serve) -> None:
    rows = queue()
    lock, most, running = threading.Lock(), 0, 0
    seen: Seen[int] = Seen()
    both = threading.Barrier(2)

    @leveret.worker(rows, concurrency=2, prefetch=20)
    def handle(row: Row) -> None:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        both.wait(PATIENCE)
        with lock:
            running -= 1
        seen.add(row.n)

    serve(handle, threads=8)
    client.push_all(rows, [Row(n) for n in range(20)])
    seen.wait_for(20)
    assert most == 2


def test_mistakes_of_handlers(client: leveret.Client, serve: Serve) -> None:
    """A coroutine that nobody awaits, `sys.exit()` in a thread: their tasks have failed."""
    rows = queue(attempts=1)

    @leveret.worker(rows)
    def handle(row: Row) -> Any:
        if row.n:
            raise SystemExit("done with it")
        return asyncio.sleep(0)

    serve(handle)
    client.push_all(rows, [Row(0), Row(1)])
    eventually(lambda: client.queue_info(rows).dead == 2, "two dead letters")
    errors = {letter.job().n: letter.error or "" for letter in client.dead_letters(rows)}
    assert errors[1] == "SystemExit: done with it"
    assert "coroutine" in errors[0]


def test_a_blocking_push_on_the_loop_is_refused(client: leveret.Client, serve: Serve) -> None:
    rows = queue(attempts=1)
    seen: Seen[Any] = Seen()

    @leveret.worker(rows)
    async def handle(row: Row) -> None:
        try:
            client.push(rows, Row(2))
        except leveret.FailedPrecondition as error:
            seen.add(error.executed)

    serve(handle)
    client.push(rows, Row(1))
    assert seen.wait() == "no"


def test_a_consumer_is_its_function() -> None:
    @leveret.worker(queue())
    def handle(row: Row) -> int:
        """Doubles."""
        return 2 * row.n

    assert handle(Row(2)) == 4
    assert (handle.__name__, handle.__doc__) == ("handle", "Doubles.")


def test_bound_methods_and_other_callables(client: leveret.Client, serve: Serve) -> None:
    seen: Seen[tuple[str, int]] = Seen()

    class Table:
        def insert(self, row: Row) -> None:
            seen.add(("method", row.n))

        async def __call__(self, row: Row, message: leveret.Message) -> None:
            seen.add(("object", row.n))

    table = Table()
    first, second = queue("first"), queue("second")
    serve(leveret.worker(first)(table.insert), leveret.worker(second)(table))
    client.push(first, Row(1))
    client.push(second, Row(2))
    assert sorted(seen.wait_for(2)) == [("method", 1), ("object", 2)]
