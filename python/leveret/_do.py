"""Doing what the native side has prepared: here, or in an event loop."""

from __future__ import annotations

from asyncio import CancelledError, get_running_loop, shield
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import leveret._leveret as _leveret

from ._failures import NO_ERRORS, to_exception
from ._leveret import FAILED, Forked
from ._life import blocking_is_refused, refuse_to_block
from ._link import Link
from ._loop import CallFuture, forked

T = TypeVar("T")


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
    except Forked as error:
        del queue.pending[slot]
        raise forked() from error
    return future


class Opened(Generic[T]):
    """Something that is opened in an event loop by whoever first needs it, once. A wait for it that
    is cancelled does not give it up: whoever comes next has it.
    """

    __slots__ = ("_closed", "_link", "_open", "_opening", "_where", "made")

    def __init__(self, link: Link, open: Callable[[], _leveret.Action], where: str) -> None:
        self._link = link
        self._open = open
        self._where = where
        self._opening: CallFuture[T] | None = None
        self._closed = False
        self.made: T | None = None

    async def get(self) -> T | None:
        """What was opened; None when it was closed before.

        Raises:
            LeveretError: whatever opening ends in; the next one tries again.
        """
        if self.made is not None or self._closed:
            return self.made
        opening = self._opening
        if opening is None or opening.get_loop() is not get_running_loop():
            opening = self._opening = do(self._link, self._open(), self._where)
            opening.add_done_callback(_looked_at)
        try:
            await shield(opening)
        except CancelledError:
            if not opening.cancelled():
                raise
        finally:
            if opening.done():
                self._opening = None
                # Also for whoever comes after a wait that was cancelled in this very moment.
                if not opening.cancelled() and opening.exception() is None:
                    self.made = opening.result()
        return self.made

    def close(self) -> T | None:
        """Gives an opening up that is under way; what was opened is for the caller to close."""
        self._closed = True
        opening = self._opening
        if opening is None or opening.cancel() or opening.exception() is not None:
            return self.made
        return opening.result()


def _looked_at(opening: CallFuture[Any]) -> None:
    """Nobody need be told of a failure that nobody waits for any more."""
    if not opening.cancelled():
        opening.exception()
