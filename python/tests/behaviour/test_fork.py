"""Forks with connections open: the child has none of its parent's threads, so what the parent made
is dead there. It must say so, at once, and whatever the child makes for itself must work.
"""

from __future__ import annotations

import pytest

from .rig import Probe, Scripts

# `-W error` would turn this warning of Python's own, about forks with threads, into an error.
QUIET = "-Wignore:This process:DeprecationWarning"

# Runs `child()` in a fork; what it raises and prints is shown, and its status is checked.
FORK = """
def fork(child):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except Exception as error:
            say("child failed:", type(error).__name__, error)
            os._exit(1)
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    say("status", status)
"""


def test_a_client_of_the_parent_is_refused_and_the_parent_goes_on(
    scripts: Scripts, probe: Probe
) -> None:
    lines = scripts.run(
        FORK
        + """
client = connect()
probe = client.service("probe")
echo = probe.echo
assert echo(1) == 1
def child():
    for attempt in (lambda: echo(2), lambda: probe.hang(2), lambda: probe.echo.cast(2),
                    lambda: client.service("probe").echo(2)):
        try:
            attempt()
        except leveret.FailedPrecondition as error:
            say(error.executed, error.retryable, "fork" in error.message)
    say(client.state, client.unclaimed_replies, repr(client)[:16])
    client.close()
    client.close()
fork(child)
say(probe.echo(3))
""",
        QUIET,
    )
    assert lines == [
        *["no False True"] * 4,
        "closed 0 <leveret.Client ",
        "status 0",
        "3",
    ]


def test_an_async_client_of_the_parent_is_refused(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        FORK
        + """
async def main():
    global client
    client = await connect_async()
    assert await client.service("probe").echo(1) == 1
asyncio.run(main())
def child():
    async def main():
        probe = client.service("probe")
        for attempt in (lambda: probe.echo(2), lambda: probe.echo.cast(2)):
            try:
                await attempt()
            except leveret.FailedPrecondition as error:
                say(error.executed, error.retryable, "fork" in error.message)
        await client.close()
    asyncio.run(main())
fork(child)
""",
        QUIET,
    )
    assert lines == [*["no False True"] * 2, "status 0"]


def test_a_fork_inside_a_running_loop(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        FORK
        + """
async def main():
    async with connect_async() as client:
        probe = client.service("probe")
        assert await probe.echo(1) == 1
        waiting = probe.until_let_go("parent")
        await probe.echo(2)
        def child():
            # asyncio itself knows that the parent's loop does not run here.
            async def main():
                try:
                    await probe.echo(2)
                except leveret.FailedPrecondition as error:
                    say(error.executed)
                async with connect_async() as mine:
                    say(await mine.service("probe").echo("mine"))
            asyncio.run(main())
            os._exit(0)
        fork(child)
        say(await probe.echo(3), waiting.done())
        waiting.cancel()
asyncio.run(main())
""",
        QUIET,
    )
    assert lines == ["no", "mine", "status 0", "3 False"]


def test_what_is_sent_on_a_client_of_the_parent_is_refused(scripts: Scripts) -> None:
    """Nothing runs in the child that could send it: it would wait for ever."""
    lines = scripts.run(
        FORK
        + """
queue, events = leveret.TaskQueue("inherited", int), leveret.Events.fanout("inherited", int)
async def connected():
    return await connect_async()
client = asyncio.run(connected())
async def listen():
    async with client.listen(events) as heard:
        async for _ in heard:
            pass
async def letters():
    async for _ in client.dead_letters(queue):
        pass
def child():
    async def main():
        for attempt in (lambda: client.push(queue, 1), lambda: client.push_all(queue, [1]),
                        lambda: client.publish(events, 1), lambda: client.queue_info(queue),
                        lambda: client.purge_queue(queue), listen, letters):
            try:
                await asyncio.wait_for(attempt(), 5)
            except leveret.FailedPrecondition as error:
                say(error.executed, error.retryable)
    asyncio.run(main())
fork(child)
async def close():
    await client.close()
asyncio.run(close())
""",
        QUIET,
    )
    assert lines == [*["no False"] * 7, "status 0"]


