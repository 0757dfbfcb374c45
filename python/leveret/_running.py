"""What there is of a server between its start and its stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import leveret._leveret as _leveret

from ._client import AsyncClient
from ._handlers import LoopHandlers, ThreadHandlers
from ._loop import CallFuture, LoopQueue
from .errors import Unavailable


class Native:
    """What runs on the native side: a server, if there are services, and a worker for each
    consumer.
    """

    def __init__(self, connection: _leveret.Connection, queue: LoopQueue) -> None:
        self._connection = connection
        self._queue = queue
        self.server: _leveret.Server | None = None
        self._workers: list[_leveret.Worker] = []

    async def serve(
        self,
        services: list[dict[str, Any]],
        settings: dict[str, Any],
        requests: _leveret.Queue,
        blocking: _leveret.Queue | None,
    ) -> None:
        def start(native: _leveret.Queue, slot: int) -> None:
            _leveret.Server.start(
                self._connection, services, settings, requests, blocking, native, slot
            )

        self.server = await self._started(start)

    async def consume(self, index: int, settings: dict[str, Any], runs: _leveret.Queue) -> None:
        def start(native: _leveret.Queue, slot: int) -> None:
            _leveret.Worker.start(self._connection, settings, index, runs, native, slot)

        self._workers.append(await self._started(start))

    async def _started(self, start: Callable[[_leveret.Queue, int], None]) -> Any:
        loop = asyncio.get_running_loop()

        def late(made: Any) -> None:
            made.stop_now()
            self._queue.operation(loop, made.stop)

        return await self._queue.operation(loop, start, late)

    async def stop(self) -> None:
        loop = asyncio.get_running_loop()
        every = [*self._workers, *([] if self.server is None else [self.server])]
        await asyncio.gather(*(self._queue.operation(loop, one.stop) for one in every))

    def stop_now(self) -> None:
        for one in self._workers:
            one.stop_now()
        if self.server is not None:
            self.server.stop_now()


class Running:
    """What there is between start and stop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        native: Native,
        handlers: LoopHandlers,
        pool: ThreadHandlers | None,
        own: AsyncClient | None,
    ) -> None:
        self.loop = loop
        self.native = native
        self.handlers = handlers
        self.pool = pool
        self.own = own
        # Ends when somebody closes the connection.
        self.watch: CallFuture[None] | None = None
        self.failure: Unavailable | None = None
        self.stopped = asyncio.Event()
        self.stopping: asyncio.Task[None] | None = None
