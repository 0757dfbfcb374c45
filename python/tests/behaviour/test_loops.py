"""Clients and the ways in which programs run event loops: again and again, two at a time, of other
makes, nested in something that blocks.
"""

from __future__ import annotations

import pytest

from .rig import Probe, Scripts


def test_asyncio_run_again_and_again_with_one_client(scripts: Scripts, probe: Probe) -> None:
    """A client belongs to no loop."""
    assert scripts.run("""
        client = None
        async def main(n):
            global client
            if client is None:
                client = await connect_async()
            echo = client.service("probe").echo
            return await asyncio.gather(*(echo(i) for i in range(n))) == list(range(n))
        say(all(asyncio.run(main(n)) for n in range(20)))
        asyncio.run(client.close())
    """) == ["True"]


def test_asyncio_run_again_and_again_with_new_clients(scripts: Scripts, probe: Probe) -> None:
    assert scripts.run("""
        async def main(n):
            async with connect_async() as client:
                return await client.service("probe").echo(n)
        def open_files():
            return len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
        asyncio.run(main(0))
        before = open_files()
        say([asyncio.run(main(n)) for n in range(10)] == list(range(10)))
        import gc
        gc.collect()
        say(open_files() - before < 10)
    """) == ["True", "True"]


def test_two_loops_in_two_threads_with_one_client(scripts: Scripts, probe: Probe) -> None:
    assert scripts.run("""
        async def open():
            return await connect_async(name="shared")
        client = asyncio.run(open())
        echo = client.service("probe").echo
        right = []
        async def many(offset):
            for _ in range(20):
                numbers = list(range(offset, offset + 50))
                right.append(await asyncio.gather(*map(echo, numbers)) == numbers)
        def thread(offset):
            asyncio.run(many(offset))
        threads = [threading.Thread(target=thread, args=(n * 1000,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say(len(right), all(right))
        asyncio.run(client.close())
    """) == ["60 True"]


