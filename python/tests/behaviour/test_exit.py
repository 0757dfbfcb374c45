"""A process ends when it is done, whatever its threads and calls are doing: soon, and in silence.

Python joins threads and tears modules down in an order that few libraries survive with calls in
flight. Each program here ends in another such state.
"""

from __future__ import annotations

import signal

import pytest

from .rig import Probe, Scripts

# An exit waits for the broker's goodbye, but only a moment.
SOON = 8.0


def test_with_an_open_client(scripts: Scripts) -> None:
    scripts.start("client = connect(); say(client.state)").end_well(SOON)


def test_with_an_open_client_that_is_lazy_and_has_no_broker(scripts: Scripts) -> None:
    scripts.start("client = leveret.connect('amqp://127.0.0.1:1', lazy=True)").end_well(SOON)


def test_with_a_call_in_a_daemon_thread(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        client = connect()
        def call():
            try:
                client.service("probe").hang("a")
            except leveret.Unavailable:
                pass
        threading.Thread(target=call, daemon=True).start()
        sys.stdin.readline()
    """)
    assert probe.started.wait() == "a"
    program.tell()
    program.end_well(SOON)


def test_with_a_call_in_a_thread_that_python_joins(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        client = connect()
        def call():
            try:
                client.service("probe").hang("a")
            except leveret.LeveretError as error:
                say(error.code, error.executed)
        threading.Thread(target=call).start()
        sys.stdin.readline()
    """)
    assert probe.started.wait() == "a"
    program.tell()
    assert program.end_well(SOON) == ["Unavailable maybe"]


def test_with_calls_in_an_executor(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        from concurrent.futures import ThreadPoolExecutor
        client = connect(timeout=600)
        pool = ThreadPoolExecutor()
        futures = [pool.submit(client.service("probe").hang, "a") for _ in range(3)]
        sys.stdin.readline()
    """)
    probe.started.wait_for(3)
    program.tell()
    program.end_well(SOON)


def test_with_calls_of_an_event_loop_that_is_dropped(scripts: Scripts, probe: Probe) -> None:
    program = scripts.start("""
        async def main():
            global client, future
            client = await connect_async()
            future = client.service("probe").hang("a")
            await asyncio.to_thread(sys.stdin.readline)
        asyncio.run(main())
        say(future.done())
    """)
    assert probe.started.wait() == "a"
    program.tell()
    # Nothing waits for it, and it is no task: asyncio.run does not know of it.
    assert program.end_well(SOON) == ["False"]


def test_with_an_event_loop_still_running_in_a_daemon_thread(
    scripts: Scripts, probe: Probe
) -> None:
    program = scripts.start("""
        async def main():
            async with connect_async() as client:
                await client.service("probe").hang("a")
        threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
        sys.stdin.readline()
    """)
    assert probe.started.wait() == "a"
    program.tell()
    program.end(SOON)
    # The thread may or may not get to say how its call ended; the interpreter must not fall over.
    assert "Fatal Python error" not in program.stderr
    assert program.process.returncode == 0


def test_while_it_serves(scripts: Scripts) -> None:
    program = scripts.start("""
        service = leveret.Service("own")
        started = threading.Event()
        @service.rpc
        def block() -> None:
            started.set()
            threading.Event().wait()
        context = leveret.Server(service, namespace=NAMESPACE).in_thread()
        context.__enter__()
        client = connect()
        client.service("own").block.cast()
        started.wait()
        say("blocked")
    """)
    assert program.end_well(SOON) == ["blocked"]


@pytest.mark.parametrize("how", ["sys.exit(3)", "raise SystemExit(3)"])
def test_by_an_exception_with_calls_in_flight(scripts: Scripts, probe: Probe, how: str) -> None:
    program = scripts.start(f"""
        async def main():
            async with connect_async() as client:
                calls = [client.service("probe").hang(str(n)) for n in range(20)]
                await client.service("probe").echo(1)
                {how}
        asyncio.run(main())
    """)
    assert program.end(SOON) == 3
    assert program.stderr == ""


def test_in_a_forked_worker_of_multiprocessing(scripts: Scripts, probe: Probe) -> None:
    assert scripts.run("""
        import multiprocessing
        def work(n):
            with connect() as client:
                return client.service("probe").echo(n)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            say(pool.map(work, range(4)))
            pool.close()
            pool.join()
    """) == ["[0, 1, 2, 3]"]


def test_an_interrupted_main_thread_does_not_leave_its_threads_hanging(
    scripts: Scripts, probe: Probe
) -> None:
    program = scripts.start("""
        client = connect(timeout=600)
        def call():
            try:
                client.service("probe").hang("thread")
            except leveret.LeveretError as error:
                say(error.code)
        threading.Thread(target=call).start()
        try:
            client.service("probe").hang("main")
        except KeyboardInterrupt:
            say("interrupted")
    """)
    probe.started.wait_for(2)
    program.send_signal(signal.SIGINT)
    assert program.end_well(SOON) == ["interrupted", "Unavailable"]
