"""Remote methods: what is between `math.fib(30)` and bytes.

Everything that does not change from call to call is prepared when a method is first touched: the
native target, how its arguments are written and its result is read.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import leveret._leveret as _leveret

from ._arguments import dynamic_writer, with_key, writer
from ._context import current
from ._contract import MethodSpec
from ._convert import UNREADABLE, Reader
from ._failures import NO_ERRORS, to_exception
from ._keys import key_option
from ._leveret import FAILED, VALUE, Forked
from ._life import blocking_is_refused, refuse_to_block
from ._link import Link
from ._loop import CallFuture, forked
from ._options import Options
from .errors import DomainError, Executed, Internal

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._options import MethodOptions


@dataclass(frozen=True)
class Route:
    """Where a method is, and what is known about it."""

    service: str | None
    queue: str | None
    method: str
    spec: MethodSpec | None = None
    errors: Mapping[str, type[DomainError]] = field(default_factory=lambda: NO_ERRORS)
    # What the contract says, for a method with a key.
    partitions: int | None = None
    # The key that the caller gives instead, and of how many partitions.
    key: tuple[str, int] | None = None

    @property
    def where(self) -> str:
        """For messages."""
        name = self.service or self.queue or ""
        return f"{name}.{self.method}" if self.method else name


class _Prepared:
    """What both kinds of methods have in common."""

    __slots__ = ("_errors", "_link", "_options", "_reader", "_route", "_target", "_write")

    def __init__(self, link: Link, route: Route, options: Options) -> None:
        spec = route.spec
        self._link = link
        self._route = route
        self._options = options
        self._errors = route.errors
        self._target = _leveret.Target(
            link.connection,
            service=route.service,
            queue=route.queue,
            method=route.method,
            method_timeout=spec.options.timeout if spec else None,
            **options.target_settings(),
        )
        self._reader: Reader | None = None
        if spec is None:
            self._write = dynamic_writer(options.codec, route.where)
            self._reader = Reader(Any)
        else:
            self._write = writer(spec, options.codec, route.where, route.partitions)
            if spec.result is not type(None):
                self._reader = Reader(spec.result)
        if route.key is not None:
            self._write = with_key(self._write, *route.key)

    def with_options(self, **options: Unpack[MethodOptions]) -> Self:
        """The same method with other options.

        ```python
        math.fib.with_options(timeout=2)(30)
        shop.buy.with_options(key=("item-7", 16))("item-7", 2)
        ```

        Args:
            key: what orders the calls, for a method that its service has declared so, and the
                number of partitions that it says. Of a class the methods do that by themselves.
            options: besides it, the options of calls: see `Client.with_options`.

        Raises:
            TypeError, ValueError: for an option that does not exist or does not fit.
        """
        others: dict[str, Any] = {**options}
        route = self._route
        if "key" in others:
            key = key_option(others.pop("key"))
            if key is not None and route.spec is not None and route.spec.options.key is not None:
                raise TypeError(
                    f"{route.where} is ordered by its argument `{route.spec.options.key}`: leave "
                    "the option `key` out"
                )
            route = replace(route, key=key)
        return type(self)(self._link, route, self._options.merged(others))

    def read(self, body: bytes, how: int) -> Any:
        """Decodes a result. For `leveret` itself."""
        if self._reader is None:
            # Declared to be None: what a later version of the service adds is not for this caller.
            return None
        try:
            return self._reader(body, how)
        except UNREADABLE as error:
            raise Internal(
                f"the result of {self._route.where} cannot be read: {error}",
                executed=Executed.YES,
            ) from error

    def __repr__(self) -> str:
        return f"<leveret.{type(self).__name__} {self._route.where}>"


class Method(_Prepared):
    """A method of a service; calling it waits for the result.

    ```python
    fib = client.service("math").fib
    fib(30)
    ```
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the method, with arguments by position or by name.

        Raises:
            LeveretError: whatever the call ends in; domain errors that were declared as their own
                class.
            TypeError: for arguments that do not fit the signature.
        """
        body = self._write(args, kwargs)
        if blocking_is_refused():
            refuse_to_block()
        event = self._target.call(body, current.get())
        if event[0] == VALUE:
            return self.read(event[2], event[3])
        raise to_exception(event[2], self._errors)

    def cast(self, *args: Any, **kwargs: Any) -> None:
        """Sends a request for which nobody waits; returns when the broker has it.

        ```python
        log.line.cast("started")
        ```

        Raises:
            LeveretError: when the broker could not be given the request.
            TypeError: for arguments that do not fit the signature.
        """
        body = self._write(args, kwargs)
        if blocking_is_refused():
            refuse_to_block()
        event = self._target.cast(body, current.get())
        if event[0] == FAILED:
            raise to_exception(event[2], self._errors)


class OnewayMethod(Method):
    """A method that is declared as a cast."""

    __slots__ = ()

    __call__ = Method.cast


def _no_loop(where: str) -> RuntimeError:
    return RuntimeError(
        f"no running event loop: call {where} in an `async def` that asyncio.run() runs, or use "
        "leveret.connect(), whose calls wait"
    )


class AsyncMethod(_Prepared):
    """A method of a service; calling it sends the call and gives a future of the result.

    ```python
    fib = client.service("math").fib
    await fib(30)
    ```
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> CallFuture:
        """Sends a call, with arguments by position or by name; awaiting gives the result, or
        raises.

        Raises:
            TypeError: for arguments that do not fit the signature.
            InvalidArgument: for arguments that cannot be sent.
            RuntimeError: outside of an event loop.
        """
        body = self._write(args, kwargs)
        try:
            loop = get_running_loop()
        except RuntimeError:
            raise _no_loop(self._route.where) from None
        lane = self._link.lane
        if lane is None or lane.loop() is not loop:
            lane = self._link.lane_of(loop)
        queue = lane.queue
        future = CallFuture(loop=loop)
        future.slot = slot = next(queue.slots)
        future.lane = lane
        future.read = self.read
        future.errors = self._errors
        queue.pending[slot] = future
        try:
            lane.native.call(slot, self._target, body, current.get())
        except Forked as error:
            del queue.pending[slot]
            raise forked() from error
        return future

    def cast(self, *args: Any, **kwargs: Any) -> CallFuture:
        """Sends a request for which nobody waits; awaiting it ends when the broker has the request.

        ```python
        await log.line.cast("started")
        ```

        Raises:
            TypeError, InvalidArgument, RuntimeError: as a call.
        """
        body = self._write(args, kwargs)
        try:
            loop = get_running_loop()
        except RuntimeError:
            raise _no_loop(self._route.where) from None
        lane = self._link.lane_of(loop)
        future = CallFuture(loop=loop)
        future.slot = slot = next(lane.queue.slots)
        future.lane = lane
        future.read = self.read
        future.errors = self._errors
        lane.queue.pending[slot] = future
        try:
            lane.native.cast(slot, self._target, body, current.get())
        except Forked as error:
            del lane.queue.pending[slot]
            raise forked() from error
        return future


class AsyncOnewayMethod(AsyncMethod):
    """A method that is declared as a cast."""

    __slots__ = ()

    __call__ = AsyncMethod.cast
