"""How workers begin and end: in order, too late, with their connection, by a signal, in a fork."""

from __future__ import annotations

import asyncio
import signal
import threading

import leveret
import pytest

from .jobs import Row, Serve
from .jobs import row_queue as queue
from .rig import PATIENCE, Proxy, Scripts, Seen, eventually


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


def test_a_closed_client_pushes_and_tells_nothing(namespace: str) -> None:
    client = leveret.connect(namespace=namespace)
    client.close()
    for use in (
        lambda: client.push(queue(), Row(1)),
        lambda: client.queue_info(queue()),
        lambda: client.purge_queue(queue()),
        lambda: client.dead_letters(queue()),
    ):
        with pytest.raises(leveret.Unavailable) as caught:
            use()
        assert (caught.value.executed, caught.value.retryable) == ("no", False)

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
