"""A server from its start to its stop: what is running is answered, what is not goes elsewhere, and
the process ends when it is told to.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

import leveret
import pytest

from .rig import Probe, Scripts, Seen, eventually

Serve = Callable[..., leveret.Server]
SOON = 8.0

SERVER = """
import logging
service = leveret.Service("own")
go = threading.Event()
@service.rpc
async def in_loop(seconds: float) -> str:
    say("in loop")
    await asyncio.sleep(seconds)
    return "answered"
@service.rpc
def in_thread() -> str:
    say("in thread")
    go.wait()
    return "answered"
"""
RUN = """
leveret.run(service, namespace=NAMESPACE, ready=lambda: say("serving"), grace=%s)
say("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_is_answered_after_a_signal(
    scripts: Scripts, namespace: str, number: signal.Signals
) -> None:
    program = scripts.start(
        SERVER
        # Once the server has begun to stop, its handler in the thread may end.
        + """
class Watch(logging.Handler):
    def emit(self, record):
        if "stopping" in record.getMessage():
            go.set()
logging.getLogger("leveret").addHandler(Watch())
logging.getLogger("leveret").setLevel(logging.INFO)
"""
        + RUN % 30
    )
    assert program.line() == "serving"

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            calls = [client.service("own").in_loop(0.5), client.service("own").in_thread()]
            started = {await asyncio.to_thread(program.line) for _ in calls}
            assert started == {"in loop", "in thread"}
            program.send_signal(number)
            assert await asyncio.gather(*calls) == ["answered", "answered"]

    asyncio.run(main())
    assert program.end_well(SOON) == ["ended"]


def test_a_second_signal_ends_it_at_once(scripts: Scripts, namespace: str) -> None:
    program = scripts.start(
        SERVER
        + """
class Watch(logging.Handler):
    def emit(self, record):
        if "another signal" in record.getMessage():
            say("stopping")
logging.getLogger("leveret").addHandler(Watch())
logging.getLogger("leveret").setLevel(logging.INFO)
"""
        + RUN % 600
    )
    assert program.line() == "serving"

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=600) as client:
            call = client.service("own").in_loop(600)
            assert await asyncio.to_thread(program.line) == "in loop"
            program.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.line) == "stopping"
            program.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.end_well, SOON) == ["ended"]
            call.cancel()

    asyncio.run(main())


def test_a_handler_that_hangs_in_a_thread_does_not_keep_the_process(
    scripts: Scripts, namespace: str
) -> None:
    program = scripts.start(SERVER + RUN % 0.1)
    assert program.line() == "serving"

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=60) as client:
            call = client.service("own").in_thread()
            assert await asyncio.to_thread(program.line) == "in thread"
            program.send_signal(signal.SIGTERM)
            with pytest.raises(leveret.Unavailable) as caught:
                await call
            assert caught.value.executed == "maybe"

    asyncio.run(main())
    assert program.end_well(SOON) == ["ended"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_handler_that_ends_its_loop(namespace: str, client: leveret.Client) -> None:
    """`sys.exit()` is meant to; the caller hears of it, and the program does not hang."""
    service = leveret.Service("exits")

    @service.rpc
    async def leave() -> None:
        raise SystemExit

    server = leveret.Server(service, namespace=namespace)
    with server.in_thread(), pytest.raises(leveret.Internal):
        client.service("exits").leave()


def test_a_signal_while_it_still_connects(scripts: Scripts) -> None:
    program = scripts.start("""
        import socket
        listener = socket.create_server(("127.0.0.1", 0))
        def accept():
            kept = listener.accept()
            say("connecting")
            threading.Event().wait()
        threading.Thread(target=accept, daemon=True).start()
        service = leveret.Service("own")
        @service.rpc
        def nothing() -> None: ...
        leveret.run(service, url=f"amqp://127.0.0.1:{listener.getsockname()[1]}")
        say("ended")
        listener.close()
        os._exit(0)
    """)
    assert program.line() == "connecting"
    program.send_signal(signal.SIGTERM)
    assert program.end_well(SOON) == ["ended"]


def test_run_gives_signals_back(scripts: Scripts) -> None:
    program = scripts.start("""
        service = leveret.Service("own")
        @service.rpc
        def nothing() -> None: ...
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        async def ready():
            os.kill(os.getpid(), signal.SIGTERM)
        leveret.run(service, namespace=NAMESPACE, ready=ready)
        say((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before)
    """)
    assert program.end_well(SOON) == ["True"]


@pytest.mark.parametrize("how", ["stop twice", "stop at once", "serve is cancelled", "async with"])
def test_stopping_in_a_program_of_one_s_own(namespace: str, how: str) -> None:
    probe = Probe()

    async def main() -> None:
        server = leveret.Server(probe, namespace=namespace, grace=30)
        async with leveret.connect_async(namespace=namespace, timeout=60) as client:
            if how == "async with":
                async with server:
                    call = client.service("probe").until_let_go("a")
                    await asyncio.to_thread(probe.started.wait)
                    asyncio.get_running_loop().call_later(0.1, probe.let_go.set)
                assert await call == "a"
            else:
                await server.start()
                await server.start()
                serving = asyncio.create_task(server.serve())
                call = client.service("probe").until_let_go("a")
                await asyncio.to_thread(probe.started.wait)
                if how == "serve is cancelled":
                    serving.cancel()
                    # It has begun to stop, and waits for the handler.
                    while server.serving:  # noqa: ASYNC110 - it has no event to wait for
                        await asyncio.sleep(0)
                    assert not serving.done()
                    probe.let_go.set()
                    assert await call == "a"
                    with pytest.raises(asyncio.CancelledError):
                        await serving
                elif how == "stop twice":
                    stops = [asyncio.create_task(server.stop()) for _ in range(2)]
                    probe.let_go.set()
                    await asyncio.gather(*stops)
                    assert await call == "a"
                    await serving
                else:
                    server.stop_now()
                    await server.stop()
                    call.cancel()
                    await serving
            await server.stop()
            assert not server.serving
            assert server.instance is None
            # And again.
            probe.let_go.set()
            async with server:
                assert server.serving
                assert server.instance
                assert await client.service("probe").echo(1) == 1

    asyncio.run(main())


def test_what_had_not_started_goes_to_another_server(namespace: str, client: Any) -> None:
    """A stop gives back what it had taken and not begun."""
    first, second = Probe(), Probe()

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace, timeout=60) as caller:
            stopping = leveret.Server(
                leveret.Serve(first, concurrency=1, prefetch=50), namespace=namespace, grace=30
            )
            await stopping.start()
            calls = [caller.service("probe").until_let_go(str(n)) for n in range(10)]
            await asyncio.to_thread(first.started.wait)
            stop = asyncio.create_task(stopping.stop())
            async with leveret.Server(second, namespace=namespace):
                second.let_go.set()
                # The second has the others before the first is done with its one.
                await asyncio.to_thread(second.started.wait_for, 9)
                first.let_go.set()
                assert await asyncio.gather(*calls) == [str(n) for n in range(10)]
                await stop
        assert first.started.empty()

    asyncio.run(main())


