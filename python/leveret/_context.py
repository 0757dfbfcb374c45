"""What a handler may know about the call it serves, and how calls that it makes come to know it.

The request of the running handler is in a context variable, so tasks inherit it; the native side
takes the deadline and the trace from it for every call made inside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

import leveret._leveret as _leveret

from ._options import TraceContext

# A request, or a task or event.
Around = _leveret.Request | _leveret.Delivery

current: ContextVar[Around | None] = ContextVar("leveret.request", default=None)


class Context:
    """The call that a handler serves, or the task or event that it handles. Made by
    `leveret.context()`.

    ```python
    cx = leveret.context()
    if cx and cx.time_left is not None and cx.time_left < 0.1:
        return cheap_answer()
    ```
    """

    __slots__ = ("_deadline", "_request")

    def __init__(self, request: Around) -> None:
        self._request = request
        left = request.time_left
        self._deadline = None if left is None else time.monotonic() + left

    @property
    def service(self) -> str:
        """The service's name on the wire; for a task or event the queue that it came from."""
        return self._request.service

    @property
    def method(self) -> str:
        """The method's name on the wire; empty for a task or event."""
        return self._request.method

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the caller sent along."""
        return MappingProxyType(self._request.metadata)

    @property
    def time_left(self) -> float | None:
        """Seconds until the caller stops waiting, 0.0 when it has; None without a deadline."""
        return self._request.time_left

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, by `time.monotonic()`; None without a deadline."""
        return self._deadline

    @property
    def trace(self) -> TraceContext | None:
        """The W3C trace headers of the call."""
        trace = self._request.trace
        return None if trace is None else TraceContext(*trace)

    @property
    def caller(self) -> str | None:
        """The name that the caller gave itself. Not authenticated."""
        return self._request.caller

    @property
    def user(self) -> str | None:
        """The caller's broker login, which the broker has verified; None means unauthenticated."""
        return self._request.user

    @property
    def message_id(self) -> str | None:
        """The id of the logical call, the same over its retries."""
        return self._request.message_id

    @property
    def redelivered(self) -> bool:
        """Whether the request was delivered before, so that it may have run already."""
        return self._request.redelivered

    @property
    def cancelled(self) -> bool:
        """Whether the caller has given up or the deadline has passed, or the worker's timeout or
        grace time. For `def` handlers to look at; the task of an `async def` handler is cancelled.
        """
        return self._request.cancelled

    def __repr__(self) -> str:
        return f"<leveret.Context {self.service}.{self.method} {self.message_id}>"


def context() -> Context | None:
    """The call that the running handler serves; None outside of handlers.

    Tasks that a handler starts, and functions run by `asyncio.to_thread`, inherit it; in threads of
    your own run with `contextvars.copy_context()`.

    ```python
    cx = leveret.context()
    team = cx.metadata.get("team") if cx else None
    ```
    """
    request = current.get()
    return None if request is None else Context(request)
