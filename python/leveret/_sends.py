"""What clients do besides calling: push tasks, publish events, look after queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._do import do, done_here
from ._events import Events
from ._keys import Key
from ._link import Link
from ._listen import AsyncListening, Listening, listening
from ._loop import CallFuture
from ._senders import Senders
from ._tasks import AsyncDeadLetters, DeadLetters, QueueInfo, TaskQueue

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._consumer import ListenOptions

T = TypeVar("T")


class Sends:
    """Of a client whose methods wait."""

    _link: Link
    _senders: Senders

    def push(
        self,
        queue: TaskQueue[T],
        job: T,
        *,
        delay: float | None = None,
        at: datetime | None = None,
        priority: int | None = None,
        key: Key | None = None,
        dedup: str | None = None,
        expires: float | None = None,
    ) -> str:
        """Pushes a task: a durable queue, a persistent message; returns when the broker has
        confirmed it. A connection that is lost at the wrong moment can put it into the queue twice,
        with one id, never zero times.

        ```python
        client.push(resize, Resize("cat.png", 200), delay=60)
        ```

        Args:
            queue: where to.
            job: the task.
            delay: seconds to keep it back, to 0.1; at the broker, for at most 310 days.
            at: instead: until when to keep it back, with a time zone.
            priority: 0 to 255, for queues with `max_priority`.
            key: what orders it, in a queue with `partitions`: a str, int, bool or UUID.
            dedup: do it once, however often it is pushed with this key: while one runs no second
                one does, and those that come within the queue's `dedup_window` after its success
                are skipped.
            expires: seconds that it may wait for its first attempt, before it is a dead letter.

        Returns:
            The id of the task.

        Raises:
            LeveretError: `InvalidArgument` for a job that is not of the queue's type,
                `ResourceExhausted` when the queue is full (a classic one has kept the task as a
                dead letter then), `Unavailable` or `DeadlineExceeded` when the broker has not
                confirmed it.
            TypeError, ValueError: for options that do not fit.
        """
        return done_here(self._senders.push(queue, job, delay, at, priority, key, dedup, expires))

    def push_all(
        self, queue: TaskQueue[T], jobs: Iterable[T], *, priority: int | None = None
    ) -> list[str]:
        """Pushes many, which is faster than one after the other. They enter the queue in no
        particular order, and have no keys: a queue with `partitions` refuses them.

        ```python
        client.push_all(resize, [Resize(name, 200) for name in names])
        ```

        Returns:
            The ids, in the order of the jobs.

        Raises:
            LeveretError: as `push`: the first error; the others may have been pushed or not.
            TypeError, ValueError: as `push`.
        """
        return done_here(self._senders.push_all(queue, jobs, priority))

    def publish(
        self,
        events: Events[T],
        event: T,
        *,
        key: str = "",
        headers: Mapping[str, str | int | float | bool] | None = None,
        priority: int | None = None,
        expires: float | None = None,
    ) -> str:
        """Publishes an event; returns when the broker has it. Nobody need be interested.

        ```python
        client.publish(logs, LogLine("the disk is full"), key="disk.error")
        ```

        Args:
            events: which events.
            event: what happened.
            key: by which direct and topic events find subscribers.
            headers: by which headers events find them.
            priority: 0 to 255, for queues with priorities.
            expires: seconds after which it is dropped from queues where it still waits.

        Returns:
            The id of the event.

        Raises:
            LeveretError, TypeError, ValueError: as `push`.
        """
        return done_here(self._senders.publish(events, event, key, headers, priority, expires))

    def queue_info(self, queue: TaskQueue[Any]) -> QueueInfo:
        """What is in a queue of tasks and in those beside it.

        ```python
        print(client.queue_info(resize).ready)
        ```

        Raises:
            LeveretError: `NoSuchService` when neither a push nor a worker has declared the queue.
        """
        return QueueInfo(*done_here(self._senders.tasks(queue).info()))

    def purge_queue(self, queue: TaskQueue[Any]) -> int:
        """Removes the tasks that wait, and gives how many those were. Those that rest before
        another attempt stay.

        ```python
        client.purge_queue(resize)
        ```

        Raises:
            LeveretError: as `queue_info`.
        """
        return done_here(self._senders.tasks(queue).purge())

    def dead_letters(self, queue: TaskQueue[T]) -> DeadLetters[T]:
        """The dead letters of a queue, oldest first.

        ```python
        for letter in client.dead_letters(resize):
            print(letter.job(), letter.reason, letter.error)
            letter.retry()
        ```

        Raises:
            LeveretError: as `queue_info`.
        """
        return DeadLetters(done_here(self._senders.tasks(queue).dead_letters()), queue.payload)

    def listen(self, events: Events[T], **options: Unpack[ListenOptions]) -> Listening[T]:
        """Subscribes, and gives the events with their messages, one after the other: for scripts
        and tests. The iteration ends when the client is closed.

        ```python
        for line, message in client.listen(logs, keys=["kern.*"]):
            print(message.routing_key, line.text)
        ```

        An event is acknowledged when the next one is asked for. One that was not, because the body
        of the loop has raised or broken out, goes back to its group, if it is `durable`.

        Args:
            events: which events.
            keys, all, any, durable, attempts, retry_delay, max_retry_delay, queue, rate: as for
                `leveret.subscriber`.
            prefetch: how many events the broker may hand over ahead. Default: 16.

        Raises:
            LeveretError: `NoSuchService` when the exchange is not there and may not be created,
                `PermissionDenied` when the login may not subscribe.
            TypeError, ValueError: for options that do not fit.
        """
        start = listening(
            self._link, self._senders.timeout, events, cast("dict[str, Any]", options)
        )
        return Listening(done_here(start()), events.payload)


class AsyncSends:
    """Of a client whose methods are awaited."""

    _link: Link
    _senders: Senders

    def push(
        self,
        queue: TaskQueue[T],
        job: T,
        *,
        delay: float | None = None,
        at: datetime | None = None,
        priority: int | None = None,
        key: Key | None = None,
        dedup: str | None = None,
        expires: float | None = None,
    ) -> CallFuture[str]:
        """Pushes a task; awaiting ends when the broker has confirmed it, and gives its id. Takes
        and raises what `Client.push` does.

        ```python
        await client.push(resize, Resize("cat.png", 200), delay=60)
        ```
        """
        action = self._senders.push(queue, job, delay, at, priority, key, dedup, expires)
        return do(self._link, action, "push")

    def push_all(
        self, queue: TaskQueue[T], jobs: Iterable[T], *, priority: int | None = None
    ) -> CallFuture[list[str]]:
        """Pushes many; awaiting gives their ids. Takes and raises what `Client.push_all` does.

        ```python
        await client.push_all(resize, [Resize(name, 200) for name in names])
        ```
        """
        return do(self._link, self._senders.push_all(queue, jobs, priority), "push")

    def publish(
        self,
        events: Events[T],
        event: T,
        *,
        key: str = "",
        headers: Mapping[str, str | int | float | bool] | None = None,
        priority: int | None = None,
        expires: float | None = None,
    ) -> CallFuture[str]:
        """Publishes an event; awaiting ends when the broker has it, and gives its id. Takes and
        raises what `Client.publish` does.

        ```python
        await client.publish(logs, LogLine("the disk is full"), key="disk.error")
        ```
        """
        action = self._senders.publish(events, event, key, headers, priority, expires)
        return do(self._link, action, "publish")

    async def queue_info(self, queue: TaskQueue[Any]) -> QueueInfo:
        """What is in a queue of tasks and in those beside it.

        ```python
        print((await client.queue_info(resize)).ready)
        ```

        Raises:
            LeveretError: as `Client.queue_info`.
        """
        return QueueInfo(*await do(self._link, self._senders.tasks(queue).info(), "ask"))

    def purge_queue(self, queue: TaskQueue[Any]) -> CallFuture[int]:
        """Removes the tasks that wait, and gives how many those were, as `Client.purge_queue`.

        ```python
        await client.purge_queue(resize)
        ```
        """
        return do(self._link, self._senders.tasks(queue).purge(), "purge")

    def dead_letters(self, queue: TaskQueue[T]) -> AsyncDeadLetters[T]:
        """The dead letters of a queue, oldest first.

        ```python
        async for letter in client.dead_letters(resize):
            print(letter.job(), letter.reason, letter.error)
            await letter.retry()
        ```

        Raises:
            LeveretError: as `Client.queue_info`, from the iteration.
        """
        return AsyncDeadLetters(self._senders.tasks(queue).dead_letters, queue.payload, self._link)

    def listen(self, events: Events[T], **options: Unpack[ListenOptions]) -> AsyncListening[T]:
        """Subscribes when it is iterated over, and gives the events with their messages, one after
        the other; `async with` subscribes at once. Takes and raises what `Client.listen` does.

        ```python
        async for line, message in client.listen(logs, keys=["kern.*"]):
            print(message.routing_key, line.text)
        ```
        """
        start = listening(
            self._link, self._senders.timeout, events, cast("dict[str, Any]", options)
        )
        return AsyncListening(self._link, start, events.payload)
