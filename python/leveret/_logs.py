"""What the native half has to say (a connection lost, a message dropped), passed on to `logging`.

The runtime's threads must never wait for the interpreter, so a thread of Python's fetches the
lines.
"""

from __future__ import annotations

import logging
import threading

import leveret._leveret as _leveret

from ._life import after_fork, at_exit

_lock = threading.Lock()
_thread: threading.Thread | None = None
_quiet = False


def listen() -> None:
    """Begins to pass lines on, once in each process.

    What comes is decided by the level of the logger `leveret` now, and at least INFO; what is
    shown, as ever, by levels and handlers at the time.
    """
    global _thread
    if _thread is not None:
        return
    with _lock:
        if _thread is not None:
            return
        _leveret.collect_logs(min(logging.getLogger("leveret").getEffectiveLevel(), logging.INFO))
        _thread = threading.Thread(target=_pass_on, name="leveret-log", daemon=True)
        _thread.start()


def _pass_on() -> None:
    while True:
        level, target, text = _leveret.take_log()
        if _quiet:
            return
        logging.getLogger(target).log(level, "%s", text)


def hush() -> None:
    """Passes nothing on any more: at exit connections are closed under whoever uses them."""
    global _quiet
    _quiet = True


def _forget() -> None:
    global _thread, _lock
    _thread, _lock = None, threading.Lock()


after_fork(_forget)
at_exit(hush)
