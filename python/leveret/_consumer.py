"""`@leveret.worker` and `@leveret.subscriber`: how functions become consumers of tasks and events,
which `leveret.run` and `leveret.Server` take beside services.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from ._checks import MOST_16, MOST_32, pair, seconds, text, whole
from ._events import Events
from ._function import hints_of_handler, parameters_of, where_of
from ._message import Message
from ._names import check_name
from ._options import QueueOptions, unknown_option
from ._payload import Payload
from ._tasks import TaskQueue, retry_settings

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    HeaderValue = str | int | float | bool
    Headers = Mapping[str, HeaderValue]

    class ConsumerOptions(TypedDict, total=False):
        """What workers and subscribers take alike."""

        concurrency: int
        prefetch: int | None
        rate: tuple[int, float] | None
        timeout: float | None

    class SubscriptionOptions(TypedDict, total=False):
        """Which events, and for how long they are kept."""

        keys: Iterable[str]
        all: Headers | Sequence[Headers] | None
        any: Headers | Sequence[Headers] | None
        durable: str | None
        attempts: int
        retry_delay: float
        max_retry_delay: float
        queue: QueueOptions | None

    class ListenOptions(SubscriptionOptions, total=False):
        """Everything that `listen` takes."""

        prefetch: int | None
        rate: tuple[int, float] | None

    class SubscriberOptions(ConsumerOptions, SubscriptionOptions, total=False):
        """Everything that `subscriber` takes besides batches."""


T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

_CONCURRENCY = 10
_KEYS = ("concurrency", "prefetch", "rate", "timeout", "batch")
_SUBSCRIPTION_KEYS = (
    *("keys", "all", "any", "durable"),
    *("attempts", "retry_delay", "max_retry_delay", "queue"),
)


class Consumer(Generic[P, R]):
    """A function that handles tasks or events. Made by `worker` and `subscriber`; `leveret.run`
    and `leveret.Server` run it. Called, it is the function itself, which tests are glad of.
    """

    def __init__(
        self,
        function: Callable[P, R],
        source: TaskQueue[Any] | Events[Any],
        settings: dict[str, Any],
    ) -> None:
        """For `leveret` itself."""
        # First: it brings all attributes of an object that can be called.
        functools.update_wrapper(self, function)
        self.function = function
        self.source = source
        self.settings = settings

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<leveret.Consumer {where_of(self.function)} of {self.source!r}>"


class Handles(Generic[T]):
    """What `worker` and `subscriber` give: decorates a function of a value, or of that and a
    `Message`.
    """

    def __init__(self, source: TaskQueue[T] | Events[T], settings: dict[str, Any]) -> None:
        """For `leveret` itself."""
        self._source = source
        self._settings = settings

    @overload
    def __call__(self, function: Callable[[T], R], /) -> Consumer[[T], R]: ...

    @overload
    def __call__(self, function: Callable[[T, Message], R], /) -> Consumer[[T, Message], R]: ...

    def __call__(self, function: Any, /) -> Any:
        return _consumer(function, self._source, self._settings)


class HandlesBatches(Generic[T]):
    """The same for batches: decorates a function of a list of values, or of that and a list of
    their `Message`s.
    """

    def __init__(self, source: TaskQueue[T] | Events[T], settings: dict[str, Any]) -> None:
        """For `leveret` itself."""
        self._source = source
        self._settings = settings

    @overload
    def __call__(self, function: Callable[[list[T]], R], /) -> Consumer[[list[T]], R]: ...

    @overload
    def __call__(
        self, function: Callable[[list[T], list[Message]], R], /
    ) -> Consumer[[list[T], list[Message]], R]: ...

    def __call__(self, function: Any, /) -> Any:
        return _consumer(function, self._source, self._settings)


def _consumer(function: Any, source: Any, settings: dict[str, Any]) -> Consumer[..., Any]:
    parameters_of(function)
    return Consumer(function, source, settings)


def check_groups(consumers: Iterable[Consumer[..., Any]]) -> None:
    """Raises TypeError when two of them share the queue of a durable group and ask for different
    events: each would get those of the other too.
    """
    groups: dict[tuple[str, str], tuple[Any, Consumer[..., Any]]] = {}
    for consumer in consumers:
        asked = consumer.settings["from"].get("events")
        if asked is None or asked["durable"] is None:
            continue
        by_headers = (frozenset(map(frozenset, asked[what])) for what in ("all", "any"))
        wanted = (frozenset(asked["keys"]), *by_headers)
        group = (consumer.source.name, asked["durable"])
        other, first = groups.setdefault(group, (wanted, consumer))
        if other != wanted:
            raise TypeError(
                f"{where_of(first.function)} and {where_of(consumer.function)} ask for different "
                f"events of {group[0]!r} in one group, durable={group[1]!r}, and would get each "
                "other's: name a group for each"
            )


def payload_for(consumer: Consumer[..., Any], *, batch: bool) -> Payload:
    """How values are read: by the type of the queue or events, and if that says nothing by the
    hint of the handler.

    Raises:
        TypeError: for a hint whose objects cannot travel.
    """
    payload = consumer.source.payload
    if payload.hint is not Any:
        return payload
    function = consumer.function
    hint = hints_of_handler(function).get(parameters_of(function).value.name, Any)
    if batch:
        arguments = getattr(hint, "__args__", ())
        if getattr(hint, "__origin__", None) is not list or not arguments:
            return payload
        hint = arguments[0]
    return Payload(hint, where_of(function))


@overload
def worker(
    queue: TaskQueue[T], *, batch: None = None, **options: Unpack[ConsumerOptions]
) -> Handles[T]: ...


@overload
def worker(
    queue: TaskQueue[T], *, batch: tuple[int, float], **options: Unpack[ConsumerOptions]
) -> HandlesBatches[T]: ...


def worker(queue: TaskQueue[Any], *, batch: tuple[int, float] | None = None, **options: Any) -> Any:
    """Makes a function the handler of a queue's tasks.

    ```python
    @leveret.worker(resize, concurrency=4)
    def handle(job: Resize, message: leveret.Message) -> None:
        print(job.image, message.attempt)

    leveret.run(handle)
    ```

    It takes the task, and its `Message` if it has a second parameter without a default, or one that
    is called `message` or has it as its hint. A task is done when its
    handler has returned. An exception is another attempt, after the queue's own delay, and a dead
    letter when there is none left; `Retry` and `Reject` say more. A `def` runs in a thread, an
    `async def` on the event loop.

    Args:
        queue: where the tasks are.
        batch: (size, seconds): the handler takes a list, of so many tasks or of as many as have
            come when the first has waited so long; and a list of their `Message`s if it has a
            second parameter.
        concurrency: how many run at once. Default: 10. Those of a `def` share the `threads` of the
            server.
        prefetch: how many tasks the broker may hand over before earlier ones are done. Default: the
            concurrency, times the size of a batch.
        rate: (count, seconds): at most so many are started in so much time, spread evenly, by this
            worker. A batch counts once.
        timeout: seconds that a handler may take; then its task has failed.

    Raises:
        TypeError, ValueError: for options that do not fit.
    """
    if not isinstance(cast("object", queue), TaskQueue):
        raise TypeError(f"a worker's queue is a leveret.TaskQueue, not {queue!r}")
    settings = consumer_settings({"tasks": queue.as_settings()}, options, batch=batch)
    if batch is not None and queue.partitions is not None:
        raise ValueError(f"{queue.name!r} is ordered by key, one after another: it has no batches")
    return (Handles if batch is None else HandlesBatches)(queue, settings)


@overload
def subscriber(
    events: Events[T], *, batch: None = None, **options: Unpack[SubscriberOptions]
) -> Handles[T]: ...


@overload
def subscriber(
    events: Events[T], *, batch: tuple[int, float], **options: Unpack[SubscriberOptions]
) -> HandlesBatches[T]: ...


def subscriber(
    events: Events[Any], *, batch: tuple[int, float] | None = None, **options: Any
) -> Any:
    """Makes a function a handler of events.

    ```python
    @leveret.subscriber(logs, keys=["kern.*", "*.critical"])
    async def on_log(line: LogLine) -> None:
        print(line.text)
    ```

    Without `durable` it gets what is published while it is there, and an event whose handler fails
    is logged and dropped, and so is one that it retries or rejects. Otherwise as `worker`.

    Args:
        events: which events.
        keys: for direct events the keys, for topics the patterns; one or more.
        all: for headers events: those that have all of these headers come. A list of such: those
            that fit one.
        any: the same for events that have one of these headers.
        durable: the name of a group, one for each handler. From its first subscription on events
            are kept for it while nobody is there, in a queue that all subscribers of the group
            share, and are tried again as tasks are.
        attempts, retry_delay, max_retry_delay: as for `TaskQueue`; for durable ones only.
        queue: how the queue of a durable one is declared; for these only.
        batch, concurrency, prefetch, rate, timeout: as for `worker`.

    Raises:
        TypeError, ValueError: for options that do not fit.
    """
    if not isinstance(cast("object", events), Events):
        raise TypeError(f"a subscriber's events are leveret.Events, not {events!r}")
    settings = consumer_settings(subscription(events, options), options, batch=batch)
    return (Handles if batch is None else HandlesBatches)(events, settings)


def subscription(events: Events[Any], options: dict[str, Any]) -> dict[str, Any]:
    """Takes what a subscription is about out of the options, for the native side.

    Raises:
        TypeError, ValueError: for options that do not fit.
    """
    keys: Any = options.pop("keys", ())
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise TypeError(f"keys is a list, as in keys=['a.*'], not {keys!r}")
    keys = [text("one of keys", key) for key in cast("Iterable[Any]", keys)]
    by_headers = [_headers(what, options.pop(what, None)) for what in ("all", "any")]
    durable, queue = options.pop("durable", None), options.pop("queue", None)
    if durable is not None:
        check_name("durable group", durable)
    if queue is not None and not isinstance(queue, QueueOptions):
        raise TypeError(f"queue is a leveret.QueueOptions, not {queue!r}")
    kept = ("attempts", "retry_delay", "max_retry_delay")
    in_vain = [key for key in kept if key in options] + (["queue"] if queue is not None else [])
    if in_vain and durable is None:
        raise TypeError(
            f"{', '.join(in_vain)}: for subscriptions with durable=, whose events are kept"
        )
    retry = {
        "attempts": options.pop("attempts", 5),
        "delay": options.pop("retry_delay", 1.0),
        "max_delay": options.pop("max_retry_delay", 60.0),
    }
    _check_kind(events, bool(keys), any(by_headers))
    return {
        "events": {
            "events": events.as_settings(),
            "keys": keys,
            "all": by_headers[0],
            "any": by_headers[1],
            "durable": durable,
            "retry": retry_settings(*retry.values()),
            "queue": None if queue is None else queue.as_settings(),
        }
    }


def _check_kind(events: Events[Any], keys: bool, headers: bool) -> None:
    wanted = {"fanout": (False, False), "headers": (False, True)}.get(events.kind, (True, False))
    if (keys, headers) == wanted:
        return
    advice = {
        "fanout": "all events of a fanout come, and none can be asked for",
        "headers": "say which by all= or any=",
    }
    why = advice.get(events.kind, "say which by keys=[...]")
    raise ValueError(f"the events {events.name!r} are of kind {events.kind}: {why}")


def _headers(what: str, given: Any) -> list[list[tuple[str, Any]]]:
    if given is None:
        return []
    several: list[Any] = [given] if isinstance(given, Mapping) else list(given)
    return [header_list(what, one) for one in several]


def header_list(what: str, given: Any) -> list[tuple[str, Any]]:
    """Headers as the native side takes them.

    Raises:
        TypeError: unless they are a mapping of str to str, int, float or bool.
        ValueError: for a number or text that has no form on the wire.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} maps names of headers to values, not {given!r}")
    headers = list(cast("Mapping[Any, Any]", given).items())
    for name, value in headers:
        text(f"{what}: a name", name)
        if isinstance(value, str):
            text(f"{what}: {name}", value)
        elif not isinstance(value, (int, float)):
            raise TypeError(f"{what}: a header is a str, int, float or bool, not {value!r}")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"{what}: {value} does not fit 64 bits")
    return headers


