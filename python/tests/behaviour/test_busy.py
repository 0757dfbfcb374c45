"""Python code that lets nobody else run: it costs the program time, and not its connection.

The heartbeat is one second here, so the broker hangs up after two or three of silence.
"""

from __future__ import annotations

import pytest

from .rig import Scripts

# Each takes about four seconds, and gives the interpreter to nobody meanwhile.
BLOCKING = {
    "a loop that sleeps": "time.sleep(4)",
    "the interpreter held in C": """
import ctypes
# Unlike `ctypes.CDLL`, this keeps the interpreter.
ctypes.PyDLL(None).usleep(4_000_000)
""",
}


@pytest.mark.parametrize("what", BLOCKING)
@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_handler_that_blocks_keeps_its_connection(scripts: Scripts, what: str, kind: str) -> None:
    body = BLOCKING[what].strip().replace("\n", "\n    ")
    lines = scripts.run(f"""
import logging
logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
service = leveret.Service("busy")
@service.rpc
{kind} work() -> int:
    {body}
    return os.getpid()
async def main():
    # The same process calls: both ends have to survive.
    async with (
        connect_async(heartbeat=1, timeout=60) as client,
        leveret.Server(service, namespace=NAMESPACE, heartbeat=1),
    ):
        busy = client.service("busy")
        begun = time.monotonic()
        say(await busy.work() == os.getpid(), time.monotonic() - begun > 3)
        say(client.state)
asyncio.run(main())
""")
    assert lines == ["True True", "connected"]


def test_a_process_that_is_busy_keeps_its_client_and_its_results(scripts: Scripts) -> None:
    lines = scripts.run("""
        import ctypes
        service = leveret.Service("quick")
        @service.rpc
        def echo(n: int) -> int:
            return n
        with leveret.Server(service, namespace=NAMESPACE, heartbeat=1).in_thread():
            async def main():
                async with connect_async(heartbeat=1) as client:
                    calls = [client.service("quick").echo(n) for n in range(100)]
                    ctypes.PyDLL(None).usleep(4_000_000)
                    say(await asyncio.gather(*calls) == list(range(100)), client.state)
            asyncio.run(main())
    """)
    assert lines == ["True connected"]
