"""Queues of tasks: what both sides of one share, what is in it, and what became of those that were
given up.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, cast, overload

import leveret._leveret as _leveret

from ._convert import UNREADABLE
from ._do import do, done_here
from ._message import Settled
from ._names import check_name
from ._options import QueueOptions, seconds, whole
from ._payload import Payload
from .errors import Executed, InvalidArgument

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._link import Link

T = TypeVar("T")

DeathReason = Literal[
    "attempts", "rejected", "undecodable", "crashed", "expired", "maxlen", "other"
]

# The ends of the queues that belong to another one.
_TAKEN = re.compile(r"\.(dead|suspect|p\d+)$")


def retry_settings(attempts: int, delay: float, max_delay: float) -> dict[str, Any]:
    """How failures are retried, for the native side.

    Raises:
        TypeError, ValueError: for what does not fit.
    """
    return {
        "attempts": whole("attempts", attempts),
        "delay": seconds("retry_delay", delay),
        "max_delay": seconds("max_retry_delay", max_delay),
    }


def _partitions(count: int) -> int:
    if whole("partitions", count) > 1024:
        raise ValueError(f"there are at most 1024 partitions, not {count}")
    return count


class TaskQueue(Generic[T]):
    """A durable queue of tasks of one type: a value that those who push and those who work share,
    so that whoever comes first declares the same queue.

    ```python
    resize = leveret.TaskQueue("resize", Resize, attempts=3)

    client.push(resize, Resize("cat.png", 200))
    ```

    Args:
        name: the queue's name, as those of services; the ends `.dead`, `.suspect` and `.p0` are
            taken.
        type: what a task is: anything that an argument of a service may be; `bytes` and
            `leveret.Raw` are left as they are. By default anything, and the worker's own hint
            decides.
        attempts: how often a task is tried in all.
        retry_delay: seconds before the second attempt, to 0.1; doubled for each further one, and
            shortened at random to as little as half.
        max_retry_delay: the longest of these.
        kind: "classic", or "quorum": replicated.
        max_priority: the highest priority that tasks may carry (classic queues).
        max_length: a push beyond this many fails with `ResourceExhausted`.
        partitions: orders the tasks by their keys: those with the same `key` are done one after
            another, as they were pushed, by one worker at a time, and different keys beside one
            another, by all workers. The queue is divided into so many partitions (1 to 1,024; 16
            serve a few workers), on which all who push and work must agree. A task that fails is
            tried again before the next of its key.
        dedup_window: for how many seconds a task that was pushed with `dedup` is remembered once it
            is done.
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
        self.name = check_name("task queue", name)
        if _TAKEN.search(name):
            raise ValueError(
                f"{name!r} is no task queue name: .dead, .suspect and .p0 are the ends of queues "
                "that belong to others"
            )
        self.payload = Payload(type, f"a task of {name!r}")
        plain = (kind, max_priority, max_length) == ("classic", None, None)
        if queue is None:
            queue = QueueOptions(kind=kind, max_priority=max_priority, max_length=max_length)
        elif not plain or not isinstance(cast("object", queue), QueueOptions):
            raise TypeError(
                "queue is a leveret.QueueOptions, and has the kind, max_priority and max_length too"
            )
        self._settings = {
            "name": name,
            "retry": retry_settings(attempts, retry_delay, max_retry_delay),
            "dedup_window": seconds("dedup_window", dedup_window),
            "partitions": None if partitions is None else _partitions(partitions),
            "queue": queue.as_settings(),
        }

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
    """Workers, each of which counts once."""
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
        """How many attempts were begun: none when it expired before the first."""
        return self._native.attempts

    @property
    def died_at(self) -> datetime.datetime | None:
        """When it died, by the clock of the worker that gave it up."""
        at = self._native.died_at
        return None if at is None else datetime.datetime.fromtimestamp(at, datetime.timezone.utc)

    @property
    def content_type(self) -> str | None:
        """What its sender says that the body is."""
        return self._native.content_type

    @property
    def body(self) -> bytes:
        """The body as it travelled."""
        return self._native.body

    def header(self, name: str) -> str | None:
        """A metadata entry or other header that holds text; None once the letter is settled."""
        return self._native.header(name)

    def job(self) -> T:
        """The task itself.

        Raises:
            InvalidArgument: when it is none of the queue's type, which may be why it died.
        """
        try:
            return self._payload.read(self._native)
        except UNREADABLE as error:
            raise InvalidArgument(
                f"the dead letter is no task of its queue: {error}", executed=Executed.NO
            ) from error

    def retry(self) -> Awaitable[None]:
        """Pushes it again, from its first attempt.

        Raises:
            LeveretError: as a push, and it stays a dead letter; `FailedPrecondition` when it was
                retried or discarded before.
        """
        return self._do(self._native.retry())

    def discard(self) -> Awaitable[None]:
        """Removes it for good.

        Raises:
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

    def __init__(self, open: _leveret.Action, payload: Payload, link: Link) -> None:
        """For `leveret` itself."""
        self._open = open
        self._native: _leveret.DeadLetters | None = None
        self._payload = payload
        self._link = link

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DeadLetter[T]:
        if self._native is None:
            self._native = await do(self._link, self._open, "iterate")
        assert self._native is not None
        letter = await do(self._link, self._native.next(), "iterate")
        if letter is None:
            raise StopAsyncIteration
        return DeadLetter(letter, self._payload, self._link)
