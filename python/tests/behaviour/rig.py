"""The tools of the tests: a service that reports, programs in processes of their own, and a way to
wait for what must come.

Nothing here sleeps to let something happen: a test waits for the event itself, and the bounds are
only there so that a broken promise ends the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import leveret

T = TypeVar("T")

# How long a test waits for what ought to come at once.
PATIENCE = 20.0


class Seen(Generic[T]):
    """What has happened, in order, for a test to wait for."""

    def __init__(self) -> None:
        self._queue: queue.Queue[T] = queue.Queue()

    def add(self, what: T) -> None:
        self._queue.put(what)

    def wait(self) -> T:
        """The next one."""
        return self._queue.get(timeout=PATIENCE)

    def wait_for(self, count: int) -> list[T]:
        """The next few."""
        return [self.wait() for _ in range(count)]

    def empty(self) -> bool:
        return self._queue.empty()


@leveret.service("probe")
class Probe:
    """Handlers that tell the test, by the events in here, when they begin and how they end."""

    def __init__(self) -> None:
        self.started: Seen[str] = Seen()
        self.cancelled: Seen[str] = Seen()
        self.let_go = threading.Event()

    @leveret.rpc
    async def echo(self, value: Any = None) -> Any:
        return value

    @leveret.rpc
    def echo_in_thread(self, value: Any = None) -> Any:
        return value

    @leveret.rpc
    async def hang(self, tag: str = "") -> str:
        """Ends by being cancelled."""
        self.started.add(tag)
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.cancelled.add(tag)
            raise
        return tag

    @leveret.rpc
    def hold(self, tag: str = "") -> str:
        """Blocks its thread until the call is cancelled, or the test lets go."""
        self.started.add(tag)
        context = leveret.context()
        assert context is not None
        while not self.let_go.wait(0.005):
            if context.cancelled:
                self.cancelled.add(tag)
                break
        return tag

    @leveret.rpc
    async def until_let_go(self, tag: str = "") -> str:
        self.started.add(tag)
        while not self.let_go.is_set():  # noqa: ASYNC110 - the test is another thread
            await asyncio.sleep(0.005)
        return tag


_PREAMBLE = """
import asyncio, logging, os, signal, sys, threading, time
import leveret
NAMESPACE = os.environ["LEVERET_TEST_NAMESPACE"]
def connect(**options):
    return leveret.connect(namespace=NAMESPACE, **options)
def connect_async(**options):
    return leveret.connect_async(namespace=NAMESPACE, **options)
def say(*what, **how):
    # In one piece: threads say things too.
    print(how.pop("sep", " ").join(map(str, what)) + "\\n", end="", flush=True)
# Debug mode tells of every tenth of a second that a busy machine took elsewhere.
logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing"))
"""


class Program:
    """A running script; its output is read line by line."""

    def __init__(self, source: str, *flags: str, **environment: str) -> None:
        code = _PREAMBLE + textwrap.dedent(source)
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", *flags, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
            # A group of its own, so that what it has forked can be done away with too.
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def line(self) -> str:
        """The next line of its output."""
        line = self._lines.get(timeout=PATIENCE)
        if line is None:
            self.process.wait(PATIENCE)
            raise AssertionError(f"the program ended too early:\n{self.stderr}")
        return line

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def tell(self, line: str = "") -> None:
        """Gives it a line on standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    @property
    def stderr(self) -> str:
        return "".join(self._errors)

    def end(self, within: float = PATIENCE) -> int:
        """Waits for its end, and gives its status.

        Raises:
            AssertionError: when it does not end, with where its threads are.
        """
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            # `-X dev` has switched faulthandler on: this writes where every thread is.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(PATIENCE)
            for reader in self._readers:
                reader.join(PATIENCE)
            raise AssertionError(f"no end within {within} s:\n{self.stderr}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        return status

    def end_well(self, within: float = PATIENCE) -> list[str]:
        """Waits for its end, which must be a quiet one; gives the rest of its output.

        `-X dev -W error` makes Python say what it would rather forget: tasks that were destroyed,
        exceptions that nobody retrieved, coroutines never awaited, sockets never closed.
        """
        status = self.end(within)
        assert self.stderr == ""
        assert status == 0
        lines: list[str] = []
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            lines.append(line)
        return lines

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class Scripts:
    """Starts programs, and does away with those that are left at the end of a test."""

    def __init__(self) -> None:
        self._programs: list[Program] = []

    def start(self, source: str, *flags: str, **environment: str) -> Program:
        program = Program(source, *flags, **environment)
        self._programs.append(program)
        return program

    def run(self, source: str, *flags: str, **environment: str) -> list[str]:
        """Runs a script to its quiet end; gives its output."""
        return self.start(source, *flags, **environment).end_well()

    def close(self) -> None:
        for program in self._programs:
            program.kill()


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Waits for something that tells nobody when it happens."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.01)


class Proxy:
    """Between a client and the broker; cuts connections and refuses new ones on demand."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._target = (parts.hostname, parts.port or 5672)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        login = parts.netloc.rpartition("@")[0]
        host = f"{login}@127.0.0.1:{port}" if login else f"127.0.0.1:{port}"
        self.url = parts._replace(netloc=host).geturl()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._refuses = False
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                refuses = self._refuses
            if refuses:
                near.close()
                continue
            far = socket.create_connection(self._target)
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()

    def cut(self, *, refuse: bool = False) -> None:
        """Breaks what is open; with `refuse`, what comes afterwards too, until `mend`."""
        with self._lock:
            self._refuses = refuse
            left = set(self._open)
        for end in left:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def count(self) -> int:
        """How many sockets are open: two for each connection."""
        with self._lock:
            return len(self._open)

    def mend(self) -> None:
        with self._lock:
            self._refuses = False

    def close(self) -> None:
        # A close alone does not wake who waits in `accept`.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
