"""The server: which services, how they are served, and its way from start to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ._checks import flag, seconds, whole
from ._client import AsyncClient, Client, connect_async
from ._consumer import Consumer, check_groups
from ._do import do
from ._handlers import Handler, LoopHandlers, ThreadHandlers
from ._life import is_ending, pooled, serving
from ._loop import CallFuture, queue_of
from ._options import QueueOptions, connection_settings
from ._running import Native, Running
from ._serve import Serve, prepare
from ._work import Work
from .errors import Executed, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._options import ConnectOptions

_KEYS = ("concurrency", "prefetch", "threads", "queue", "grace", "tracebacks")
# More cost memory for nothing where nobody says that they are wanted.
_MOST_THREADS = 256
_log = logging.getLogger("leveret")
# What a handler that is cancelled at the end may take to clean up.
_PATIENCE = 1.0


class Server:
    """Serves services until it is stopped.

    ```python
    async with leveret.Server(Math()) as server:   # or: await server.serve()
        ...

    with leveret.Server(Math()).in_thread():       # for scripts, notebooks and tests
        ...
    ```

    Args:
        services: instances of decorated classes, `Service`s, `Serve`s, and functions decorated with
            `worker` or `subscriber`.
        client: the connection to serve on; without one the server makes its own, and closes it.
        url: the address of the broker, for its own connection; other options of `connect` may
            follow.
        concurrency: how many requests of a service run at once. Default: 64. Workers and
            subscribers say so themselves, and what `prefetch` and `queue` say there.
        prefetch: how many requests the broker may hand over ahead. Default: the concurrency.
        threads: how many `def` handlers run at once, of all services, workers and subscribers.
            Default: for services the processors and 4, at most 32; and as many as the `def` workers
            and subscribers let run at once; together at most 256.
        queue: how queues are declared.
        grace: seconds that running handlers have to finish once the server stops.
        tracebacks: show callers the traceback of a handler's unexpected exception, in `details`.

    Raises:
        TypeError, ValueError: for what is no service, options that do not fit, and subscribers of
            one durable group that ask for different events.
    """

    def __init__(
        self,
        *services: Any,
        client: AsyncClient | Client | None = None,
        url: str | Sequence[str] | None = None,
        concurrency: int | None = None,
        prefetch: int | None = None,
        threads: int | None = None,
        queue: QueueOptions | None = None,
        grace: float = 10.0,
        tracebacks: bool = False,
        **connection: Unpack[ConnectOptions],
    ) -> None:
        if not services:
            raise TypeError("a server needs a service, a worker or a subscriber")
        if client is not None and (url is not None or connection):
            raise TypeError("give a client, or the options of a connection, not both")
        if client is None:
            # Now, where the caller's line is still on the stack, and not when it starts.
            connection_settings(url, connection, also=_KEYS)
        self._client = client
        self._connect = (url, connection)
        if threads is not None:
            whole("threads", threads)
        self._grace = seconds("grace", grace)
        self._tracebacks = flag("tracebacks", tracebacks)
        check_groups(
            cast("Consumer[..., Any]", one) for one in services if isinstance(one, Consumer)
        )
        default = Serve(None, concurrency, prefetch, queue)
        self._table: list[list[Handler]] = []
        self._served: list[dict[str, Any]] = []
        self._works: list[Work] = []
        self._consumed: list[dict[str, Any]] = []
        for one in services:
            if isinstance(one, Consumer):
                consumer = cast("Consumer[..., Any]", one)
                work = Work(consumer)
                self._works.append(work)
                settings = {**consumer.settings, "grace": self._grace, "raw": work.raw}
                self._consumed.append(settings)
                continue
            handlers, settings = prepare(one if isinstance(one, Serve) else Serve(one), default)
            self._table.append(handlers)
            self._served.append(settings)
        self._threads = self._enough_threads() if threads is None else threads
        self._running: Running | None = None
        # Started twice at the same time it starts once.
        self._starting = asyncio.Lock()

    def _enough_threads(self) -> int:
        together = zip(self._works, self._consumed, strict=True)
        wanted = sum(one["concurrency"] for work, one in together if not work.is_async)
        if any(not handler.is_async for handlers in self._table for handler in handlers):
            wanted += min(32, (os.cpu_count() or 1) + 4)
        if wanted > _MOST_THREADS:
            _log.warning(
                "the `def` handlers may run %d at once, but have %d threads: threads= makes more",
                wanted,
                _MOST_THREADS,
            )
        return min(wanted, _MOST_THREADS)

    async def start(self) -> None:
        """Connects, declares the queues and begins to serve; returns when requests are taken. Does
        nothing when it serves already.

        Raises:
            LeveretError: `Unavailable` when no broker answers, `NoSuchService` when a queue is not
                there and may not be created, `PermissionDenied` when the login may not declare or
                consume.
        """
        async with self._starting:
            if self._running is not None:
                return
            if self._client is not None:
                client, own = self._client, None
            else:
                url, options = self._connect
                client = own = await connect_async(url, **options)
            try:
                self._running = await self._start(client, own)
            except BaseException:
                if own is not None:
                    await own.close()
                raise

    async def _start(self, client: AsyncClient | Client, own: AsyncClient | None) -> Running:
        loop = asyncio.get_running_loop()
        queue = queue_of(loop)
        handlers = LoopHandlers(loop, self._table, self._works, tracebacks=self._tracebacks)
        pool: ThreadHandlers | None = None
        all_handlers = [*self._works, *(one for handlers_ in self._table for one in handlers_)]
        if not all(handler.is_async for handler in all_handlers):
            pool = ThreadHandlers(
                self._table, self._works, self._threads, tracebacks=self._tracebacks
            )
            pool.start()
            pooled(pool)

        native = Native(client.link.connection, queue)
        # From here on handlers may run, and block on calls to themselves.
        serving(+1)
        try:
            await self._start_native(native, handlers, pool)
        except BaseException:
            native.stop_now()
            await native.stop()
            serving(-1)
            await handlers.close(_PATIENCE)
            if pool is not None:
                pool.close_queue()
            raise
        running = Running(loop, native, handlers, pool, own)
        running.watch = do(client.link, client.link.connection.closed(), "serve")
        running.watch.add_done_callback(partial(self._closed, running))
        return running

    def _closed(self, running: Running, watch: CallFuture[None]) -> None:
        """The connection was closed by whoever has the client, or with the interpreter."""
        if watch.cancelled() or running.stopping is not None:
            return
        running.failure = Unavailable("the connection has been closed", executed=Executed.NO)
        if is_ending():
            # A thread that is waited for goes on: what it serves with is gone, and it has to end.
            running.stopped.set()
            return
        _log.warning("the connection was closed, and the server on it has ended")
        self._stopping(running)

    async def _start_native(
        self, native: Native, handlers: LoopHandlers, pool: ThreadHandlers | None
    ) -> None:
        threads = None if pool is None else pool.native
        if self._served:
            await native.serve(self._served, {"grace": self._grace}, handlers.native, threads)
        for index, (work, settings) in enumerate(zip(self._works, self._consumed, strict=True)):
            runs = handlers.native if work.is_async or threads is None else threads
            await native.consume(index, settings, runs)

    async def serve(self) -> None:
        """Serves until `stop` is called or the task is cancelled; starts first where `start` was
        not called.

        A cancelled `serve` stops gracefully before it lets the cancellation through; cancelled
        again, at once.

        Raises:
            LeveretError: as `start`; `Unavailable` when the client that it serves on is closed, and
                in a thread when the main thread is done, since connections end with it.
        """
        await self.start()
        running = self._running
        if running is None:
            return
        try:
            await running.stopped.wait()
            if running.failure is not None:
                raise running.failure
        except asyncio.CancelledError:
            try:
                await self.stop()
            except asyncio.CancelledError:
                self.stop_now()
                await self.stop()
            raise

    async def stop(self) -> None:
        """Stops gracefully: takes nothing new, lets running handlers finish within the grace time,
        answers, and gives the rest back to the queue. Does nothing when it does not serve.
        """
        running = self._running
        if running is None:
            return
        # Whoever waits may be cancelled; the stop goes on.
        await asyncio.shield(self._stopping(running))

    def _stopping(self, running: Running) -> asyncio.Task[None]:
        if running.stopping is None:
            running.stopping = running.loop.create_task(self._stop(running))
        return running.stopping

    async def _stop(self, running: Running) -> None:
        if running.watch is not None:
            running.watch.cancel()
        await running.native.stop()
        await running.handlers.close(_PATIENCE)
        if running.pool is not None:
            running.pool.close_queue()
        serving(-1)
        if running.own is not None:
            await running.own.close()
        self._running = None
        running.stopped.set()

    def stop_now(self) -> None:
        """Stops without waiting for handlers, also where a stop waits for them already. Returns
        before it is done: `await stop()` waits for that. May be called from any thread.
        """
        running = self._running
        if running is None:
            return
        running.handlers.stopping = True
        running.native.stop_now()
        # A loop that is closed has served to its end.
        with suppress(RuntimeError):
            running.loop.call_soon_threadsafe(self._stopping, running)

    @property
    def serving(self) -> bool:
        """Whether requests are taken."""
        return self._running is not None and self._running.stopping is None

    @property
    def instance(self) -> str | None:
        """The name of this server on the control exchange; None when it serves no service."""
        server = None if self._running is None else self._running.native.server
        return None if server is None else server.instance

    @property
    def dropped_messages(self) -> int:
        """How many messages it took that were no requests."""
        server = None if self._running is None else self._running.native.server
        return 0 if server is None else server.dropped_messages()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        served = [repr(one["descriptor"]["name"]) for one in self._served]
        names = ", ".join([*served, *(work.where for work in self._works)])
        return f"<leveret.Server {names} {'serving' if self.serving else 'not serving'}>"

    @contextmanager
    def in_thread(self) -> Generator[Server, None, None]:
        """Serves from a background thread with an event loop of its own, as long as the `with`
        block runs.

        ```python
        with leveret.Server(Math()).in_thread(), leveret.connect() as client:
            assert client.service("math").fib(30) == 832040
        ```

        Raises:
            LeveretError: as `start`.
        """
        started: Future[asyncio.AbstractEventLoop] = Future()
        stops: list[asyncio.Task[None]] = []

        async def main() -> None:
            try:
                await self.start()
            except BaseException as error:
                started.set_exception(error)
                return
            started.set_result(asyncio.get_running_loop())
            # Whoever closed the client knows, and the log has it.
            with suppress(Unavailable):
                await self.serve()

        def stop(started: Future[asyncio.AbstractEventLoop]) -> None:
            if started.exception() is not None:
                return
            loop = started.result()
            # A loop that is closed has served to its end.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: stops.append(loop.create_task(self.stop())))

        running = threading.Thread(
            target=lambda: asyncio.run(main()), name="leveret-server", daemon=True
        )
        running.start()
        try:
            started.result()
        except BaseException as error:
            if started.done() and started.exception() is error:
                running.join()
            else:
                # Ctrl-C does not wait for the broker.
                started.add_done_callback(stop)
            raise
        try:
            yield self
        finally:
            # An interpreter that ends has stopped the thread already: nothing would come of it.
            if not sys.is_finalizing():
                stop(started)
            running.join()
