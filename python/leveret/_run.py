"""`leveret.run`: a program that serves, and ends well when it is told to."""

from __future__ import annotations

import asyncio
import inspect
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._server import Server

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import RunOptions

_log = logging.getLogger("leveret")


def run(
    *services: Any,
    url: str | Sequence[str] | None = None,
    ready: Callable[[], Awaitable[object] | object] | None = None,
    **options: Unpack[RunOptions],
) -> None:
    """Serves until SIGINT or SIGTERM, then stops gracefully; a second signal stops at once.

    ```python
    leveret.run(Math(), ready=lambda: print("serving"))
    ```

    Args:
        services: as for `Server`.
        url: the address of the broker; by default $AMQP_URL, else the local one.
        ready: called once requests are taken; may be `async def`, and is cancelled by the first
            signal.
        options: those of `Server` and of `connect`.

    Raises:
        LeveretError: when it cannot start; see `Server.start`.
        RuntimeError: where an event loop runs already.
        TypeError, ValueError: for what is no service, and options that do not fit.
    """
    if _loop_runs():
        raise RuntimeError(
            "an event loop runs here already, as in a notebook: use "
            "`await leveret.Server(...).serve()`, or `with leveret.Server(...).in_thread():`"
        )
    asyncio.run(_main(Server(*services, url=url, **options), ready))


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _main(server: Server, ready: Callable[[], Awaitable[object] | object] | None) -> None:
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    stops: list[asyncio.Task[None]] = []
    told = False
    waited: asyncio.Future[object] | None = None

    def stop() -> None:
        nonlocal told
        if waited is not None:
            waited.cancel()
        if stops:
            _log.info("stopping at once")
            server.stop_now()
        elif server.serving:
            _log.info("stopping; another signal stops at once")
            stops.append(loop.create_task(server.stop()))
        elif main is not None:
            main.cancel()
        told = True

    with _signals(loop, stop):
        try:
            await server.start()
            _log.info("serving")
            if ready is not None:
                result = ready()
                if inspect.isawaitable(result):
                    waited = asyncio.ensure_future(result)
                    await waited
            # Told meanwhile it has stopped, and would start again.
            if not told:
                await server.serve()
        except asyncio.CancelledError:
            if not told:
                raise
        finally:
            await server.stop()


@contextmanager
def _signals(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], None]
) -> Generator[None, None, None]:
    """Both signals call `stop` in the loop; outside of the main thread there are none to be had."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def from_outside(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(stop)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[signal.Signals, Any] = {}
    for number in numbers:
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:
            before[number] = signal.signal(number, from_outside)
    try:
        yield
    finally:
        for number in numbers:
            if number in before:
                signal.signal(number, before[number])
            else:
                loop.remove_signal_handler(number)
