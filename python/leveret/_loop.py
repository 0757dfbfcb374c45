"""Results of calls on their way into an event loop: one queue for each loop, emptied in batches.

The native side wakes a loop once, however many results there are, and one Python loop sets all
their futures. A call costs no task, no `call_soon` and no lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import logging
import weakref
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import leveret._leveret as _leveret

from ._failures import to_exception
from ._leveret import DONE, VALUE
from ._life import after_fork
from .errors import DomainError, Executed, FailedPrecondition

if TYPE_CHECKING:
    # A call of which nothing is known gives anything.
    from typing_extensions import TypeVar as Defaulted

    R = Defaulted("R", default=Any)
else:
    R = TypeVar("R")

T = TypeVar("T")
_log = logging.getLogger("leveret")


class CallFuture(asyncio.Future[R], Coroutine[Any, Any, R]):
    """A call that has been sent. Await it; cancel it to give the call up.

    It is a future, and a coroutine too where asyncio asks for one (`create_task`, `TaskGroup`).
    Only `asyncio.wait` refuses coroutines: give it `asyncio.create_task(call)`.

    ```python
    first, second = math.fib(1), math.fib(2)  # both are under way
    await asyncio.gather(first, second)
    ```
    """

    __slots__ = ("errors", "lane", "read", "slot", "steps")

    # Set by whoever sends the call; an `__init__` would cost as much as the rest of it.
    errors: Mapping[str, type[DomainError]]
    lane: Lane
    read: Callable[[bytes, int], Any]
    slot: int
    steps: Generator[Any, None, R]

    def cancel(self, msg: Any = None) -> bool:
        """Gives the call up: its handler is told, and whoever awaits it gets CancelledError."""
        if not super().cancel(msg):
            return False
        lane = self.lane
        if lane.queue.pending.pop(self.slot, None) is not None:
            lane.native.cancel(self.slot)
        return True

    def send(self, value: Any, /) -> Any:
        """For asyncio, which drives it as a coroutine."""
        try:
            steps = self.steps
        except AttributeError:
            steps = self.steps = self.__await__()
        return steps.send(value)

    def throw(self, *error: Any) -> Any:
        """For asyncio; an exception from outside ends the call."""
        try:
            steps = self.steps
        except AttributeError:
            steps = self.steps = self.__await__()
        self.cancel()
        return steps.throw(*error)

    def close(self) -> None:
        """Gives the call up, as closing a coroutine does."""
        self.cancel()


class Operation(asyncio.Future[Any]):
    """Connecting, closing, starting and stopping; `late` takes what comes when nobody waits any
    more.
    """

    late: Callable[[Any], object] | None = None


class LoopQueue:
    """The results for one event loop. Does not hold the loop: the loop holds it."""

    __slots__ = ("__weakref__", "native", "pending", "slots")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.pending: dict[int, asyncio.Future[Any]] = {}
        self.slots = itertools.count()
        # In an empty context: the loop keeps the one it is given, with the request of whatever
        # handler comes first.
        self.native = contextvars.Context().run(watch, loop, self, LoopQueue.drain)

    def drain(self) -> None:
        """Sets the futures of all results that have come."""
        pop = self.pending.pop
        for event in self.native.drain():
            future: Any = pop(event[1], None)
            if future is None:
                continue
            kind = event[0]
            try:
                if future.done():
                    if kind == DONE and type(future) is Operation and future.late is not None:
                        future.late(event[2])
                elif kind == VALUE:
                    future.set_result(future.read(event[2], event[3]))
                elif kind == DONE:
                    future.set_result(event[2])
                elif type(future) is CallFuture:
                    future.set_exception(to_exception(event[2], future.errors))
                    if future.lane.closed:
                        # Marks it as retrieved: nobody need be told of calls that a close ended.
                        future.exception()
                else:
                    future.set_exception(to_exception(event[2]))
            except Exception as error:
                # A result that cannot be read is this call's misfortune, not that of the others.
                if future.done():
                    _log.exception("a result was lost")
                else:
                    future.set_exception(error)

    def operation(
        self,
        loop: AbstractEventLoop,
        start: Callable[[_leveret.Queue, int], object],
        late: Callable[[Any], object] | None = None,
    ) -> Operation:
        """Starts something native that ends in one event."""
        future = Operation(loop=loop)
        future.late = late
        slot = next(self.slots)
        self.pending[slot] = future
        try:
            start(self.native, slot)
        except BaseException:
            del self.pending[slot]
            raise
        return future


class Lane:
    """The calls of one connection in one loop."""

    __slots__ = ("closed", "loop", "native", "queue")

    def __init__(
        self, connection: _leveret.Connection, loop: AbstractEventLoop, queue: LoopQueue
    ) -> None:
        self.loop = weakref.ref(loop)
        self.queue = queue
        self.native = _leveret.Lane(connection, queue.native)
        # Whether the connection was closed from here.
        self.closed = False


_queues: weakref.WeakKeyDictionary[AbstractEventLoop, LoopQueue] = weakref.WeakKeyDictionary()
after_fork(_queues.clear)


def queue_of(loop: AbstractEventLoop) -> LoopQueue:
    """The queue of a loop, made when it is first needed."""
    queue = _queues.get(loop)
    if queue is None:
        _forget_closed_loops()
        queue = _queues[loop] = LoopQueue(loop)
    return queue


def _forget_closed_loops() -> None:
    """Gives up what was under way when a loop was closed: it waits for ever, and its futures keep
    the loop, with the connections that came too late for anybody to take them.
    """
    for reference in _queues.keyrefs():
        loop = reference()
        if loop is None or not loop.is_closed():
            continue
        queue = _queues.pop(loop, None)
        if queue is None:
            continue
        left = dict(queue.pending)
        queue.pending.clear()
        for slot, future in left.items():
            if isinstance(future, CallFuture):
                future.lane.native.cancel(slot)


def watch(loop: AbstractEventLoop, owner: T, drain: Callable[[T], None]) -> _leveret.Queue:
    """Makes a native queue; the loop calls `drain(owner)` when there is something in it."""
    try:
        native = _leveret.Queue()
        loop.add_reader(native.fileno(), drain, owner)
        return native
    except (NotImplementedError, OSError):
        # Proactor loops, and others that watch no descriptors.
        pass
    to_loop, to_owner = weakref.ref(loop), weakref.ref(owner)

    def run() -> None:
        alive = to_owner()
        if alive is not None:
            drain(alive)

    def wake() -> None:
        running = to_loop()
        if running is not None and not running.is_closed():
            running.call_soon_threadsafe(run)

    native = _leveret.Queue(wake)
    weakref.finalize(owner, native.close)
    return native


def unwatch(loop: AbstractEventLoop, native: _leveret.Queue) -> None:
    """Takes a queue of `watch` out of its loop again, and closes it."""
    with contextlib.suppress(NotImplementedError, OSError):
        loop.remove_reader(native.fileno())
    native.close()


def forked() -> FailedPrecondition:
    """What a connection from before a fork fails with."""
    return FailedPrecondition(
        "this connection was made before the process forked: connect in the child",
        executed=Executed.NO,
        retryable=False,
    )
