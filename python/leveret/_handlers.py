"""A request's way through a handler: decode, call, encode, answer; in the event loop or in a
thread. Tasks and events, `_work.py`, take the same loops and threads.

Every way out answers the request. What a handler raises by mistake never reaches the caller as
text, only the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import traceback
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

import leveret._leveret as _leveret

from ._arguments import ArgumentsReader
from ._context import Around, current
from ._contract import Contract, MethodSpec
from ._convert import UNSENDABLE, encoder_for
from ._failures import answer
from ._leveret import CANCEL, ENDED, REQUEST, RUN
from ._loop import unwatch, watch
from ._text import text_of
from ._work import Work
from .errors import Internal, LeveretError, Unimplemented

_log = logging.getLogger("leveret")
_NIL = b"\xc0"


class Handler:
    """One method of a service, ready to be called."""

    __slots__ = ("call", "encode", "is_async", "read", "where")

    def __init__(self, contract: Contract, spec: MethodSpec, function: Callable[..., Any]) -> None:
        self.where = f"{contract.name}.{spec.name}"
        self.is_async = inspect.iscoroutinefunction(function)
        self.read = ArgumentsReader(spec)
        self.call = _with_keywords(function, self.read)
        nothing = spec.result is type(None) or spec.options.oneway
        self.encode = _encode_nothing if nothing else encoder_for(spec.result)

    def arguments(self, request: _leveret.Request) -> tuple[Any, ...] | None:
        """Decodes the arguments; answers, and gives None, when they do not fit."""
        try:
            return self.read(*request.arguments())
        except LeveretError as error:
            answer(request, error)
        except Exception:
            # Decoding runs validators of the user's.
            _log.exception("the arguments of %s could not be read", self.where)
            answer(
                request,
                Internal("the arguments could not be read; the server's log has the reason"),
            )
        return None

    def reply(self, request: _leveret.Request, result: Any) -> None:
        """Answers with a result."""
        try:
            body = self.encode(result)
        except UNSENDABLE:
            if inspect.iscoroutine(result):
                result.close()
                _log.error(
                    "%s is a `def` that returned a coroutine: write it, and what decorates it, as "
                    "`async def`",
                    self.where,
                )
            else:
                _log.exception("the result of %s cannot be sent", self.where)
            request.fail(
                "Internal",
                "the result cannot be sent; the server's log has the reason",
                executed="yes",
            )
            return
        try:
            request.reply(body)
        except ValueError as error:
            _log.error("the result of %s cannot be sent: %s", self.where, error)

    def failed(
        self, request: _leveret.Request, error: BaseException, *, tracebacks: bool, stopping: bool
    ) -> None:
        """Answers with what the handler raised."""
        if isinstance(error, LeveretError):
            answer(request, error)
        elif isinstance(error, asyncio.CancelledError):
            if request.cancelled:
                request.fail("Cancelled", "the caller gave up", executed="maybe")
            elif stopping:
                request.fail("Unavailable", "the server stopped", executed="maybe")
            else:
                _log.error("%s was cancelled from within", self.where)
                request.fail("Internal", "the handler was cancelled", executed="maybe")
        else:
            self._broken(request, error, tracebacks)

    def _broken(self, request: _leveret.Request, error: BaseException, tracebacks: bool) -> None:
        name = type(error).__name__
        _log.error("%s raised %s", self.where, name, exc_info=error)
        cls = Unimplemented if isinstance(error, NotImplementedError) else Internal
        trace = text_of("".join(traceback.format_exception(error))) if tracebacks else None
        answer(
            request,
            cls(
                f"the handler raised {name}; the server's log has the reason",
                details=trace and {"traceback": trace},
                executed="maybe",
            ),
        )

    def lost(self, request: _leveret.Request) -> None:
        """Answers when nothing else could be said."""
        request.fail("Internal", "the server's log has the reason", executed="maybe")


def _failed(
    handler: Any, request: Any, error: BaseException, *, tracebacks: bool, stopping: bool
) -> None:
    """Says what a handler raised. Raises nothing, for whatever reason that cannot be said: threads
    and loops go on for the requests beside it.
    """
    try:
        handler.failed(request, error, tracebacks=tracebacks, stopping=stopping)
    except BaseException as unexpected:
        handler.lost(request)
        # The log itself may be what failed.
        with contextlib.suppress(BaseException):
            _log.error("%s: its end could not be told", handler.where, exc_info=unexpected)


def _with_keywords(function: Callable[..., Any], read: ArgumentsReader) -> Callable[..., Any]:
    if not read.keywords:
        return function
    count, names = read.positional, read.keywords

    def call(*arguments: Any) -> Any:
        return function(*arguments[:count], **dict(zip(names, arguments[count:], strict=True)))

    return call


def _encode_nothing(result: Any) -> bytes:
    return _NIL


class LoopHandlers:
    """Runs `async def` handlers: a task for each request, task or event."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        table: list[list[Handler]],
        works: list[Work],
        *,
        tracebacks: bool,
    ) -> None:
        self._loop = loop
        self._table = table
        self._works = works
        self._tracebacks = tracebacks
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.stopping = False
        self.native = watch(loop, self, LoopHandlers.drain)

    def drain(self) -> None:
        """Starts a task for each request that has come, in the loop's own callback."""
        tasks = self._tasks
        for event in self.native.drain():
            kind = event[0]
            if kind == REQUEST:
                request: _leveret.Request = event[1]
                method = self._table[request.service_index][request.method_index]
                self._begin(method, request, request)
            elif kind == RUN:
                run: _leveret.Run = event[1]
                work = self._works[run.consumer_index]
                self._begin(work, run, work.around(run))
            elif kind == CANCEL:
                task = tasks.get(event[1])
                if task is not None:
                    task.cancel()
        current.set(None)

    def _begin(self, handler: Any, request: Any, around: Around | None) -> None:
        try:
            arguments = handler.arguments(request)
        except Exception as error:
            _failed(handler, request, error, tracebacks=self._tracebacks, stopping=False)
            return
        if arguments is None:
            return
        # Tasks copy the context that is current when they are made.
        current.set(around)
        task = self._loop.create_task(self._run(handler, request, arguments))
        # With eager tasks it may be done already.
        if not task.done():
            self._tasks[request.id] = task

    async def _run(self, handler: Any, request: Any, arguments: tuple[Any, ...]) -> None:
        try:
            handler.reply(request, await handler.call(*arguments))
        except BaseException as error:
            _failed(handler, request, error, tracebacks=self._tracebacks, stopping=self.stopping)
            # The loop is meant to see the others: a cancelled task, Ctrl-C, `sys.exit()`.
            if not isinstance(error, Exception):
                raise
        finally:
            self._tasks.pop(request.id, None)

    async def close(self, patience: float) -> None:
        """Cancels what still runs, gives it a moment to clean up, and stops listening."""
        self.stopping = True
        left = set(self._tasks.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=patience)
        unwatch(self._loop, self.native)


