"""The options of connections, calls and servers: their names and types for completion, and their
checks.

Checked here, where the user's line is still on the stack, so that a typo is a `TypeError` at once
and not a failed call later.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import leveret._leveret as _leveret

from ._checks import MOST_32, choice, flag, kind_of, pair, seconds, small, text, unless_none, whole

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    from ._keys import Key

    class CallOptions(TypedDict, total=False):
        """Options of calls and casts; given to `connect`, `service` and every `with_options`."""

        timeout: float | None
        metadata: Mapping[str, str]
        trace: TraceContext | str | None
        priority: int | None
        expires: float | None
        try_now: bool
        fail_fast: bool
        codec: Literal["msgpack", "json", "text"]
        when_blocked: Literal["fail", "wait"]
        when_disconnected: Literal["wait", "fail"]

    class MethodOptions(CallOptions, total=False):
        """What `with_options` of a method takes besides."""

        key: tuple[Key, int] | None

    class ConnectionOptions(TypedDict, total=False):
        """Options of a connection."""

        name: str | None
        namespace: str
        user_id: str | None
        connect_timeout: float
        heartbeat: float
        backoff: tuple[float, float]
        reply_path: Literal["queue", "direct"]
        in_flight: tuple[int, int]
        max_message_size: int
        management: str | None
        ca: bytes | str | os.PathLike[str] | None
        certificate: tuple[bytes | str | os.PathLike[str], bytes | str | os.PathLike[str]] | None
        lazy: bool

    class ConnectOptions(ConnectionOptions, CallOptions, total=False):
        """Everything that `connect` takes besides the URL."""

    class RunOptions(ConnectOptions, total=False):
        """Everything that `run` takes besides services, URL and `ready`."""

        concurrency: int | None
        prefetch: int | None
        threads: int | None
        queue: QueueOptions | None
        grace: float
        tracebacks: bool


DEFAULT_URL = "amqp://127.0.0.1:5672/%2f"
_KEYS: tuple[str, ...] = (
    "timeout",
    "metadata",
    "trace",
    "priority",
    "expires",
    "try_now",
    "fail_fast",
    "codec",
    "when_blocked",
    "when_disconnected",
)
_CONNECTION_KEYS: tuple[str, ...] = (
    "name",
    "namespace",
    "user_id",
    "connect_timeout",
    "heartbeat",
    "backoff",
    "reply_path",
    "in_flight",
    "max_message_size",
    "management",
    "ca",
    "certificate",
    "lazy",
)
CALL_KEYS = frozenset(_KEYS)
_SENDER_KEYS = ("timeout", "codec", "metadata", "trace", "priority")


class TraceContext(NamedTuple):
    """W3C trace headers, passed on untouched.

    >>> TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").tracestate is None
    True
    """

    traceparent: str
    tracestate: str | None = None
    baggage: str | None = None


@dataclass(frozen=True)
class QueueOptions:
    """How a service's queue is declared; used only when it does not exist yet.

    >>> QueueOptions(kind="quorum", message_ttl=60.0).durable
    True

    Attributes:
        kind: "classic", or "quorum": replicated, somewhat slower.
        durable: False makes a queue that a restart of the broker removes; RabbitMQ 4.3 refuses
            that.
        declare: "create" it if missing, "passive": it must exist, "never": do not even look.
        auto_delete: remove it when its last consumer leaves.
        message_ttl: drop requests that have waited this many seconds.
        expires: remove the queue after this many seconds without consumers.
        max_length: refuse requests beyond this many; callers get `ResourceExhausted`.
        max_priority: the highest priority that requests may carry, 1 to 127 (classic queues).
        single_active_consumer: one instance serves, the others stand by.
        dead_letter_exchange: where dropped requests go.
        dead_letter_routing_key: their routing key there.
        delete_when_idle: delete the queue when the server stops, if it is empty and unused.

    Raises:
        TypeError, ValueError: for options that do not fit, or not each other.
    """

    kind: Literal["classic", "quorum"] = "classic"
    durable: bool = True
    declare: Literal["create", "passive", "never"] = "create"
    auto_delete: bool = False
    message_ttl: float | None = None
    expires: float | None = None
    max_length: int | None = None
    max_priority: int | None = None
    single_active_consumer: bool = False
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    delete_when_idle: bool = False

    def __post_init__(self) -> None:
        choice("kind", self.kind, ("classic", "quorum"))
        choice("declare", self.declare, ("create", "passive", "never"))
        for key in ("durable", "auto_delete", "single_active_consumer", "delete_when_idle"):
            flag(key, getattr(self, key))
        for key in ("message_ttl", "expires"):
            unless_none(key, getattr(self, key), seconds)
        for key, most in (("max_length", MOST_32), ("max_priority", 127)):
            unless_none(key, getattr(self, key), partial(whole, most=most))
        for key in ("dead_letter_exchange", "dead_letter_routing_key"):
            unless_none(key, getattr(self, key), text)
        _leveret.check_queue(self.as_settings())

    def as_settings(self) -> dict[str, Any]:
        """For the native server."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Options:
    """Options of calls, merged and checked; immutable."""

    __slots__ = ("given",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given: Mapping[str, Any] = given

    def merged(self, more: Mapping[str, Any]) -> Options:
        """These options, overridden by others. Metadata is added to, not replaced.

        Raises:
            TypeError: for an option that does not exist, or a value of the wrong type.
        """
        if not more:
            return self
        checked = {key: _checked(key, value) for key, value in more.items()}
        if "metadata" in checked:
            checked["metadata"] = {**self.given.get("metadata", {}), **checked["metadata"]}
        return Options({**self.given, **checked})

    @property
    def codec(self) -> str:
        return self.given.get("codec", "msgpack")

    def sender_settings(self) -> dict[str, Any]:
        """Keyword arguments for the native `Tasks` and `Publisher`: what holds for messages that
        nobody answers.
        """
        settings = self.target_settings()
        return {key: settings[key] for key in _SENDER_KEYS if key in settings}

    def target_settings(self) -> dict[str, Any]:
        """Keyword arguments for the native `Target`."""
        settings = dict(self.given)
        if "metadata" in settings:
            settings["metadata"] = tuple(settings["metadata"].items())
        for key in ("when_blocked", "when_disconnected"):
            if key in settings:
                settings[f"wait_{key}"] = settings.pop(key) == "wait"
        return settings


NO_OPTIONS = Options({})


def _checked(key: str, value: Any) -> Any:
    if key in ("timeout", "expires"):
        return None if value is None else seconds(key, value)
    if key in ("try_now", "fail_fast"):
        return flag(key, value)
    if key == "codec":
        return choice(key, value, ("msgpack", "json", "text"))
    if key in ("when_blocked", "when_disconnected"):
        return choice(key, value, ("wait", "fail"))
    if key == "priority":
        return small(key, value)
    if key == "trace":
        return _trace(value)
    if key == "metadata":
        return _metadata(value)
    if key == "key":
        raise TypeError(
            "a key is for the calls of one method: give it to the method's with_options"
        )
    raise unknown_option(key, _KEYS)


def unknown_option(key: str, known: Iterable[str]) -> TypeError:
    """For an option that does not exist: what it may have been meant to be."""
    known = list(known)
    close = difflib.get_close_matches(key, known, 1)
    if close:
        return TypeError(f"there is no option {key!r}; did you mean {close[0]!r}?")
    return TypeError(f"there is no option {key!r}; there are {', '.join(known)}")


def _trace(value: Any) -> tuple[str, str | None, str | None] | None:
    if isinstance(value, str):
        return (value, None, None)
    if value is None or isinstance(value, TraceContext):
        return value
    raise TypeError(f"trace is a TraceContext or a traceparent as str, not {kind_of(value)}")


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"metadata maps str to str, not {kind_of(value)}")
    entries = dict(cast("Mapping[Any, Any]", value))
    for name, value in entries.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"metadata maps str to str; {name!r} is {kind_of(value)}")
        text(f"metadata: {name}", value)
    return entries


