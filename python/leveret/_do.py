"""Doing what the native side has prepared: here, or in an event loop."""

from __future__ import annotations

from asyncio import get_running_loop
from typing import Any

import leveret._leveret as _leveret

from ._failures import NO_ERRORS, to_exception
from ._leveret import FAILED
from ._life import blocking_is_refused, refuse_to_block
from ._link import Link
from ._loop import CallFuture, forked


def done_here(action: _leveret.Action) -> Any:
    """Waits for an action, and gives what it made.

    Raises:
        LeveretError: whatever it ends in; `FailedPrecondition` in a loop that runs handlers.
    """
    if blocking_is_refused():
        refuse_to_block()
    event = action.wait()
    if event[0] == FAILED:
        raise to_exception(event[2])
    return event[2]


def _unread(body: bytes, how: int) -> Any:
    raise AssertionError("an action makes objects, not bodies")


def do(link: Link, action: _leveret.Action, where: str) -> CallFuture[Any]:
    """Starts an action in the running loop; awaiting gives what it made, or raises.

    Raises:
        RuntimeError: outside of an event loop.
        FailedPrecondition: in the child of a fork.
    """
    try:
        loop = get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"no running event loop: {where} in an `async def` that asyncio.run() runs, or use "
            "leveret.connect(), whose methods wait"
        ) from None
    lane = link.lane
    if lane is None or lane.loop() is not loop:
        lane = link.lane_of(loop)
    queue = lane.queue
    future: CallFuture[Any] = CallFuture(loop=loop)
    future.slot = slot = next(queue.slots)
    future.lane = lane
    future.read = _unread
    future.errors = NO_ERRORS
    queue.pending[slot] = future
    try:
        lane.native.start(slot, action)
    except RuntimeError as error:
        del queue.pending[slot]
        raise forked() from error
    return future
