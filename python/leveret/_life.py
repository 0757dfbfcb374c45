"""The ends of a process: what a fork must forget, and what an exit must not wait for.

A child has none of its parent's threads, so whatever was connected before is dead there. An
interpreter that ends joins threads first, some of which may wait for answers; closing the
connections under them lets them go at once.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

import leveret._leveret as _leveret

from .errors import Executed, FailedPrecondition

_EXIT_SECONDS = 1.5


class Closable(Protocol):
    """Something with a connection."""

    connection: _leveret.Connection


_open: WeakSet[Closable] = WeakSet()
_queues: WeakSet[_HasQueue] = WeakSet()
_after_fork: list[Callable[[], object]] = []
_at_exit: list[Callable[[], object]] = []
_at_end: list[Callable[[], object]] = []
_ending = False
# Threads whose event loop runs handlers, with the number of servers there.
_serving: dict[int, int] = {}


class _HasQueue(Protocol):
    def close_queue(self) -> None: ...


def opened(link: Closable) -> None:
    """Remembers, weakly, a connection to be closed at exit."""
    _open.add(link)


def pooled(pool: _HasQueue) -> None:
    """Remembers, weakly, threads to be let go at exit."""
    _queues.add(pool)


def after_fork(forget: Callable[[], object]) -> None:
    """Runs a function in children, after the native side knows that it is in one."""
    _after_fork.append(forget)


def at_exit(run: Callable[[], object]) -> None:
    """Runs a function before connections are closed at exit."""
    _at_exit.append(run)


def at_end(run: Callable[[], object]) -> None:
    """Runs a function after connections were closed at exit."""
    _at_end.append(run)


def is_ending() -> bool:
    """Whether the interpreter ends, and connections with it."""
    return _ending


def serving(change: int) -> None:
    """Counts the servers of the running thread's loop."""
    thread = threading.get_ident()
    left = _serving.get(thread, 0) + change
    if left:
        _serving[thread] = left
    else:
        _serving.pop(thread, None)


def refuse_to_block() -> None:
    """Raises FailedPrecondition in a thread whose running loop has handlers: they would wait for
    each other.

    Looking at the thread first keeps this cheap where nothing is served; only then is asyncio
    asked.
    """
    if threading.get_ident() not in _serving:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise FailedPrecondition(
        "a blocking call here would stop the event loop that runs this server's handlers: use "
        "leveret.connect_async() and `await`, make the handler `def`, or call through "
        "asyncio.to_thread",
        executed=Executed.NO,
        retryable=False,
    )


def blocking_is_refused() -> bool:
    """Whether `refuse_to_block` has to be asked at all."""
    return bool(_serving)


def _in_child() -> None:
    _leveret.after_fork_in_child()
    _open.clear()
    _queues.clear()
    _serving.clear()
    for forget in _after_fork:
        forget()


def _close_everything() -> None:
    global _ending
    _ending = True
    for run in _at_exit:
        run()
    for pool in list(_queues):
        pool.close_queue()
    _close_connections()
    for run in _at_end:
        run()


def _close_connections() -> None:
    """Closes all at the same time, and waits for them no longer than a moment."""
    links = list(_open)
    _open.clear()
    if not links:
        return
    woken = threading.Event()
    queue = _leveret.Queue(wake=woken.set)
    for slot, link in enumerate(links):
        link.connection.close_later(queue, slot)
    left = len(links)
    end = time.monotonic() + _EXIT_SECONDS
    while left > 0 and (patience := end - time.monotonic()) > 0:
        woken.wait(patience)
        woken.clear()
        left -= len(queue.drain())
    queue.close()


def _watch() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)
    # Before threads are joined, where the interpreter offers that. The last registered runs first:
    # `concurrent.futures`, imported above, has registered the joining of its workers, who may wait
    # for answers.
    register = getattr(threading, "_register_atexit", None)
    if register is not None and concurrent.futures.thread:
        register(_close_everything)
    atexit.register(_close_everything)


_watch()