def test_in_thread_tells_why_it_cannot_start(namespace: str) -> None:
    with (
        pytest.raises(leveret.Unavailable),
        leveret.Server(Probe(), url="amqp://127.0.0.1:1").in_thread(),
    ):
        pytest.fail("it cannot serve")
    missing = leveret.QueueOptions(declare="passive")
    with (
        pytest.raises(leveret.NoSuchService),
        leveret.Server(Probe(), namespace=namespace, queue=missing).in_thread(),
    ):
        pytest.fail("it cannot serve")
    # Its threads have ended with it.
    assert not [one for one in threading.enumerate() if one.name == "leveret-server"]


def test_oneway_default_and_names(serve: Serve, client: leveret.Client) -> None:
    seen: Seen[Any] = Seen()

    @leveret.service("small")
    class Small:
        @leveret.rpc(oneway=True)
        def note(self, text: str) -> None:
            seen.add(text)

        @leveret.rpc(name="other-name", idempotent=True)
        async def method(self, *, a: int, b: int = 2) -> int:
            return a + b

        @leveret.rpc(at_most_once=True)
        def once(self) -> bool:
            cx = leveret.context()
            return cx is not None and not cx.redelivered

    small = Small()
    serve(small)
    assert client.service("small").note("called") is None
    assert seen.wait() == "called"
    assert client.service("small")["other-name"](a=1) == 3
    assert client.service("small").once()
    with pytest.raises(TypeError, match="mixes"):
        client.service(Small)


def test_contracts_check_calls_before_they_are_sent(client: leveret.Client) -> None:
    @leveret.service("typed")
    class Typed:
        @leveret.rpc
        def method(self, a: int, *, b: str = "b") -> None: ...

        @leveret.rpc(oneway=True)
        def note(self, text: str) -> None: ...

    typed = client.service(Typed)
    for wrong in (
        lambda: typed.method(),  # type: ignore[call-arg]
        lambda: typed.method(1, 2),  # type: ignore[call-arg]
        lambda: typed.method(1, c=2),  # type: ignore[call-arg]
        lambda: typed.method(1, a=1),  # type: ignore[misc]
    ):
        with pytest.raises(TypeError, match=r"typed\.method"):
            wrong()
    with pytest.raises(leveret.NoSuchService):
        typed.note("casts are told too")
    with pytest.raises(AttributeError, match="has no method 'methd'"):
        typed.methd()  # type: ignore[attr-defined]


def test_a_blocking_client_serves_too(namespace: str, client: leveret.Client) -> None:
    async def main() -> Any:
        async with leveret.Server(Probe(), client=client):
            return await asyncio.to_thread(client.service("probe").echo, 1)

    assert asyncio.run(main()) == 1
    assert client.state == "connected"


def test_a_server_ends_with_its_client(namespace: str) -> None:
    async def main() -> None:
        client = await leveret.connect_async(namespace=namespace)
        server = leveret.Server(Probe(), client=client)
        await server.start()
        serving = asyncio.create_task(server.serve())
        await client.close()
        with pytest.raises(leveret.Unavailable, match="closed"):
            await asyncio.wait_for(serving, SOON)
        assert not server.serving

    asyncio.run(main())

    client = leveret.connect(namespace=namespace)
    with leveret.Server(Probe(), client=client).in_thread() as server:
        assert server.serving
        client.close()
        eventually(lambda: not server.serving, "it has noticed")


def test_servers_that_stop_leave_nothing_on_their_client(scripts: Scripts) -> None:
    program = scripts.start("""
        from leveret._loop import queue_of
        service = leveret.Service("own")
        @service.rpc
        async def own() -> None: ...
        async def main():
            async with connect_async() as client:
                pending = queue_of(asyncio.get_running_loop()).pending
                for _ in range(3):
                    async with leveret.Server(service, client=client):
                        await client.service("own").own()
                    say(len(pending))
        asyncio.run(main())
    """)
    assert program.end_well() == ["0", "0", "0"]
