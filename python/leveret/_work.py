"""A task's or event's way through a handler: decode, call, say what became of it.

The counterpart of `Handler` for services, with the same methods, so that the same loops and threads
run both.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

import leveret._leveret as _leveret

from ._consumer import Consumer, payload_for
from ._convert import UNREADABLE
from ._function import is_async, parameters_of, where_of
from ._message import Message
from ._outcome import Reject, Retry
from ._text import text_of
from .errors import LeveretError

_log = logging.getLogger("leveret")


class Work:
    """A consumer, ready to be called.

    Raises:
        TypeError: from the constructor, for a hint whose objects cannot travel.
    """

    __slots__ = ("_batch", "_payload", "_with_messages", "call", "is_async", "where")

    def __init__(self, consumer: Consumer[..., Any]) -> None:
        function = consumer.function
        self.where = where_of(function)
        self.is_async = is_async(function)
        taken = parameters_of(function)
        self.call = (
            _by_name(function, taken.message.name) if taken.by_name and taken.message else function
        )
        self._batch = consumer.settings["batch"] is not None
        self._with_messages = taken.message is not None
        self._payload = payload_for(consumer, batch=self._batch)

    @property
    def raw(self) -> bool:
        """Whether bodies are left as they are."""
        return self._payload.raw

    def around(self, run: _leveret.Run) -> _leveret.Delivery | None:
        """What calls in the handler inherit; a batch has no one trace."""
        return None if self._batch else run.messages[0]

    def arguments(self, run: _leveret.Run) -> tuple[Any, ...] | None:
        """Decodes the values; answers, and gives None, when there are none left."""
        values: list[Any] = []
        kept: list[_leveret.Delivery] = []
        for place, delivery in enumerate(run.messages):
            try:
                value = self._payload.read(delivery)
            except UNREADABLE as error:
                run.spoil(place, text_of(error))
            except Exception as error:
                # A validator of the user's: what it makes of the same value may change.
                _log.exception("a message for %s could not be read", self.where)
                run.retry(_reason(error), None)
                return None
            else:
                values.append(value)
                kept.append(delivery)
        if not values:
            run.done()
            return None
        if self._batch:
            return (values, [Message(one) for one in kept]) if self._with_messages else (values,)
        return (values[0], Message(kept[0])) if self._with_messages else (values[0],)

    def reply(self, run: _leveret.Run, result: Any) -> None:
        """The handler has returned."""
        if inspect.iscoroutine(result):
            result.close()
            _log.error(
                "%s is a `def` that returned a coroutine: write it, and what decorates it, as "
                "`async def`",
                self.where,
            )
            run.retry(f"{self.where} is a `def` that returned a coroutine", None)
            return
        run.done()

    def failed(
        self, run: _leveret.Run, error: BaseException, *, tracebacks: bool, stopping: bool
    ) -> None:
        """The handler has raised."""
        if isinstance(error, Reject):
            run.reject(error.reason)
        elif isinstance(error, Retry):
            run.retry(error.reason, error.after)
        else:
            # Cancelled by a stop or a timeout, it has been settled already.
            if isinstance(error, LeveretError):
                _log.warning("%s raised %s", self.where, error)
            elif not isinstance(error, asyncio.CancelledError):
                _log.error("%s raised %s", self.where, type(error).__name__, exc_info=error)
            run.retry(_reason(error), None)

    def lost(self, run: _leveret.Run) -> None:
        """It could not be said what became of it."""
        run.retry("the worker's log has the reason", None)


def _by_name(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The same with its message as the second argument."""

    def call(value: Any, message: Any) -> Any:
        return function(value, **{name: message})

    return call


def _reason(error: BaseException) -> str:
    text = text_of(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name
