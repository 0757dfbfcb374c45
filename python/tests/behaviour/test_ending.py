"""A server ends when it is told to, also where that comes at an odd moment."""

from __future__ import annotations

import signal

import pytest

from .rig import Scripts

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
