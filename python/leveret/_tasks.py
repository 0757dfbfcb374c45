"""Queues of tasks: what both sides of one share, what is in it, and what became of those that were
given up.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, cast, overload

import leveret._leveret as _leveret

from ._checks import MOST_32, seconds, whole
from ._convert import UNREADABLE
from ._do import Opened, do, done_here
from ._message import Settled, time_of
from ._names import check_name
from ._options import QueueOptions, TraceContext
from ._payload import Payload
from .errors import Executed, InvalidArgument, Unimplemented

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._link import Link

T = TypeVar("T")

DeathReason = Literal[
    "attempts", "rejected", "undecodable", "crashed", "expired", "maxlen", "other"
]


def retry_settings(attempts: int, delay: float, max_delay: float) -> dict[str, Any]:
    """How failures are retried, for the native side.

    Raises:
        TypeError, ValueError: for what does not fit.
    """
    return {
        "attempts": whole("attempts", attempts, MOST_32),
        "delay": seconds("retry_delay", delay),
        "max_delay": seconds("max_retry_delay", max_delay),
    }


class TaskQueue(Generic[T]):
    """A durable queue of tasks of one type: a value that those who push and those who work share,
    so that whoever comes first declares the same queue.

    ```python
    resize = leveret.TaskQueue("resize", Resize, attempts=3)

    client.push(resize, Resize("cat.png", 200))
    ```

    Args:
        name: the queue's name, as those of services, but up to 190 bytes long together with the
            namespace; the ends `.dead`, `.suspect`, `.members` and `.p0` are taken. That of a
            durable subscription is the exchange's, a dot, and the group's.
        type: what a task is: anything that an argument of a service may be; `bytes` and
            `leveret.Raw` are left as they are. By default anything, and the worker's own hint
            decides.
        attempts: how often a task is tried in all.
        retry_delay: seconds before the second attempt, to 0.1; doubled for each further one, and
            shortened at random to as little as half.
        max_retry_delay: the longest of these.
        kind: "classic", or "quorum": replicated.
        max_priority: the highest priority that tasks may carry, 1 to 127 (classic queues).
        max_length: a push beyond this many fails with `ResourceExhausted`. A classic queue makes
            what it refuses a dead letter besides (`maxlen`): pushing the task again and retrying
            the letter does it twice. A quorum queue keeps nothing of it.
        partitions: orders the tasks by their keys: those with the same `key` are done one after
            another, as they were pushed, by one worker at a time, and different keys beside one
            another, by all workers. The queue is divided into so many partitions (1 to 1,024; some
            four times as many as the workers that there will ever be at once, and 16 where nobody
            can tell), on which all who push and work must agree. A task that fails is tried again
            before the next of its key.
        dedup_window: for how many seconds a task that was pushed with `dedup` is remembered once it
            is done: 0.001 to 10 years.
        queue: more about how the queue is declared, instead of the three above.

    Raises:
        TypeError, ValueError: for options that do not fit, a name that may not be used, and types
            whose objects cannot travel.
    """

    @overload
    def __init__(
        self,
        name: str,
        type: type[T],
        *,
        attempts: int = 5,
        retry_delay: float = 1.0,
        max_retry_delay: float = 60.0,
        kind: Literal["classic", "quorum"] = "classic",
        max_priority: int | None = None,
        max_length: int | None = None,
        partitions: int | None = None,
        dedup_window: float = 600.0,
        queue: QueueOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: TaskQueue[Any],
        name: str,
        type: Any = Any,
        *,
        attempts: int = 5,
        retry_delay: float = 1.0,
        max_retry_delay: float = 60.0,
        kind: Literal["classic", "quorum"] = "classic",
        max_priority: int | None = None,
        max_length: int | None = None,
        partitions: int | None = None,
        dedup_window: float = 600.0,
        queue: QueueOptions | None = None,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        type: Any = Any,
        *,
        attempts: int = 5,
        retry_delay: float = 1.0,
        max_retry_delay: float = 60.0,
        kind: Literal["classic", "quorum"] = "classic",
        max_priority: int | None = None,
        max_length: int | None = None,
        partitions: int | None = None,
        dedup_window: float = 600.0,
        queue: QueueOptions | None = None,
    ) -> None:
        self.name = check_name("task queue", name, longest=190)
        self.payload = Payload(type, f"a task of {name!r}")
        plain = (kind, max_priority, max_length) == ("classic", None, None)
        if queue is None:
            queue = QueueOptions(kind=kind, max_priority=max_priority, max_length=max_length)
        elif not plain or not isinstance(cast("object", queue), QueueOptions):
            raise TypeError(
                "queue is a leveret.QueueOptions, and has the kind, max_priority and max_length too"
            )
        self._settings: dict[str, Any] = {
            "name": name,
            "retry": retry_settings(attempts, retry_delay, max_retry_delay),
            "dedup_window": seconds("dedup_window", dedup_window),
            "partitions": None if partitions is None else whole("partitions", partitions, 1024),
            "queue": queue.as_settings(),
        }
        _leveret.check_tasks(self._settings)

    @property
    def partitions(self) -> int | None:
        """How many partitions it has; None when it is not ordered by key."""
        return self._settings["partitions"]

    def as_settings(self) -> dict[str, Any]:
        """For the native side."""
        return self._settings

    def __repr__(self) -> str:
        return f"<leveret.TaskQueue {self.name!r}>"


class QueueInfo(NamedTuple):
    """What is in a queue of tasks and in those beside it, as of a moment ago.

    Tasks that rest before another attempt, or were pushed with a delay, are in none of the counts.
    """

    ready: int
    """Tasks that wait for a worker."""
    consumers: int
    """Workers, each of which counts once; of a queue with `partitions`, those that are owned."""
    set_aside: int
    """Tasks that may have ended their worker and wait to be run alone."""
    dead: int
    """Dead letters."""
    unacked: int | None = None
    """Tasks that workers have taken and not settled yet: those that they run, alone or not, and
    those that they have taken ahead. AMQP does not tell it. It comes from the management API, whose
    figures are up to 5 s old, and is None without one (`connect(management=...)`), where that
    fails, and for a queue that it has no figures of yet."""


class DeadLetter(Generic[T]):
    """A task that was given up. One that is neither retried nor discarded stays a dead letter.

    ```python
    for letter in client.dead_letters(resize):
        print(letter.reason, letter.error)
        letter.retry()
    ```

    `retry` and `discard` wait until that is done; those of an `AsyncClient` are awaited.
    """

    __slots__ = ("_link", "_native", "_payload")

    def __init__(self, native: _leveret.DeadLetter, payload: Payload, link: Link | None) -> None:
        """For `leveret` itself; without a link it waits."""
        self._native = native
        self._payload = payload
        self._link = link

    @property
    def id(self) -> str | None:
        """The task's id, as its push gave it."""
        return self._native.id

    @property
    def reason(self) -> DeathReason:
        """Why it died: "attempts" (it failed as often as the queue allows), "rejected",
        "undecodable", "crashed" (it ended its worker as often), "expired", "maxlen" (the queue was
        full) or "other".
        """
        return cast("DeathReason", self._native.reason)

    @property
    def error(self) -> str | None:
        """What went wrong at the last attempt, at most 1 KiB of it."""
        return self._native.error

    @property
    def attempts(self) -> int:
        """How many attempts were begun: none when it expired before the first, or the queue was
        full. What a foreign worker or the broker's own limit has refused was begun.
        """
        return self._native.attempts

    @property
    def died_at(self) -> datetime.datetime | None:
        """When it died, by the clock of the worker that gave it up; None where nobody knows."""
        return time_of(self._native.died_at)

    @property
    def content_type(self) -> str | None:
        """What its sender says that the body is."""
        return self._native.content_type

    @property
    def body(self) -> bytes:
        """The body as it travelled."""
        return self._native.body

    @property
    def key(self) -> str | None:
        """What orders it, if its queue is divided into partitions."""
        return self._native.key

    @property
    def exchange(self) -> str:
        """The exchange that it was published to; empty for a task."""
        return self._native.exchange

    @property
    def routing_key(self) -> str:
        """The routing key that it was published with; for a task the name of its queue."""
        return self._native.routing_key

    @property
    def headers(self) -> Mapping[str, str | int | float | bool]:
        """All headers but tables and lists, the broker's and Leveret's own among them."""
        return MappingProxyType(self._native.headers)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its sender sent along."""
        return MappingProxyType(self._native.metadata)

    @property
    def priority(self) -> int | None:
        """Its priority, if it has one."""
        return self._native.priority

    @property
    def timestamp(self) -> datetime.datetime | None:
        """When it was sent, if its sender says so; None for a number that is no second before the
        year 10000, such as milliseconds.
        """
        return time_of(self._native.timestamp)

    @property
    def sender(self) -> str | None:
        """What its sender calls itself. Not authenticated."""
        return self._native.sender

    @property
    def trace(self) -> TraceContext | None:
        """The W3C trace headers that it came with."""
        trace = self._native.trace
        return None if trace is None else TraceContext(*trace)

    def header(self, name: str) -> str | None:
        """A metadata entry or other header that holds text."""
        value = self._native.headers.get(name)
        return value if isinstance(value, str) else None

    def job(self) -> T:
        """The task itself.

        Raises:
            InvalidArgument: when it is none of the queue's type, which may be why it died.
            Unimplemented: for a content encoding or a later version of the protocol.
        """
        try:
            return self._payload.read(self._native)
        except NotImplementedError as error:
            raise Unimplemented(str(error), executed=Executed.NO) from error
        except UNREADABLE as error:
            raise InvalidArgument(
                f"the dead letter is no task of its queue: {error}", executed=Executed.NO
            ) from error

    def retry(self) -> Awaitable[None]:
        """Pushes it again, from its first attempt.

        Raises:
            LeveretError: as a push, and it stays a dead letter; `Unavailable` when the connection
                that it was read on was lost, and then it stays one too: if that was behind the
                push, `executed` is `maybe`, and whoever retries the letter pushes the task once
                more. `FailedPrecondition` when it was retried or discarded before.
        """
        return self._do(self._native.retry())

    def discard(self) -> Awaitable[None]:
        """Removes it for good.

        Raises:
            Unavailable: when the connection that it was read on was lost; it is still there then,
                unless `executed` is `maybe`, when nobody knows.
            FailedPrecondition: when it was retried or discarded before.
        """
        return self._do(self._native.discard())

    def _do(self, action: _leveret.Action) -> Awaitable[None]:
        if self._link is not None:
            return do(self._link, action, "await it")
        done_here(action)
        return Settled()

    def __repr__(self) -> str:
        return f"<leveret.DeadLetter {self.id} {self.reason}: {self.error}>"


class DeadLetters(Iterator[DeadLetter[T]]):
    """The dead letters that a queue has, oldest first. Made by `Client.dead_letters`."""

    def __init__(self, native: _leveret.DeadLetters, payload: Payload) -> None:
        """For `leveret` itself."""
        self._native = native
        self._payload = payload

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> DeadLetter[T]:
        letter = done_here(self._native.next())
        if letter is None:
            raise StopIteration
        return DeadLetter(letter, self._payload, None)


class AsyncDeadLetters(AsyncIterator[DeadLetter[T]]):
    """The dead letters that a queue has, oldest first. Made by `AsyncClient.dead_letters`."""

    def __init__(self, open: Callable[[], _leveret.Action], payload: Payload, link: Link) -> None:
        """For `leveret` itself."""
        self._opened: Opened[_leveret.DeadLetters] = Opened(link, open, "iterate")
        self._payload = payload
        self._link = link

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DeadLetter[T]:
        letters = await self._opened.get()
        assert letters is not None, "nobody closes them"
        letter = await do(self._link, letters.next(), "iterate")
        if letter is None:
            raise StopAsyncIteration
        return DeadLetter(letter, self._payload, self._link)
