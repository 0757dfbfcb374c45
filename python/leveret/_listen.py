"""Events taken one after the other, by a `for` or an `async for` instead of a handler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import leveret._leveret as _leveret

from ._consumer import consumer_settings, subscription
from ._convert import UNREADABLE
from ._do import Opened, do, done_here
from ._events import Events
from ._message import Message
from ._payload import Payload
from ._text import text_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ._link import Link

T = TypeVar("T")

# Hides the way to the broker and back; nobody shares a transient queue.
_PREFETCH = 16


def listening(
    link: Link, timeout: float | None, events: Events[Any], options: dict[str, Any]
) -> Callable[[], _leveret.Action]:
    """Prepares a subscription for an iterator; what it gives starts it, within the time.

    Raises:
        TypeError, ValueError: for options that do not fit.
    """
    if not isinstance(cast("object", events), Events):
        raise TypeError(f"what is listened to are leveret.Events, not {events!r}")
    source = subscription(events, options)
    options.setdefault("prefetch", _PREFETCH)
    settings = consumer_settings(source, options, known=("prefetch", "rate"))
    # What is under way when the iteration ends goes back at once.
    more = {"concurrency": 1, "grace": 0.0, "raw": events.payload.raw}
    return partial(_leveret.Listener.start, link.connection, {**settings, **more}, timeout)


class _Taken(Generic[T]):
    """The one that the loop's body is busy with."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._run: _leveret.Run | None = None

    def take(self, run: _leveret.Run) -> tuple[T, Message] | None:
        """The event and its message; None for one that cannot be read, which is settled."""
        (delivery,) = run.messages
        try:
            value = self._payload.read(delivery)
        except UNREADABLE as error:
            run.spoil(0, text_of(error))
            run.done()
            return None
        self._run = run
        return value, Message(delivery)

    def go_on(self) -> None:
        """The body is through with it: now it is acknowledged."""
        run, self._run = self._run, None
        if run is not None:
            run.done()


class Listening(Iterator[tuple[T, Message]]):
    """Events and their messages. Made by `Client.listen`.

    An event is acknowledged when the next one is asked for, so one whose loop body has raised or
    broken out is not: in a durable group somebody gets it again. `message.retry`, `reject` and
    `ack` settle it by hand. The iteration ends when the client or this is closed.
    """

    def __init__(self, native: _leveret.Listener, payload: Payload) -> None:
        """For `leveret` itself."""
        self._native = native
        self._taken: _Taken[T] = _Taken(payload)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[T, Message]:
        self._taken.go_on()
        while True:
            run = done_here(self._native.next())
            if run is None:
                raise StopIteration
            taken = self._taken.take(run)
            if taken is not None:
                return taken

    def close(self) -> None:
        """Ends the subscription; done when a `for` over it ends, too, and nobody else holds it."""
        done_here(self._native.stop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncListening(AsyncIterator[tuple[T, Message]]):
    """Events and their messages. Made by `AsyncClient.listen`; otherwise as `Listening`.

    It subscribes when it is first asked for an event, or entered by `async with`; a wait that is
    cancelled, as by `asyncio.wait_for`, neither ends that nor loses an event.
    """

    def __init__(self, link: Link, start: Callable[[], _leveret.Action], payload: Payload) -> None:
        """For `leveret` itself."""
        self._link = link
        self._opened: Opened[_leveret.Listener] = Opened(link, start, "iterate")
        self._taken: _Taken[T] = _Taken(payload)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[T, Message]:
        native = await self._opened.get()
        if native is None:
            raise StopAsyncIteration
        self._taken.go_on()
        while True:
            run = await do(self._link, native.next(), "iterate")
            if run is None:
                raise StopAsyncIteration
            taken = self._taken.take(run)
            if taken is not None:
                return taken

    async def aclose(self) -> None:
        """Ends the subscription; done when an `async for` over it ends, too, and nobody else holds
        it.
        """
        native = self._opened.close()
        if native is not None:
            await do(self._link, native.stop(), "close")

    async def __aenter__(self) -> Self:
        await self._opened.get()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
