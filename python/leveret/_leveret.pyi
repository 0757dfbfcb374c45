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
RUN: Literal[6]  # (RUN, Run)

Event: TypeAlias = tuple[Any, ...]

class Forked(RuntimeError):
    """Something of the parent was used in the child of a fork."""

# The handler in which something is sent.
Around: TypeAlias = Request | Delivery
# A body; or a body, the key that orders the call, and the number of partitions.
Sent: TypeAlias = bytes | tuple[bytes, str, int]

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
    `max_message_size`, `management` (URL), `ca` (list of PEM texts), `certificate` ([chain, key],
    PEM texts), `lazy`. ValueError says what is wrong with them.
    """

    @staticmethod
    def connect(settings: dict[str, Any]) -> tuple[Connection, None] | tuple[None, Failure]:
        """Blocking. Ctrl-C is noticed within 50 ms."""
    @staticmethod
    def connect_later(settings: dict[str, Any], queue: Queue, slot: int) -> None:
        """Ends in `(DONE, slot, Connection)` or `FAILED`."""
    def state(self) -> str:
        """`connected`, `reconnecting`, `blocked` or `closed`."""
    def closed(self) -> Action:
        """Ends when the connection is closed for good."""
    def unclaimed_replies(self) -> int: ...
    def close(self) -> None:
        """Blocking, bounded; does nothing when it is closed already or was inherited through a
        fork.
        """
    def close_later(self, queue: Queue, slot: int) -> None: ...

@final
class Lane:
    """The calls of one connection whose results go to one queue. In the child of a fork `call` and
    `cast` raise `Forked`.
    """

    def __new__(cls, connection: Connection, queue: Queue) -> Lane: ...
    def call(self, slot: int, target: Target, sent: Sent, around: Around | None) -> None:
        """Sends a call; ends in `VALUE` or `FAILED`. `around` is the request whose handler makes
        the call.
        """
    def cast(self, slot: int, target: Target, sent: Sent, around: Around | None) -> None:
        """Ends in `DONE` or `FAILED`."""
    def start(self, slot: int, action: Action) -> None:
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
    def call(self, sent: Sent, around: Around | None) -> Event:
        """Blocking; gives a `VALUE` or `FAILED` event. Ctrl-C is noticed within 50 ms and cancels
        the call.
        """
    def cast(self, sent: Sent, around: Around | None) -> Event: ...

@final
class Action:
    """Something to be done at the broker, once."""

    def wait(self) -> Event:
        """Blocking; gives a `DONE` or `FAILED` event. Ctrl-C is noticed within 50 ms."""
    def later(self, queue: Queue, slot: int) -> None:
        """Ends in `DONE` or `FAILED`."""

@final
class Tasks:
    """A queue of tasks with the options of its pushes, prepared once. The queue is a dict: `name`,
    `retry` (`attempts`, `delay`, `max_delay`), `dedup_window`, `partitions` (int or None), `queue`
    (dict of queue options).
    What is wrong with it or the options is told by the first push; ValueError says what makes no
    sense at all.
    """

    def __new__(
        cls,
        connection: Connection,
        queue: dict[str, Any],
        *,
        timeout: float | None = None,
        codec: str = "msgpack",
        metadata: Sequence[tuple[str, str]] | None = None,
        trace: tuple[str, str | None, str | None] | None = None,
        priority: int | None = None,
    ) -> Tasks: ...
    def push(
        self,
        body: tuple[bytes, str | None],
        around: Around | None,
        *,
        delay: float | None = None,
        priority: int | None = None,
        key: str | None = None,
        dedup: str | None = None,
        expires: float | None = None,
    ) -> Action:
        """Makes the id. The body is a MessagePack value and None, or bytes to be left as they are
        and their content type, "" for none.
        """
    def push_all(
        self,
        bodies: Sequence[tuple[bytes, str | None]],
        around: Around | None,
        *,
        priority: int | None = None,
    ) -> Action:
        """Makes a list of ids."""
    def info(self) -> Action:
        """Makes a tuple: ready, consumers, set aside, dead, and unacked, an int or None."""
    def purge(self) -> Action:
        """Makes the count."""
    def dead_letters(self) -> Action:
        """Makes `DeadLetters`."""

@final
class DeadLetters:
    def next(self) -> Action:
        """Makes a `DeadLetter`, or None when there are no more."""

@final
class DeadLetter:
    """Goes back to its queue when it is neither retried nor discarded."""

    @property
    def id(self) -> str | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def attempts(self) -> int: ...
    @property
    def died_at(self) -> float | None: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def body(self) -> bytes: ...
    @property
    def key(self) -> str | None: ...
    @property
    def exchange(self) -> str: ...
    @property
    def routing_key(self) -> str: ...
    @property
    def headers(self) -> dict[str, str | int | float | bool]: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    @property
    def priority(self) -> int | None: ...
    @property
    def timestamp(self) -> int | None: ...
    @property
    def sender(self) -> str | None: ...
    @property
    def trace(self) -> tuple[str, str | None, str | None] | None: ...
    def value(self) -> tuple[bytes, int]:
        """The checked value, and how it came. Raises ValueError when it is none, and
        NotImplementedError when this version cannot tell.
        """
    def retry(self) -> Action: ...
    def discard(self) -> Action: ...

@final
class Publisher:
    """Events with the options of their publishing, prepared once. The events are a dict: `name`,
    `kind`, `declare`.
    """

    def __new__(
        cls,
        connection: Connection,
        events: dict[str, Any],
        *,
        timeout: float | None = None,
        codec: str = "msgpack",
        metadata: Sequence[tuple[str, str]] | None = None,
        trace: tuple[str, str | None, str | None] | None = None,
        priority: int | None = None,
    ) -> Publisher: ...
    def publish(
        self,
        body: tuple[bytes, str | None],
        around: Around | None,
        *,
        key: str = "",
        headers: Sequence[tuple[str, str | int | float | bool]] = ...,
        priority: int | None = None,
        expires: float | None = None,
    ) -> Action:
        """Makes the id."""

@final
class Delivery:
    """One task or event."""

    def value(self) -> tuple[bytes, int]:
        """The checked value, and how it came; nothing for those that are left as they are."""
    @property
    def message_id(self) -> str | None: ...
    @property
    def attempt(self) -> int: ...
    @property
    def redelivered(self) -> bool: ...
    @property
    def key(self) -> str | None: ...
    @property
    def queue(self) -> str: ...
    @property
    def exchange(self) -> str: ...
    @property
    def routing_key(self) -> str: ...
    @property
    def headers(self) -> dict[str, str | int | float | bool]: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def body(self) -> bytes: ...
    @property
    def priority(self) -> int | None: ...
    @property
    def timestamp(self) -> int | None: ...
    @property
    def service(self) -> str:
        """The queue: this and what follows is as of a `Request`."""
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
    def time_left(self) -> float | None: ...
    @property
    def cancelled(self) -> bool: ...
    def ack(self) -> Action: ...
    def retry(self, reason: str, after: float | None) -> Action: ...
    def reject(self, reason: str) -> Action: ...

@final
class Run:
    """What a handler is called with once, and the place for what became of it. Dropped without
    that, its messages are tried again.
    """

    @property
    def id(self) -> int: ...
    @property
    def consumer_index(self) -> int: ...
    @property
    def messages(self) -> list[Delivery]: ...
    def spoil(self, place: int, error: str) -> None:
        """Says of one message that it is no value of the handler's type; before the outcome."""
    def done(self) -> None: ...
    def retry(self, reason: str, after: float | None) -> None: ...
    def reject(self, reason: str) -> None: ...

