"""What a call leaves behind: nothing. Neither in Python's dicts nor in the process."""

from __future__ import annotations

from .rig import Probe, Scripts

MEASURE = """
import gc
def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def pending():
    from leveret import _loop
    return sum(len(queue.pending) for queue in _loop._queues.values())
async def futures():
    # The step of the loop that woke us still holds what woke us.
    await asyncio.sleep(0)
    gc.collect()
    return sum(type(one) is leveret.CallFuture for one in gc.get_objects())
"""


def test_calls_leave_nothing_behind(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        MEASURE
        + """
async def main():
    async with connect_async() as client:
        echo = client.service("probe").echo
        text = "x" * 1000
        async def rounds(count):
            for _ in range(count):
                await asyncio.gather(*(echo(text) for _ in range(500)))
        await rounds(10)
        before = resident()
        await rounds(40)
        grown = resident() - before
        # 20,000 calls of 1 KB each way; what an allocator keeps is not a leak.
        say(grown < 16_000_000 or grown, pending(), await futures())
asyncio.run(main())
"""
    )
    assert lines == ["True 0 0"]


def test_blocking_calls_leave_nothing_behind(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        MEASURE
        + """
with connect() as client:
    echo = client.service("probe").echo
    text = "x" * 10000
    for _ in range(500):
        echo(text)
    before = resident()
    for _ in range(3000):
        echo(text)
    grown = resident() - before
    say(grown < 10_000_000 or grown)
"""
    )
    assert lines == ["True"]


def test_cancelled_and_failed_calls_leave_nothing_behind(scripts: Scripts, probe: Probe) -> None:
    lines = scripts.run(
        MEASURE
        + """
async def main():
    async with connect_async() as client:
        probe, nobody = client.service("probe"), client.service("nobody")
        async def round():
            calls = [probe.echo(n) for n in range(300)]
            for call in calls[::2]:
                call.cancel()
            late = [probe.echo.with_options(timeout=0.0)(n) for n in range(10)]
            wrong = [nobody.method() for _ in range(100)]
            await asyncio.gather(*calls, *late, *wrong, return_exceptions=True)
        for _ in range(5):
            await round()
        before = resident()
        for _ in range(30):
            await round()
        grown = resident() - before
        # Answers that come after all go to nobody.
        say(await probe.echo("after"))
        say(grown < 16_000_000 or grown, pending(), await futures())
asyncio.run(main())
"""
    )
    assert lines == ["after", "True 0 0"]


def test_clients_and_servers_leave_nothing_behind(scripts: Scripts) -> None:
    lines = scripts.run(
        MEASURE
        + """
service = leveret.Service("own")
@service.rpc
def twice(n: int) -> int:
    return 2 * n
@service.rpc
async def thrice(n: int) -> int:
    return 3 * n
def files():
    return len(os.listdir("/proc/self/fd"))
async def main():
    async with leveret.Server(service, namespace=NAMESPACE), connect_async() as client:
        own = client.service("own")
        assert (await own.twice(1), await own.thrice(1)) == (2, 3)
for _ in range(3):
    asyncio.run(main())
gc.collect()
before, threads, open_files = resident(), len(os.listdir("/proc/self/task")), files()
for _ in range(20):
    asyncio.run(main())
gc.collect()
grown = resident() - before
# The last handlers' threads may still be on their way out.
end = time.monotonic() + 20
while len(os.listdir("/proc/self/task")) > threads + 2 and time.monotonic() < end:
    time.sleep(0.01)
say(grown < 16_000_000 or grown)
say(len(os.listdir("/proc/self/task")) <= threads + 2, files() <= open_files + 2)
"""
    )
    assert lines == ["True", "True True"]


def test_a_handler_s_request_is_let_go(scripts: Scripts) -> None:
    """Arguments and answers of a handler live no longer than its run."""
    lines = scripts.run(
        MEASURE
        + """
service = leveret.Service("own")
@service.rpc
def keep(data: bytes) -> int:
    return len(data)
@service.rpc
async def keep_in_loop(data: bytes) -> int:
    return len(data)
with leveret.Server(service, namespace=NAMESPACE, threads=4).in_thread(), connect() as client:
    own = client.service("own")
    data = b"x" * 1_000_000
    for _ in range(10):
        own.keep(data), own.keep_in_loop(data)
    before = resident()
    for _ in range(50):
        own.keep(data), own.keep_in_loop(data)
    grown = resident() - before
    say(grown < 30_000_000 or grown)
"""
    )
    assert lines == ["True"]
