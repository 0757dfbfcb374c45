"""The native half of the package: connections, calls and requests, as bytes.

Private: the modules beside it turn bytes into objects, and failures into exceptions. Nothing here
needs the interpreter while it waits; results are collected in a `Queue` and taken in batches.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, final

__version__: str

# code, message, name, details (MessagePack), executed, retryable, retry after (seconds), code as
# received
Failure: TypeAlias = tuple[str, str, str | None, bytes | None, str, bool, float | None, str]

# How a body came: as MessagePack, transcoded from JSON (bytes are base64 strings), or as raw text.
MSGPACK: Literal[0]
JSON: Literal[1]
TEXT: Literal[2]

# What an event is; the first item of each tuple.
VALUE: Literal[0]  # (VALUE, slot, body, how)
FAILED: Literal[1]  # (FAILED, slot, Failure)
DONE: Literal[2]  # (DONE, slot, object or None)
REQUEST: Literal[3]  # (REQUEST, Request)
CANCEL: Literal[4]  # (CANCEL, id of a request that nobody waits for any more)
ENDED: Literal[5]  # (ENDED,): the queue was closed; only from `take`

Event: TypeAlias = tuple[Any, ...]

@final
class Queue:
    """Events for one event loop (`fileno`, `drain`) or for a pool of threads (`take`)."""

    def __new__(cls, wake: Callable[[], object] | None = None) -> Queue:
        """With `wake`, that is called when the queue is no longer empty, from a foreign thread;
        without it, `fileno()` becomes readable.
        """
    def fileno(self) -> int:
        """A descriptor that is readable while there are events; owned by the queue. Unix only."""
    def drain(self) -> list[Event]:
        """Takes all events and makes the descriptor unreadable."""
    def take(self) -> Event:
        """Waits for one event without holding the interpreter; skips requests that were cancelled
        meanwhile.
        """
    def close(self) -> None:
        """Ends every `take`; later events are dropped, and requests among them are answered
        `Unavailable`.
        """

@final
class Connection:
    """Connects to a broker and stays connected.

    Settings are a dict of what JSON can hold, absent or None for the default; durations are
    seconds: `urls` (list), `name`, `namespace`, `user_id`, `connect_timeout`, `heartbeat`,
    `backoff` ([first, most]), `reply_path` ("queue" or "direct"), `in_flight` ([calls, bytes]),
    `max_message_size`, `ca` (list of PEM texts), `certificate` ([chain, key], PEM texts), `lazy`.
    ValueError says what is wrong with them.
    """

    @staticmethod
    def connect(settings: dict[str, Any]) -> tuple[Connection, None] | tuple[None, Failure]:
        """Blocking. Ctrl-C is noticed within 50 ms."""
    @staticmethod
    def connect_later(settings: dict[str, Any], queue: Queue, slot: int) -> None:
        """Ends in `(DONE, slot, Connection)` or `FAILED`."""
    def state(self) -> str:
        """`connected`, `reconnecting`, `blocked` or `closed`."""
    def unclaimed_replies(self) -> int: ...
    def close(self) -> None:
        """Blocking, bounded; does nothing when it is closed already or was inherited through a
        fork.
        """
    def close_later(self, queue: Queue, slot: int) -> None: ...

@final
class Lane:
    """The calls of one connection whose results go to one queue. In the child of a fork `call` and
    `cast` raise RuntimeError.
    """

    def __new__(cls, connection: Connection, queue: Queue) -> Lane: ...
    def call(self, slot: int, target: Target, body: bytes, around: Request | None) -> None:
        """Sends a call; ends in `VALUE` or `FAILED`. `around` is the request whose handler makes
        the call.
        """
    def cast(self, slot: int, target: Target, body: bytes, around: Request | None) -> None:
        """Ends in `DONE` or `FAILED`."""
    def cancel(self, slot: int) -> None:
        """Gives a call up: no event follows, and its handler is told."""

@final
class Target:
    """A method with the options of its calls, prepared once."""

    def __new__(
        cls,
        connection: Connection,
        *,
        service: str | None = None,
        queue: str | None = None,
        method: str = "",
        method_timeout: float | None = None,
        timeout: float | None = None,
        codec: str = "msgpack",
        metadata: Sequence[tuple[str, str]] | None = None,
        trace: tuple[str, str | None, str | None] | None = None,
        priority: int | None = None,
        expires: float | None = None,
        try_now: bool = False,
        fail_fast: bool = False,
        wait_when_blocked: bool = False,
        wait_when_disconnected: bool = True,
    ) -> Target:
        """`queue` is taken verbatim, `service` gets the namespace. What is wrong with the options
        is told by the first call. `codec` is `msgpack`, `json` or `text`.
        """
    def call(self, body: bytes, around: Request | None) -> Event:
        """Blocking; gives a `VALUE` or `FAILED` event. Ctrl-C is noticed within 50 ms and cancels
        the call.
        """
    def cast(self, body: bytes, around: Request | None) -> Event: ...

@final
class Request:
    """One request for a handler, and the place for its one answer. Dropped without an answer it is
    answered `Internal`.
    """

    @property
    def id(self) -> int: ...
    @property
    def service_index(self) -> int:
        """The place of the service in the list given to `Server.start`."""
    @property
    def method_index(self) -> int: ...
    def arguments(self) -> tuple[bytes, int]:
        """The arguments as a checked MessagePack map by name, and how they came. As `TEXT` it is
        the raw text, for the only parameter, which is a string. May be taken once.
        """
    def reply(self, body: bytes) -> None:
        """Answers with a MessagePack value. One that has no form on the wire is answered
        `Internal`, and raises ValueError with the reason.
        """
    def fail(
        self,
        code: str,
        message: str,
        name: str | None = None,
        details: bytes | None = None,
        executed: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None: ...
    @property
    def service(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    @property
    def trace(self) -> tuple[str, str | None, str | None] | None: ...
    @property
    def caller(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def redelivered(self) -> bool: ...
    @property
    def time_left(self) -> float | None:
        """Seconds until the caller stops waiting, at least 0.0; None without a deadline."""
    @property
    def cancelled(self) -> bool:
        """Whether the caller has given up or the deadline has passed."""

@final
class Server:
    @staticmethod
    def start(
        connection: Connection,
        services: Sequence[dict[str, Any]],
        settings: dict[str, Any],
        requests: Queue,
        blocking: Queue | None,
        queue: Queue,
        slot: int,
    ) -> None:
        """Ends in `(DONE, slot, Server)` or `FAILED`. Requests arrive in `requests`, those for
        methods marked `blocking` in `blocking`. Each service is a dict:

        - `descriptor` (`blocking` in the options of a method sends its requests to `blocking`):
        `{"name", "doc", "queue"?, "methods": [{"name", "doc", "arguments": [...], "options": {...},
          "schemas"?: {"arguments", "result"}}]}`, the JSON shape of `ServiceDescriptor` (timeouts
          in ms)
        - `text`: for each method whether its only parameter takes a text as it is (list of bool)
        - `options`: `concurrency`, `prefetch` (int or None), `queue`: dict of queue options or None

        `settings`: `{"grace": seconds}`.
        """
    @property
    def instance(self) -> str: ...
    def dropped_messages(self) -> int: ...
    def stop(self, queue: Queue, slot: int) -> None:
        """Stops gracefully; ends in `DONE`."""
    def stop_now(self) -> None:
        """Makes a stop that has begun, or begins with this, end now."""

@final
class Broker:
    """An embedded broker, on a thread of its own. What needs it to run raises RuntimeError when it
    does not, and in the child of a fork.

    Settings are a dict, absent or None for the default: `listen` ("host:port"), `users` (list of
    [name, password]), `vhosts` (list), `memory_limit`, `heartbeat` (seconds), `frame_max`,
    `channel_max`, `max_connections`. ValueError says what is wrong with them.
    """

    @staticmethod
    def start(settings: dict[str, Any]) -> Broker:
        """Returns when it listens. Raises OSError when it cannot."""
    @property
    def address(self) -> tuple[str, int]: ...
    def end(self, seconds: float) -> None:
        """Begins to stop, unless somebody has; clients have some seconds to answer the goodbye."""
    def join(self) -> None:
        """Waits until it has stopped, which somebody must have begun. Ctrl-C is noticed within
        50 ms.
        """
    def join_later(self, queue: Queue, slot: int) -> None:
        """Ends in `(DONE, slot, None)`."""
    def status(self) -> str:
        """As JSON."""
    def close_connection(self, connection: int, reason: str) -> bool: ...
    def close_connections(self, reason: str) -> int: ...
    def drop_connection(self, connection: int) -> bool: ...
    def stall(self, connection: int, stalled: bool) -> bool: ...
    def delay(self, connection: int, seconds: float | None) -> bool: ...
    def close_channel(self, connection: int, channel: int, code: int, text: str) -> bool: ...
    def delete_queue(self, vhost: str, queue: str) -> bool: ...
    def lose_deliveries(self, vhost: str, queue: str, count: int) -> bool: ...
    def duplicate_deliveries(self, vhost: str, queue: str, count: int) -> bool: ...
    def set_memory_alarm(self, on: bool) -> None: ...
    def refuse(self, refusing: bool) -> None: ...
    def restart(self, keep_durable: bool) -> None: ...
    def suspend(self, seconds: float | None) -> None:
        """Blocking: closes connections in order for so long, then cuts the rest; None cuts all."""
    def resume(self, keep_durable: bool) -> None:
        """Raises OSError when the port is taken."""
    def set_user(self, name: str, password: str) -> bool: ...
    def remove_user(self, name: str) -> bool: ...
    def add_vhost(self, name: str) -> bool: ...
    def remove_vhost(self, name: str) -> bool: ...

def describe(descriptor: dict[str, Any]) -> str:
    """Checks a descriptor and gives its JSON text, as the Rust macro's. Raises ValueError."""

def to_msgpack(codec: str, body: bytes) -> bytes:
    """Checks a body (`msgpack`, `json`, `text`) and gives its one value as MessagePack. Raises
    ValueError.
    """

def from_msgpack(codec: str, body: bytes) -> bytes:
    """Checks a MessagePack value and writes it in another codec. Raises ValueError."""

def after_fork_in_child() -> None:
    """Marks every object of the parent as unusable."""

def collect_logs(level: int) -> bool:
    """Collects what the core says, at or above a level of `logging`. False when that was done
    before.
    """

def take_log() -> tuple[int, str, str]:
    """Waits for the next line, without holding the interpreter: its level, the module that speaks,
    the text.
    """