@final
class Worker:
    """A worker or a subscription. Settings are a dict: `from` ({"tasks": as `Tasks`} or {"events":
    `events`, `keys`, `all`, `any`, `durable`, `retry`, `queue`}), `concurrency`, `prefetch`, `rate`
    ([count, seconds]), `timeout`, `grace`, `batch` ([size, seconds]), `raw`.
    """

    @staticmethod
    def start(
        connection: Connection,
        settings: dict[str, Any],
        index: int,
        runs: Queue,
        queue: Queue,
        slot: int,
    ) -> None:
        """Ends in `(DONE, slot, Worker)` or `FAILED`. Runs arrive in `runs`."""
    def stop(self, queue: Queue, slot: int) -> None:
        """Stops gracefully; ends in `DONE`."""
    def stop_now(self) -> None: ...

@final
class Listener:
    """A worker or a subscription whose messages are taken one after the other."""

    @staticmethod
    def start(
        connection: Connection, settings: dict[str, Any], timeout: float | None = None
    ) -> Action:
        """Makes the listener; settings as for `Worker`."""
    def next(self) -> Action:
        """Makes the next `Run`, once the one before is done; None when it has ended."""
    def stop(self) -> Action: ...

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
    def serve_status(self, address: str) -> tuple[str, int]:
        """Blocking; gives where it listens. Raises OSError when it cannot, ValueError for what is
        not loopback.
        """
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

def check_queue(options: dict[str, Any]) -> None:
    """Raises ValueError for options that no queue can have."""

def check_tasks(queue: dict[str, Any]) -> None:
    """The same for a queue of tasks, as `Tasks` has it."""

def collect_logs(level: int) -> bool:
    """Collects what the core says, at or above a level of `logging`. False when that was done
    before.
    """

def take_log() -> tuple[int, str, str]:
    """Waits for the next line, without holding the interpreter: its level, the module that speaks,
    the text.
    """
