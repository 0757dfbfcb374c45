"""Consumers beside services: batches, rates, bytes as they are, stopping, and what ends badly."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import leveret
import pytest

from .rig import PATIENCE, Proxy, Scripts, Seen, eventually

Serve = Callable[..., leveret.Server]
THROWAWAY = leveret.QueueOptions(expires=600.0)


@dataclass
class Row:
    n: int


def queue(name: str = "rows", of: Any = Row, **options: Any) -> leveret.TaskQueue[Any]:
    options.setdefault("queue", THROWAWAY)
    options.setdefault("retry_delay", 0.1)
    return leveret.TaskQueue(name, of, **options)


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


def test_a_stop_gives_back_what_has_not_begun(
    client: leveret.Client, namespace: str, serve: Serve
) -> None:
    rows = queue(attempts=1)
    started: Seen[int] = Seen()
    finish = threading.Event()

    @leveret.worker(rows, concurrency=1, prefetch=10)
    def held(row: Row, message: leveret.Message) -> None:
        started.add(row.n)
        assert finish.wait(PATIENCE)

    client.push_all(rows, [Row(n) for n in range(5)])
    server = leveret.Server(held, namespace=namespace, grace=PATIENCE)
    with server.in_thread():
        first = started.wait()
        # All five are with the worker.
        eventually(lambda: client.queue_info(rows).ready == 0, "all are handed over")
        stopping = threading.Thread(
            target=lambda: eventually(lambda: not server.serving, "it stops") or finish.set()
        )
        stopping.start()
    stopping.join()
    assert client.queue_info(rows).ready == 4
    assert started.empty()

    seen: Seen[tuple[int, int]] = Seen()

    @leveret.worker(rows)
    async def handle(row: Row, message: leveret.Message) -> None:
        seen.add((row.n, message.attempt))

    serve(handle)
    assert sorted(seen.wait_for(4)) == [(n, 1) for n in range(5) if n != first]


def test_what_outlasts_the_grace_time_goes_back(client: leveret.Client, namespace: str) -> None:
    rows = queue(attempts=1)
    seen: Seen[str] = Seen()

    @leveret.worker(rows)
    async def hang(row: Row) -> None:
        seen.add("started")
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            seen.add("cancelled")
            raise

    client.push(rows, Row(1))
    with leveret.Server(hang, namespace=namespace, grace=0.1).in_thread():
        assert seen.wait() == "started"
    assert seen.wait() == "cancelled"
    info = client.queue_info(rows)
    assert (info.ready, info.dead) == (1, 0)


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


def test_a_worker_comes_back_after_a_cut(
    client: leveret.Client, proxy: Proxy, serve: Serve, namespace: str
) -> None:
    rows = queue()
    seen: Seen[int] = Seen()

    @leveret.worker(rows)
    async def handle(row: Row) -> None:
        seen.add(row.n)

    serve(handle, url=proxy.url, backoff=(0.01, 0.1))
    client.push(rows, Row(1))
    assert seen.wait() == 1
    with leveret.connect(proxy.url, namespace=namespace, backoff=(0.01, 0.1)) as cut:
        proxy.cut()
        # Waits for the new connection.
        cut.push(rows, Row(2))
    assert seen.wait() == 2


def test_a_worker_that_cannot_start(namespace: str) -> None:
    """Nothing of the others is left running."""
    missing = leveret.TaskQueue("missing", Row, queue=leveret.QueueOptions(declare="passive"))
    math = leveret.Service("math")

    @math.rpc
    def double(n: int) -> int:
        return 2 * n

    @leveret.worker(missing)
    def handle(row: Row) -> None: ...

    server = leveret.Server(math, handle, namespace=namespace)
    for _ in range(2):
        with pytest.raises(leveret.NoSuchService), server.in_thread():
            pass
        assert not server.serving


def test_a_closed_client_pushes_nothing(namespace: str) -> None:
    client = leveret.connect(namespace=namespace)
    client.close()
    with pytest.raises(leveret.Unavailable):
        client.push(queue(), Row(1))

    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace)
        await client.close()
        with pytest.raises(leveret.Unavailable):
            await client.push(queue(), Row(1))

    asyncio.run(main())


PROGRAM = """
go = threading.Event()
class Watch(logging.Handler):
    def emit(self, record):
        if "stopping" in record.getMessage():
            go.set()
logging.getLogger("leveret").addHandler(Watch())
logging.getLogger("leveret").setLevel(logging.INFO)
rows = leveret.TaskQueue("rows", int, attempts=1, queue=leveret.QueueOptions(expires=600.0))
@leveret.worker(rows, concurrency=1)
%s handle(n: int) -> None:
    say("begun")
    %s
    say("done")
leveret.run(handle, namespace=NAMESPACE, ready=lambda: say("serving"), grace=30)
say("ended")
"""


@pytest.mark.parametrize(
    ("style", "rest"), [("def", "go.wait()"), ("async def", "await asyncio.to_thread(go.wait)")]
)
def test_a_program_finishes_its_task_after_a_signal(
    client: leveret.Client, scripts: Scripts, style: str, rest: str
) -> None:
    rows = queue(of=int)
    client.push_all(rows, [1, 2, 3])
    program = scripts.start(PROGRAM % (style, rest))
    assert sorted([program.line(), program.line()]) == ["begun", "serving"]
    program.send_signal(signal.SIGTERM)
    lines = program.end_well()
    # A second one may have begun before the worker heard of it.
    assert (lines[0], lines[-1]) == ("done", "ended")
    assert lines.count("done") == lines.count("begun") + 1
    info = client.queue_info(rows)
    assert (info.ready, info.dead) == (3 - lines.count("done"), 0)


def test_a_fork_pushes_nothing_on_its_parents_connection(scripts: Scripts) -> None:
    lines = scripts.run(
        """
rows = leveret.TaskQueue("rows", int, attempts=1, queue=leveret.QueueOptions(expires=600.0))
events = leveret.Events.fanout("events", int)
client = connect()
client.push(rows, 1)
pid = os.fork()
if pid == 0:
    for use in (lambda: client.push(rows, 2), lambda: client.publish(events, 2),
                lambda: client.queue_info(rows), lambda: client.dead_letters(rows)):
        try:
            use()
        except leveret.FailedPrecondition as error:
            say(error.executed, "fork" in error.message)
    with connect() as own:
        own.push(rows, 3)
    sys.exit(0)
_, status = os.waitpid(pid, 0)
say(status, client.queue_info(rows).ready)
client.close()
""",
        "-Wignore:This process:DeprecationWarning",
    )
    assert lines == [*["no True"] * 4, "0 2"]