def test_a_result_after_its_loop_has_gone_harms_nobody(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        async def first():
            global client
            client = await connect_async()
            waiting = client.service("probe").until_let_go("a")
            await asyncio.to_thread(sys.stdin.readline)
        asyncio.run(first())
        say("gone")
        sys.stdin.readline()
        async def second():
            # Two, so that the first's result has surely come.
            say(await client.service("probe").echo(1), await client.service("probe").echo(2))
            await client.close()
        asyncio.run(second())
    """)
    assert probe.started.wait() == "a"
    program.tell()
    assert program.line() == "gone"
    probe.let_go.set()
    program.tell()
    assert program.end_well() == ["1 2"]


BLIND = """
class Blind(asyncio.SelectorEventLoop):
    # As Windows' own loop is.
    def add_reader(self, *args):
        raise NotImplementedError
    def remove_reader(self, *args):
        raise NotImplementedError
    def _add_reader(self, *args):
        return super()._add_reader(*args)
loop = Blind()
"""


def test_a_loop_that_watches_no_descriptors(scripts: Scripts, probe: Probe) -> None:
    assert scripts.run(
        BLIND
        + """
async def main():
    async with connect_async() as client:
        echo = client.service("probe").echo
        for _ in range(10):
            assert await asyncio.gather(*map(echo, range(200))) == list(range(200))
        # And handlers in it.
        service = leveret.Service("own")
        @service.rpc
        async def twice(n: int) -> int:
            return 2 * n
        @service.rpc
        async def wait() -> None:
            started.set()
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                stopped.set()
                raise
        started, stopped = asyncio.Event(), asyncio.Event()
        async with leveret.Server(service, client=client):
            own = client.service("own")
            say(await asyncio.gather(*map(own.twice, range(100))) == list(range(0, 200, 2)))
            call = own.wait()
            await started.wait()
            call.cancel()
            await asyncio.wait_for(stopped.wait(), 20)
            say("cancelled")
loop.run_until_complete(main())
loop.close()
"""
    ) == ["True", "cancelled"]


@pytest.mark.parametrize("ended", ["closed", "left open"])
def test_a_blind_loop_that_ends_with_calls_in_flight(
    scripts: Scripts, probe: Probe, ended: str
) -> None:
    program = scripts.start(
        BLIND
        + f"""
async def main():
    global client, call
    client = await connect_async()
    call = client.service("probe").hang("a")
    await asyncio.to_thread(sys.stdin.readline)
loop.run_until_complete(main())
loop.run_until_complete(loop.shutdown_default_executor())
if {ended == "closed"}:
    loop.close()
else:
    import warnings
    warnings.simplefilter("ignore", ResourceWarning)
"""
    )
    assert probe.started.wait() == "a"
    program.tell()
    program.end_well()


def test_uvloop(scripts: Scripts, probe: Probe) -> None:
    assert (
        scripts.run("""
        import uvloop
        service = leveret.Service("own")
        @service.rpc
        async def twice(n: int) -> int:
            assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
            return 2 * n
        async def main():
            async with connect_async() as client, leveret.Server(service, client=client):
                own, probe = client.service("own"), client.service("probe")
                say(await asyncio.gather(*map(own.twice, range(500))) == list(range(0, 1000, 2)))
                try:
                    await asyncio.wait_for(probe.hang("a"), 0.05)
                except asyncio.TimeoutError:
                    say("given up")
                say(await probe.echo("goes on"))
        for _ in range(2):
            loop = uvloop.new_event_loop()
            loop.run_until_complete(main())
            loop.close()
    """)
        == ["True", "given up", "goes on"] * 2
    )


def test_a_blocking_client_inside_a_running_loop(scripts: Scripts, probe: Probe) -> None:
    """Notebooks run cells in a loop; nothing is served there, so a call may block it."""
    assert scripts.run("""
        client = connect()
        async def cell():
            return client.service("probe").echo(1)
        loop = asyncio.new_event_loop()
        say(loop.run_until_complete(cell()))
        async def main():
            # A loop that runs while another one in this thread is in use, as IPython's does.
            return await asyncio.to_thread(lambda: asyncio.run(cell()))
        say(loop.run_until_complete(main()))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    """) == ["1", "1"]


def test_a_blocking_call_in_a_handler_of_the_loop_is_refused(
    scripts: Scripts, probe: Probe
) -> None:
    lines = scripts.run("""
        client = connect()
        service = leveret.Service("own")
        @service.rpc
        async def blocking() -> str:
            try:
                return client.service("probe").echo("not refused")
            except leveret.FailedPrecondition as error:
                assert "connect_async" in error.message
                return str(error.executed)
        @service.rpc
        async def cast() -> str:
            try:
                client.service("probe").echo.cast("not refused")
            except leveret.FailedPrecondition as error:
                return str(error.executed)
            return "not refused"
        @service.rpc
        async def elsewhere() -> str:
            return await asyncio.to_thread(client.service("probe").echo, "in a thread")
        @service.rpc
        def in_def() -> str:
            return client.service("probe").echo("in a def")
        server = leveret.Server(service, namespace=NAMESPACE)
        with server.in_thread():
            own = client.service("own")
            say(own.blocking(), own.cast(), own.elsewhere(), own.in_def(), sep=", ")
        # Where nothing is served any more, nothing is refused.
        async def after():
            say(client.service("probe").echo("after"))
        asyncio.run(after())
    """)
    assert lines == ["no, no, in a thread, in a def", "after"]


def test_a_blocking_connect_in_a_handler_of_the_loop_is_no_deadlock(
    scripts: Scripts, probe: Probe
) -> None:
    lines = scripts.run("""
        service = leveret.Service("own")
        @service.rpc
        async def connects() -> str:
            with connect() as client:
                return client.state
        with leveret.Server(service, namespace=NAMESPACE).in_thread(), connect() as client:
            say(client.service("own").connects())
    """)
    assert lines == ["connected"]