@pytest.mark.parametrize("opened", ["nothing", "client", "async client", "server"])
def test_a_new_connection_in_the_child_works(scripts: Scripts, probe: Probe, opened: str) -> None:
    before = {
        "nothing": "",
        "client": "client = connect(); client.service('probe').echo(1)",
        "async client": """
async def main():
    global client
    client = await connect_async()
    await client.service("probe").echo(1)
asyncio.run(main())
""",
        "server": """
service = leveret.Service("parents")
@service.rpc
def where() -> int:
    return os.getpid()
serving = leveret.Server(service, namespace=NAMESPACE).in_thread()
serving.__enter__()
""",
    }[opened]
    lines = scripts.run(
        FORK
        + before
        + """
def child():
    with connect() as mine:
        say(mine.service("probe").echo("blocking"))
    async def main():
        async with connect_async() as mine:
            say(await mine.service("probe").echo("async"))
    asyncio.run(main())
    service = leveret.Service("childs")
    @service.rpc
    def where() -> int:
        return os.getpid()
    with leveret.Server(service, namespace=NAMESPACE).in_thread(), connect() as mine:
        say(mine.service("childs").where() == os.getpid())
fork(child)
"""
        + ("say(connect().service('parents').where() == os.getpid())" * (opened == "server")),
        QUIET,
    )
    assert lines[:4] == ["blocking", "async", "True", "status 0"]
    assert lines[4:] == ["True"] * (opened == "server")


def test_a_grandchild(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        FORK
        + """
first = connect()
first.service("probe").echo(1)
def child():
    second = connect()
    second.service("probe").echo(1)
    def grandchild():
        for client in (first, second):
            try:
                client.service("probe").echo(1)
            except leveret.FailedPrecondition:
                say("refused")
        with connect() as third:
            say(third.service("probe").echo("third"))
    fork(grandchild)
    say(second.service("probe").echo("second"))
fork(child)
say(first.service("probe").echo("first"))
""",
        QUIET,
    )
    assert lines == ["refused", "refused", "third", "status 0", "second", "status 0", "first"]


def test_the_twins_of_a_fork_make_calls_of_their_own(scripts: Scripts, probe: Probe) -> None:
    """A copied random generator gives both sides the same ids for their calls, and then a server
    takes the second call for a repetition of the first, and answers with what that was told.
    """
    lines = scripts.run(
        FORK
        + """
client = connect()
client.service("probe").echo("before")
def child():
    with connect() as mine:
        for n in range(5):
            say(mine.service("probe").echo(f"child {n}"))
fork(child)
for n in range(5):
    say(client.service("probe").echo(f"parent {n}"))
""",
        QUIET,
    )
    assert lines == [
        *(f"child {n}" for n in range(5)),
        "status 0",
        *(f"parent {n}" for n in range(5)),
    ]


def test_a_fork_while_other_threads_call(scripts: Scripts, probe: Probe) -> None:
    """The locks that those hold at that moment stay locked in the child for ever."""
    lines = scripts.run(
        FORK
        + """
client = connect()
probe = client.service("probe")
done = threading.Event()
def call():
    while not done.is_set():
        probe.echo("x" * 1000)
threads = [threading.Thread(target=call) for _ in range(4)]
for thread in threads:
    thread.start()
def child():
    try:
        probe.echo(1)
    except leveret.FailedPrecondition:
        pass
    with connect() as mine:
        mine.service("probe").echo(1)
for _ in range(20):
    fork(child)
done.set()
for thread in threads:
    thread.join()
""",
        QUIET,
    )
    assert lines == ["status 0"] * 20


def test_multiprocessing_inherits_a_client_that_says_so(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        """
        import multiprocessing
        client = connect()
        client.service("probe").echo(1)
        def work(n):
            try:
                return client.service("probe").echo(n)
            except leveret.FailedPrecondition as error:
                return error
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            # The error goes through a pickle on its way back.
            for error in pool.map(work, range(3)):
                say(type(error).__name__, error.executed, error.retryable)
            pool.close()
            pool.join()
        say(client.service("probe").echo(2))
        """,
        QUIET,
    )
    assert lines == ["FailedPrecondition no False"] * 3 + ["2"]
