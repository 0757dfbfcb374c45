"""A task or event as its handler sees it, beside its value, and the ways to settle it by hand."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Generator, Mapping
from types import MappingProxyType

import leveret._leveret as _leveret

from ._checks import seconds
from ._do import done_here
from ._loop import queue_of
from ._options import TraceContext
from ._text import text_of


class Settled(Awaitable[None]):
    """What was done already, for those who await it all the same."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


_SETTLED = Settled()


def time_of(at: float | None) -> datetime.datetime | None:
    """A time on the wire, in seconds since 1970; None for one that no `datetime` can be: foreign
    programs count in milliseconds too, or send what is no time at all.
    """
    if at is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def settle(action: _leveret.Action) -> Awaitable[None]:
    """Does it: waits for it, or where an event loop runs leaves that to whoever awaits.

    Raises:
        LeveretError: when it waits.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        done_here(action)
        return _SETTLED
    return queue_of(loop).operation(loop, action.later)


class Message:
    """What a handler knows about a task or event besides its value: a second parameter of it.

    ```python
    @leveret.worker(emails)
    def send(to: str, message: leveret.Message) -> None:
        print(to, message.attempt)
    ```

    `ack`, `retry` and `reject` settle it by hand; what the handler returns or raises afterwards
    does not count. In a `def` they wait until that is done; in an `async def` they are awaited:
    `await message.ack()`.
    """

    __slots__ = ("_delivery",)

    def __init__(self, delivery: _leveret.Delivery) -> None:
        """For `leveret` itself."""
        self._delivery = delivery

    @property
    def id(self) -> str | None:
        """The id that its sender gave it, the same over all attempts."""
        return self._delivery.message_id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._delivery.attempt

    @property
    def redelivered(self) -> bool:
        """Whether it was delivered before and may have been run, to its end or not."""
        return self._delivery.redelivered

    @property
    def key(self) -> str | None:
        """What orders it, if its queue is divided into partitions."""
        return self._delivery.key

    @property
    def queue(self) -> str:
        """The queue that it came from, with its namespace."""
        return self._delivery.queue

    @property
    def exchange(self) -> str:
        """The exchange that it was published to; empty for a task."""
        return self._delivery.exchange

    @property
    def routing_key(self) -> str:
        """The routing key that it was published with; for a task the name of its queue."""
        return self._delivery.routing_key

    @property
    def headers(self) -> Mapping[str, str | int | float | bool]:
        """All headers but tables and lists, the broker's and Leveret's own among them."""
        return MappingProxyType(self._delivery.headers)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its sender sent along."""
        return MappingProxyType(self._delivery.metadata)

    @property
    def content_type(self) -> str | None:
        """What its sender says that the body is."""
        return self._delivery.content_type

    @property
    def body(self) -> bytes:
        """The body as it travelled."""
        return self._delivery.body

    @property
    def priority(self) -> int | None:
        """Its priority, if it has one."""
        return self._delivery.priority

    @property
    def timestamp(self) -> datetime.datetime | None:
        """When it was sent, if its sender says so; None for a number that is no second before the
        year 10000, such as milliseconds.
        """
        return time_of(self._delivery.timestamp)

    @property
    def sender(self) -> str | None:
        """What its sender calls itself. Not authenticated."""
        return self._delivery.caller

    @property
    def trace(self) -> TraceContext | None:
        """The W3C trace headers that it came with; what its handler sends inherits them."""
        trace = self._delivery.trace
        return None if trace is None else TraceContext(*trace)

    def ack(self) -> Awaitable[None]:
        """Says now that it is done: if the handler fails afterwards, or its process dies, there is
        no other attempt.

        Raises:
            LeveretError: `FailedPrecondition` when it was settled before, `Unavailable` when the
                broker could not be told; then it goes back to its queue.
        """
        return settle(self._delivery.ack())

    def retry(self, reason: object = "", *, after: float | None = None) -> Awaitable[None]:
        """Asks for another attempt; without one left it becomes a dead letter. An event of a
        transient subscription, which nobody keeps, is logged and dropped.

        Args:
            reason: for whoever reads the dead letter; the text of what is no str.
            after: seconds until then, to 0.1; by default what the queue says.

        Raises:
            LeveretError: as `ack`.
            TypeError, ValueError: unless `after` is a number of seconds.
        """
        wait = None if after is None else seconds("after", after)
        return settle(self._delivery.retry(text_of(reason), wait))

    def reject(self, reason: object = "") -> Awaitable[None]:
        """Makes it a dead letter. An event of a transient subscription, which nobody keeps, is
        logged and dropped.

        Args:
            reason: for whoever reads the dead letter; the text of what is no str.

        Raises:
            LeveretError: as `ack`.
        """
        return settle(self._delivery.reject(text_of(reason)))

    def __repr__(self) -> str:
        return f"<leveret.Message {self.id} from {self.queue!r}, attempt {self.attempt}>"
