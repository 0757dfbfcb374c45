"""The embedded broker as a Python object: its way from start to stop, and what a fork makes of
it.
"""

from __future__ import annotations

import asyncio
import string
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import leveret._leveret as _leveret

from .._checks import seconds
from .._life import after_fork, at_end
from .._loop import queue_of
from ..errors import Executed, FailedPrecondition
from ._inherited import close_inherited
from ._levers import GRACE, Levers

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

T = TypeVar("T")

# What clients have to answer the goodbye when the interpreter ends, all brokers together.
_EXIT_GRACE = 0.3
_PLAIN = frozenset(f"{string.ascii_letters}{string.digits}-._~".encode())


class Broker(Levers):
    """An AMQP 0-9-1 broker in this process, for any number of clients in this one and in others.

    ```python
    with leveret.testing.Broker() as broker:
        with leveret.connect(broker.url) as client:
            ...
    ```

    It also works as `async with`, and with `start()` and `stop()`. Any number may run at the same
    time, each with its own port and its own queues. Nothing survives a stop: durable queues and
    persistent messages outlive their clients, not their broker. `status()` shows what is in it, and
    levers such as `drop_connection`, `block` and `suspend` break it on purpose.

    After a fork the child may connect to `url`, and the broker goes on running in the parent;
    everything else is refused in the child.

    Args:
        host: where to listen: an address of this machine, or its name.
        port: 0 takes a free one.
        user: the login in `url`.
        password: its password.
        users: more logins, by name, with their passwords.
        vhosts: the virtual hosts; the first is the one in `url`.
        memory_limit: bytes of messages that are held before publishers are blocked. Default:
            256 MiB.
        heartbeat: seconds between the heartbeats that clients are asked for; 0 asks for none.
            Default: 60.
        frame_max: bytes of the largest frame. Default: 131072.
        channel_max: channels of a connection. Default: 2047.
        max_connections: connections; those above are closed at once. Default: 4096.

    Raises:
        TypeError, ValueError: for arguments that no broker can have.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str = "guest",
        password: str = "guest",
        users: Mapping[str, str] | None = None,
        vhosts: Sequence[str] = ("/",),
        memory_limit: int | None = None,
        heartbeat: int | None = None,
        frame_max: int | None = None,
        channel_max: int | None = None,
        max_connections: int | None = None,
    ) -> None:
        if isinstance(vhosts, str) or not vhosts:
            raise TypeError(f"vhosts is a list with a name at least, not {vhosts!r}")
        self._host = host
        self._port = _whole("port", port, 0, 65_535)
        self._user, self._vhost = user, vhosts[0]
        self._users = {user: password, **(users or {})}
        self._settings: dict[str, Any] = {
            "users": list(self._users.items()),
            "vhosts": list(vhosts),
            "memory_limit": _maybe_whole("memory_limit", memory_limit, 2**63 - 1),
            "heartbeat": _maybe_whole("heartbeat", heartbeat, 2**16 - 1),
            "frame_max": _maybe_whole("frame_max", frame_max, 2**32 - 1),
            "channel_max": _maybe_whole("channel_max", channel_max, 2**16 - 1),
            "max_connections": _maybe_whole("max_connections", max_connections, 2**32 - 1),
        }
        self._lock = threading.Lock()
        # The last one that was started; it may still be stopping.
        self._native: _leveret.Broker | None = None
        self._address = (host, self._port)
        # Where the native one shows its status.
        self._pages: list[tuple[str, int]] = []
        self._running = False
        # Whether it runs in the process that this one was forked from.
        self._inherited = False
        _all.add(self)

    def start(self) -> Self:
        """Starts it; returns when clients can connect, about a millisecond later, so that it may be
        called from an event loop. Does nothing when it runs.

        A broker that was stopped starts again on the same port, empty, so that clients find it
        where it was.

        ```python
        broker = leveret.testing.Broker().start()
        ```

        Raises:
            OSError: when the address cannot be listened on; `errno` says why, `EADDRINUSE` if
                somebody else does.
            FailedPrecondition: in the child of a fork, for the parent's broker.
        """
        with self._lock:
            self._refuse_child()
            if self._running:
                return self
            if self._native is not None:
                # The port is free when the old one is gone.
                self._native.join()
            host = f"[{self._host}]" if ":" in self._host else self._host
            native = _leveret.Broker.start({"listen": f"{host}:{self._port}", **self._settings})
            self._native = native
            self._address = native.address
            self._pages = []
            # To be found there again.
            self._port = native.address[1]
            self._running = True
        return self

    def stop(self, *, grace: float = GRACE) -> None:
        """Closes all connections, as a broker that is shut down does, and ends; returns when its
        thread and its port are gone. Does nothing when it does not run, or in the child of a fork.

        ```python
        broker.stop()
        ```

        Args:
            grace: seconds that clients have to answer the goodbye; then they are cut off.
        """
        native = self._end(grace)
        if native is not None:
            native.join()

    def _end(self, grace: float) -> _leveret.Broker | None:
        """Begins to stop it; gives what is to be waited for."""
        checked = seconds("grace", grace)
        with self._lock:
            native = self._native
            if self._inherited or native is None:
                return None
            self._running = False
            native.end(checked)
            return native

    async def _stop_in_loop(self) -> None:
        native = self._end(GRACE)
        if native is None:
            return
        loop = asyncio.get_running_loop()
        await queue_of(loop).operation(loop, native.join_later)
        # It has ended: this only takes leave of the thread.
        native.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop_in_loop()

    def __repr__(self) -> str:
        state = f"on {self._host}:{self._port}" if self._running else "not running"
        return f"<leveret.testing.Broker {state}>"

    @property
    def running(self) -> bool:
        """Whether clients can connect."""
        return self._running

    @property
    def url(self) -> str:
        """Where clients connect to, login included.

        ```python
        client = leveret.connect(broker.url)
        ```

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.url_for()

    def url_for(
        self, *, user: str | None = None, password: str | None = None, vhost: str | None = None
    ) -> str:
        """The URL for another login or another virtual host; what is not given is as in `url`.

        ```python
        broker = leveret.testing.Broker(users={"ann": "secret"}, vhosts=["/", "shop"]).start()
        broker.url_for(user="ann", vhost="shop")  # amqp://ann:secret@127.0.0.1:35521/shop
        ```

        Args:
            user: a login; its password is filled in where it is known.
            password: another password than the right one.
            vhost: a virtual host.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        host, port = self.address
        host = f"[{host}]" if ":" in host else host
        name = self._user if user is None else user
        secret = self._users.get(name, "") if password is None else password
        path = self._vhost if vhost is None else vhost
        return f"amqp://{escape(name)}:{escape(secret)}@{host}:{port}/{escape(path)}"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: an IP address and a port.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        if not self._running:
            raise _not_running()
        return self._address

    def serve_status(self, address: str = "127.0.0.1:0") -> str:
        """Serves a page that shows what is there, as HTML, as text and as JSON, for as long as the
        broker runs; gives its URL. It answers for RabbitMQ's management API too, as far as
        `connect(management=...)` asks for it.

        ```python
        client = leveret.connect(broker.url, management=broker.serve_status())
        ```

        Args:
            address: host and port, where port 0 takes a free one.

        Raises:
            FailedPrecondition: when the broker does not run.
            OSError: when the address cannot be listened on.
            ValueError: for one that is not loopback: the page asks for no login.
        """
        host, port = page = self.pull(lambda native: native.serve_status(address))
        self._pages.append(page)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def set_user(self, name: str, password: str) -> bool:
        """Lets a login in from now on, or gives one another password; connections that are open
        stay open. True when nobody was called so before.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        new = self.pull(lambda native: native.set_user(name, password))
        self._users[name] = password
        return new

    def pull(self, lever: Callable[[_leveret.Broker], T]) -> T:
        """Does something to the native broker. For `leveret` itself."""
        self._refuse_child()
        native = self._native
        if native is None or not self._running:
            raise _not_running()
        try:
            return lever(native)
        except RuntimeError:
            # Stopped by another thread meanwhile.
            raise _not_running() from None

    def _refuse_child(self) -> None:
        if self._inherited:
            raise FailedPrecondition(
                "this broker runs in the process that started it, and this one was forked from "
                "that: connect to its `url`, or start another broker here",
                executed=Executed.NO,
                retryable=False,
            )

    @staticmethod
    def in_child() -> None:
        """What becomes of brokers in the child of a fork. For `leveret` itself."""
        listening: list[tuple[str, int]] = []
        for broker in list(_all):
            # Whoever held it is not here.
            broker._lock = threading.Lock()
            broker._inherited = broker._running
            if broker._native is not None:
                listening += [broker._address, *broker._pages]
        if listening:
            close_inherited(listening)

    @staticmethod
    def stop_all() -> None:
        """Stops all brokers at the same time. For `leveret` itself, when the interpreter ends."""
        natives = [broker._end(_EXIT_GRACE) for broker in list(_all) if broker._running]
        for native in natives:
            if native is not None:
                native.join()


def _not_running() -> FailedPrecondition:
    return FailedPrecondition(
        "this broker does not run: call `start()`, or use it inside `with`",
        executed=Executed.NO,
        retryable=False,
    )


def escape(text: str) -> str:
    """Percent-encodes what has a meaning in a URL, in the letters that AMQP URLs are seen in."""
    return "".join(chr(one) if one in _PLAIN else f"%{one:02x}" for one in text.encode())


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}, not {value}")
    return value


def _maybe_whole(name: str, value: Any, most: int) -> int | None:
    return None if value is None else _whole(name, value, 0, most)


_all: WeakSet[Broker] = WeakSet()
after_fork(Broker.in_child)
at_end(Broker.stop_all)
