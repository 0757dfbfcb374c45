"""Ctrl-C, and a process that is told to end, in the middle of a call."""

from __future__ import annotations

import signal

import pytest

from .rig import Probe, Scripts

SOON = 8.0


@pytest.mark.parametrize("method", ["hang", "hold"])
def test_ctrl_c_ends_a_blocking_call_and_the_handler_hears_of_it(
    scripts: Scripts, probe: Probe, method: str
) -> None:
    program = scripts.start(f"""
        client = connect(timeout=600)
        try:
            client.service("probe").{method}("a")
        except KeyboardInterrupt:
            say("interrupted")
        say(client.service("probe").echo("goes on"))
    """)
    assert probe.started.wait() == "a"
    program.send_signal(signal.SIGINT)
    assert program.line() == "interrupted"
    assert program.end_well(SOON) == ["goes on"]
    assert probe.cancelled.wait() == "a"


def test_ctrl_c_ends_connecting(scripts: Scripts) -> None:
    program = scripts.start("""
        import socket
        # Takes connections, and says nothing.
        listener = socket.create_server(("127.0.0.1", 0))
        def accept():
            kept = listener.accept()
            say("connecting")
            threading.Event().wait()
        threading.Thread(target=accept, daemon=True).start()
        try:
            connect(url=f"amqp://127.0.0.1:{listener.getsockname()[1]}")
        except KeyboardInterrupt:
            listener.close()
            say("interrupted")
            os._exit(0)
    """)
    assert program.line() == "connecting"
    program.send_signal(signal.SIGINT)
    assert program.end_well(SOON) == ["interrupted"]


def test_another_signal_handler_runs_during_a_call(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        class Enough(Exception):
            pass
        def handler(number, frame):
            if number == signal.SIGUSR2:
                raise Enough
            say("handled")
        signal.signal(signal.SIGUSR1, handler)
        signal.signal(signal.SIGUSR2, handler)
        client = connect(timeout=600)
        try:
            client.service("probe").hang("a")
        except Enough:
            say("enough")
    """)
    assert probe.started.wait() == "a"
    program.send_signal(signal.SIGUSR1)
    assert program.line() == "handled"
    # It did not disturb the call.
    assert probe.cancelled.empty()
    program.send_signal(signal.SIGUSR2)
    assert program.end_well(SOON) == ["enough"]
    assert probe.cancelled.wait() == "a"


def test_ctrl_c_in_asyncio_run(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        async def main():
            async with connect_async(timeout=600) as client:
                await client.service("probe").hang("a")
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            say("interrupted")
    """)
    assert probe.started.wait() == "a"
    program.send_signal(signal.SIGINT)
    assert program.end_well(SOON) == ["interrupted"]
    assert probe.cancelled.wait() == "a"


def test_a_signal_that_kills_cancels_the_handler(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("connect(timeout=600).service('probe').hang('a')")
    assert probe.started.wait() == "a"
    program.send_signal(signal.SIGTERM)
    assert program.end(SOON) == -signal.SIGTERM


def test_a_keyboard_interrupt_in_a_callback_of_the_loop_loses_no_results(
    scripts: Scripts, probe: Probe
) -> None:
    """A loop that was left by an exception can be run again, and the calls are still there."""
    assert scripts.run("""
        loop = asyncio.new_event_loop()
        client = loop.run_until_complete(connect_async())
        probe = client.service("probe")
        async def start():
            return [probe.echo(n) for n in range(50)]
        calls = loop.run_until_complete(start())
        def interrupt():
            raise KeyboardInterrupt
        loop.call_soon(interrupt)
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            say("interrupted")
        async def rest():
            return await asyncio.gather(*calls) == list(range(50))
        say(loop.run_until_complete(rest()))
        loop.run_until_complete(client.close())
        loop.close()
    """) == ["interrupted", "True"]
