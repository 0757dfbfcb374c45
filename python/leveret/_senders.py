"""Pushing tasks, publishing events and looking after queues: what both clients have in common."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import leveret._leveret as _leveret

from ._checks import seconds, small, text
from ._consumer import header_list
from ._context import current
from ._events import Events
from ._keys import Key, key_text
from ._link import Link
from ._options import Options
from ._tasks import TaskQueue

if TYPE_CHECKING:
    from ._payload import Payload


class Senders:
    """What a client sends to, prepared when it is first used."""

    __slots__ = ("_link", "_options", "_publishers", "_tasks")

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._options = options
        self._tasks: WeakKeyDictionary[TaskQueue[Any], _leveret.Tasks] = WeakKeyDictionary()
        self._publishers: WeakKeyDictionary[Events[Any], _leveret.Publisher] = WeakKeyDictionary()

    @property
    def timeout(self) -> float | None:
        """The client's; None: whatever is usual for what is done."""
        return self._options.given.get("timeout")

    def tasks(self, queue: TaskQueue[Any]) -> _leveret.Tasks:
        """The native side of a queue.

        Raises:
            TypeError: for what is no queue.
        """
        try:
            return self._tasks[queue]
        except (KeyError, TypeError):
            pass
        if not isinstance(cast("object", queue), TaskQueue):
            raise TypeError(f"tasks go to a leveret.TaskQueue, not {queue!r}")
        made = self._tasks[queue] = _leveret.Tasks(
            self._link.connection, queue.as_settings(), **self._options.sender_settings()
        )
        return made

    def push(
        self,
        queue: TaskQueue[Any],
        job: Any,
        delay: float | None,
        at: datetime.datetime | None,
        priority: int | None,
        key: Key | None,
        dedup: str | None,
        expires: float | None,
    ) -> _leveret.Action:
        """Prepares a push.

        Raises:
            TypeError, ValueError: for what does not fit.
        """
        tasks = self.tasks(queue)
        if at is not None:
            if delay is not None:
                raise TypeError("a task is pushed with a delay, or at a time, not both")
            delay = _until(at)
        return tasks.push(
            queue.payload.write(job),
            current.get(),
            delay=None if delay is None else seconds("delay", delay),
            priority=small("priority", priority),
            key=None if key is None else key_text(key),
            dedup=None if dedup is None else text("dedup", dedup),
            expires=None if expires is None else seconds("expires", expires),
        )

    def push_all(
        self, queue: TaskQueue[Any], jobs: Iterable[Any], priority: int | None
    ) -> _leveret.Action:
        """Prepares a push of many.

        Raises:
            TypeError, ValueError: for what does not fit.
        """
        tasks = self.tasks(queue)
        payload: Payload = queue.payload
        bodies = [payload.write(job) for job in jobs]
        return tasks.push_all(bodies, current.get(), priority=small("priority", priority))

    def publish(
        self,
        events: Events[Any],
        event: Any,
        key: str,
        headers: Mapping[str, str | int | float | bool] | None,
        priority: int | None,
        expires: float | None,
    ) -> _leveret.Action:
        """Prepares an event.

        Raises:
            TypeError, ValueError: for what does not fit.
        """
        return self._publisher(events).publish(
            events.payload.write(event),
            current.get(),
            key=text("key", key),
            headers=[] if headers is None else header_list("headers", headers),
            priority=small("priority", priority),
            expires=None if expires is None else seconds("expires", expires),
        )

    def _publisher(self, events: Events[Any]) -> _leveret.Publisher:
        try:
            return self._publishers[events]
        except (KeyError, TypeError):
            pass
        if not isinstance(cast("object", events), Events):
            raise TypeError(f"events go to leveret.Events, not {events!r}")
        made = self._publishers[events] = _leveret.Publisher(
            self._link.connection, events.as_settings(), **self._options.sender_settings()
        )
        return made


def _until(at: Any) -> float:
    if not isinstance(at, datetime.datetime):
        raise TypeError(f"at is a datetime, not {type(at).__name__}; seconds are a delay")
    if at.tzinfo is None:
        raise ValueError("at has no time zone: datetime.now(timezone.utc) is a time with one")
    return max(0.0, (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