class ThreadHandlers:
    """Runs `def` handlers in threads, which take requests from the native queue by themselves."""

    def __init__(
        self, table: list[list[Handler]], works: list[Work], threads: int, *, tracebacks: bool
    ) -> None:
        self._table = table
        self._works = works
        self._tracebacks = tracebacks
        self._context = contextvars.copy_context()
        self.native = _leveret.Queue()
        self.threads = threads

    def start(self) -> None:
        """Starts the threads. Daemons: a handler that hangs must not keep the process alive."""
        import threading

        for number in range(self.threads):
            threading.Thread(
                target=self._work, name=f"leveret-handler-{number}", daemon=True
            ).start()

    def _work(self) -> None:
        take = self.native.take
        while True:
            event = take()
            if event[0] == ENDED:
                return
            self._context.copy().run(self._run, event[0], event[1])
            # A thread that waits for the next one must not hold on to this one.
            del event

    def _run(self, kind: int, one: Any) -> None:
        if kind == REQUEST:
            request: _leveret.Request = one
            self._call(self._table[request.service_index][request.method_index], request, request)
        else:
            run: _leveret.Run = one
            work = self._works[run.consumer_index]
            self._call(work, run, work.around(run))

    def _call(self, handler: Any, request: Any, around: Around | None) -> None:
        try:
            arguments = handler.arguments(request)
            if arguments is None:
                return
            current.set(around)
            handler.reply(request, handler.call(*arguments))
        except BaseException as error:
            # `sys.exit()` in a handler would end this thread only, and that silently: it is a
            # mistake like others.
            _failed(handler, request, error, tracebacks=self._tracebacks, stopping=False)

    def close_queue(self) -> None:
        """Lets the threads end, each after the request that it runs."""
        self.native.close()