def consumer_settings(
    source: dict[str, Any],
    options: dict[str, Any],
    *,
    batch: Any = None,
    known: tuple[str, ...] = _KEYS,
) -> dict[str, Any]:
    """What the native side is told of a consumer, but for the grace time and what is raw.

    Raises:
        TypeError, ValueError: for options that do not fit.
    """
    for key in options:
        if key not in known:
            also = _SUBSCRIPTION_KEYS if "events" in source else ()
            raise unknown_option(key, (*known, *also))
    settings: dict[str, Any] = {"from": source, "batch": None}
    for key, default in (("concurrency", _CONCURRENCY), ("prefetch", None)):
        value = options.get(key)
        settings[key] = default if value is None else whole(key, value, MOST_16)
    timeout = options.get("timeout")
    settings["timeout"] = None if timeout is None else seconds("timeout", timeout)
    rate = options.get("rate")
    if rate is not None:
        count, period = pair("rate", rate, "(count, seconds)")
        rate = (whole("rate", count, MOST_32), seconds("rate", period))
        if not period:
            raise ValueError("rate is a number of runs in some seconds, not in none")
    settings["rate"] = rate
    if batch is not None:
        size, age = pair("batch", batch, "(size, seconds)")
        settings["batch"] = (whole("batch", size, MOST_16), seconds("batch", age))
        prefetch = settings["prefetch"]
        if prefetch is not None and prefetch < size:
            raise ValueError(f"with a prefetch of {prefetch} no batch has {size}")
    return settings
