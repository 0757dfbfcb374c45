"""A server ends when it is told to, also where that comes at an odd moment."""

from __future__ import annotations

import asyncio
import signal

import leveret
import pytest

from .rig import PATIENCE, Probe, Scripts

SOON = 8.0

SERVICE = """
service = leveret.Service("own")
@service.rpc
def nothing() -> None: ...
"""


@pytest.mark.parametrize("then", ["raise", "pass"])
def test_a_signal_while_it_waits_for_what_is_ready(scripts: Scripts, then: str) -> None:
    """It ends, whether what waits there lets the cancellation through or returns."""
    program = scripts.start(
        SERVICE
        + f"""
async def ready():
    say("ready")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("cancelled")
        # Two are this one and the main one: the server has stopped, and must stay so.
        while len(asyncio.all_tasks()) > 2:
            await asyncio.sleep(0)
        {then}
leveret.run(service, namespace=NAMESPACE, ready=ready)
say("ended")
"""
    )
    assert program.line() == "ready"
    program.send_signal(signal.SIGTERM)
    assert program.end_well(SOON) == ["cancelled", "ended"]


@pytest.mark.parametrize("whose", ["its own", "a client's"])
def test_a_thread_that_serves_ends_with_the_main_thread(scripts: Scripts, whose: str) -> None:
    """The interpreter closes all connections, and waits for the thread."""
    program = scripts.start(
        SERVICE
        + f"""
started = threading.Event()
async def main():
    async with connect_async() as client:
        options = dict(client=client) if {whose != "its own"} else dict(namespace=NAMESPACE)
        server = leveret.Server(service, **options)
        await server.start()
        started.set()
        try:
            await server.serve()
        except leveret.Unavailable as error:
            say(error.executed)
        await server.stop()
threading.Thread(target=lambda: asyncio.run(main())).start()
started.wait()
say("started")
"""
    )
    assert program.end_well(SOON) == ["started", "no"]


def test_ctrl_c_while_a_thread_starts(scripts: Scripts) -> None:
    """It does not wait for the server, which ends as soon as it has started."""
    program = scripts.start(
        SERVICE
        + """
go = threading.Event()
class Slow(leveret.Server):
    async def start(self):
        if not go.is_set():
            say("starting")
            await asyncio.to_thread(go.wait)
        await super().start()
server = Slow(service, namespace=NAMESPACE)
try:
    with server.in_thread():
        say("serving")
except KeyboardInterrupt:
    say("interrupted")
go.set()
for thread in threading.enumerate():
    if thread.name == "leveret-server":
        thread.join()
say(server.serving)
"""
    )
    assert program.line() == "starting"
    program.send_signal(signal.SIGINT)
    assert program.end_well(SOON) == ["interrupted", "False"]


def test_ctrl_c_while_a_thread_connects_in_vain(scripts: Scripts) -> None:
    program = scripts.start(
        SERVICE
        + """
import socket
listener = socket.create_server(("127.0.0.1", 0))
def accept():
    kept = listener.accept()
    say("connecting")
    threading.Event().wait()
threading.Thread(target=accept, daemon=True).start()
url = f"amqp://127.0.0.1:{listener.getsockname()[1]}"
try:
    with leveret.Server(service, url=url, connect_timeout=600).in_thread():
        say("serving")
except KeyboardInterrupt:
    say("interrupted")
listener.close()
os._exit(0)
"""
    )
    assert program.line() == "connecting"
    program.send_signal(signal.SIGINT)
    assert program.end_well(SOON) == ["interrupted"]


@pytest.mark.parametrize("where", ["in its loop", "from a thread"])
def test_stopping_at_once_is_a_stop(namespace: str, where: str) -> None:
    """Nobody need ask for a graceful one beside it."""
    probe = Probe()

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            server = leveret.Server(probe, client=client, grace=600)
            await server.start()
            serving = asyncio.create_task(server.serve())
            call = client.service("probe").hang("a")
            await asyncio.to_thread(probe.started.wait)
            if where == "in its loop":
                server.stop_now()
            else:
                await asyncio.to_thread(server.stop_now)
            await asyncio.wait_for(serving, PATIENCE)
            assert not server.serving
            call.cancel()

    asyncio.run(main())