def connection_settings(
    url: str | Sequence[str] | None, given: Mapping[str, Any], *, also: Iterable[str] = ()
) -> tuple[dict[str, Any], Options]:
    """Splits what `connect` was given into settings of the connection and options of calls. `also`
    has the names of other options that there are.

    Raises:
        TypeError, ValueError: for an option that does not exist or does not fit.
        OSError: for a certificate file that cannot be read.
    """
    calls = {key: value for key, value in given.items() if key in CALL_KEYS}
    if url is None:
        url = os.environ.get("AMQP_URL") or DEFAULT_URL
    given_urls: Any = [url] if isinstance(url, str) else url
    if not isinstance(given_urls, Sequence) or not given_urls:
        raise TypeError(f"url is an address or a list of them, not {kind_of(url)}")
    urls = list(cast("Sequence[Any]", given_urls))
    if not all(isinstance(one, str) for one in urls):
        raise TypeError("url is an address or a list of them")
    settings: dict[str, Any] = {"urls": urls}
    for key, value in given.items():
        if key in CALL_KEYS:
            continue
        if key not in _CONNECTION_KEYS:
            raise unknown_option(key, (*_CONNECTION_KEYS, *_KEYS, *also))
        if value is not None:
            settings[key] = _connection_setting(key, value)
    return settings, NO_OPTIONS.merged(calls)


def _connection_setting(key: str, value: Any) -> Any:
    if key in ("name", "namespace", "user_id", "management"):
        return text(key, value)
    if key in ("connect_timeout", "heartbeat"):
        return seconds(key, value)
    if key == "backoff":
        first, most = pair(key, value, "(first, most), in seconds")
        return seconds(key, first), seconds(key, most)
    if key == "reply_path":
        return choice(key, value, ("queue", "direct"))
    if key == "in_flight":
        calls, size = pair(key, value, "(calls, bytes)")
        return whole(key, calls), whole(key, size)
    if key == "max_message_size":
        return whole(key, value)
    if key == "ca":
        return [_pem(value)]
    if key == "certificate":
        chain, private_key = pair(key, value, "(chain, private key), PEM or paths")
        return _pem(chain), _pem(private_key)
    return flag(key, value)


def _pem(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    with open(value, encoding="utf-8") as file:
        return file.read()
