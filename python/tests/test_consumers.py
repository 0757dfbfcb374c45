"""Queues, events, workers and subscribers refuse what does not fit where it is written, without a
broker.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import leveret
import pytest
from leveret._consumer import header_list
from leveret._payload import Payload


@dataclass
class Job:
    n: int


QUEUE = leveret.TaskQueue("jobs", Job)
TOPIC = leveret.Events.topic("logs", Job)


@pytest.mark.parametrize(
    "name", ["", "a b", "amq.x", "leveret.x", "a.dead", "a.suspect", "a.p0", "a.p12", "a" * 191]
)
def test_names_of_queues(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        leveret.TaskQueue(name, Job)


def test_names_that_only_look_like_those_of_others() -> None:
    for name in ("dead", "p0", "a.p", "a.deader", "a.suspect.x"):
        assert leveret.TaskQueue(name, Job).name == name
    assert leveret.Events.topic("amq.topic").name == "amq.topic"
    with pytest.raises(ValueError, match="events name"):
        leveret.Events.fanout("a b")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"attempts": 0}, ValueError),
        ({"attempts": 1.5}, TypeError),
        ({"attempts": 2**40}, ValueError),
        ({"retry_delay": -1}, ValueError),
        ({"max_retry_delay": "1"}, TypeError),
        ({"kind": "lazy"}, TypeError),
        ({"dedup_window": None}, TypeError),
        ({"dedup_window": 0}, ValueError),
        ({"dedup_window": 1e18}, ValueError),
        ({"kind": "quorum", "max_priority": 3}, ValueError),
        ({"max_priority": 256}, ValueError),
        ({"max_length": -1}, ValueError),
        ({"partitions": 0}, ValueError),
        ({"partitions": 1025}, ValueError),
        ({"queue": {"kind": "quorum"}}, TypeError),
        ({"queue": leveret.QueueOptions(), "kind": "quorum"}, TypeError),
        ({"atempts": 1}, TypeError),
        ({"type": complex}, TypeError),
        ({"type": Callable[[], None]}, TypeError),
    ],
)
def test_options_of_queues(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        leveret.TaskQueue("jobs", **{"type": Job, **options})


def handle(job: Job) -> None: ...


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"concurrency": 0}, ValueError),
        ({"concurrency": 70_000}, ValueError),
        ({"prefetch": "1"}, TypeError),
        ({"rate": 5}, TypeError),
        ({"rate": (0, 1)}, ValueError),
        ({"rate": (1, -1)}, ValueError),
        ({"rate": (1, 0)}, ValueError),
        ({"rate": (10**12, 1)}, ValueError),
        ({"batch": (70_000, 1)}, ValueError),
        ({"batch": (10, 1), "prefetch": 5}, ValueError),
        ({"timeout": True}, TypeError),
        ({"batch": (0, 1)}, ValueError),
        ({"batch": 5}, TypeError),
        ({"keys": ["a"]}, TypeError),
        ({"concurency": 1}, TypeError),
    ],
)
def test_options_of_workers(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        leveret.worker(QUEUE, **options)(handle)


def test_a_misspelt_option_is_told_what_was_meant() -> None:
    with pytest.raises(TypeError, match="did you mean 'concurrency'"):
        leveret.worker(QUEUE, concurency=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="did you mean 'durable'"):
        leveret.subscriber(TOPIC, keys=["#"], durabel="a")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("events", "options", "error"),
    [
        (leveret.Events.topic("a"), {}, ValueError),
        (leveret.Events.direct("a"), {"all": {"b": 1}}, ValueError),
        (leveret.Events.fanout("a"), {"keys": ["b"]}, ValueError),
        (leveret.Events.headers("a"), {"keys": ["b"], "all": {"b": 1}}, ValueError),
        (leveret.Events.headers("a"), {}, ValueError),
        (leveret.Events.headers("a"), {"any": {"b": None}}, TypeError),
        (leveret.Events.topic("a"), {"keys": "b"}, TypeError),
        (leveret.Events.topic("a"), {"keys": [5]}, TypeError),
        (leveret.Events.topic("a"), {"keys": None}, TypeError),
        (leveret.Events.topic("a"), {"keys": ["b"], "durable": ""}, ValueError),
        (leveret.Events.topic("a"), {"keys": ["b"], "durable": True}, TypeError),
        (leveret.Events.topic("a"), {"keys": ["b"], "queue": {}}, TypeError),
        (QUEUE, {}, TypeError),
        ("a", {"keys": ["b"]}, TypeError),
    ],
)
def test_options_of_subscribers(
    events: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        leveret.subscriber(events, **options)


def test_a_worker_needs_a_queue() -> None:
    for wrong in ("jobs", TOPIC, None):
        with pytest.raises(TypeError, match="TaskQueue"):
            leveret.worker(wrong)  # type: ignore[call-overload]


class Wrong:
    def method(self, job: Job) -> None: ...

    @staticmethod
    def nothing() -> None: ...

    @staticmethod
    def three(job: Job, message: Any, more: int) -> None: ...

    @staticmethod
    def keyword(job: Job, *, more: int) -> None: ...

    @staticmethod
    def yields(job: Job) -> Any:
        yield job


@pytest.mark.parametrize(
    "function",
    [Wrong.method, Wrong.nothing, Wrong.three, Wrong.keyword, Wrong.yields, Wrong, "handle"],
)
def test_what_is_no_handler(function: Any) -> None:
    with pytest.raises(TypeError):
        leveret.worker(QUEUE)(function)


def test_a_handler_may_have_defaults() -> None:
    def more(job: Job, dry: bool = False, *, loud: bool = False) -> None: ...

    assert leveret.worker(QUEUE)(more)(Job(1)) is None


def test_a_hint_that_cannot_travel_is_refused_by_the_server() -> None:
    @leveret.worker(leveret.TaskQueue("jobs"))
    def handle(job: complex) -> None: ...

    with pytest.raises(TypeError, match="complex"):
        leveret.Server(handle)


def test_headers_are_plain_values() -> None:
    assert header_list("headers", {"a": "b", "c": 1, "d": True, "e": 1.5}) == [
        ("a", "b"), ("c", 1), ("d", True), ("e", 1.5),
    ]  # fmt: skip
    for wrong, error in (
        ({"a": None}, TypeError),
        ({1: "a"}, TypeError),
        ({"a": 2**63}, ValueError),
        ({"a": "\ud800"}, ValueError),
        ({"\ud800": "a"}, ValueError),
    ):
        with pytest.raises(error):
            header_list("headers", wrong)


def test_a_payload_is_read_as_it_was_written() -> None:
    payload = Payload(dict[int, datetime.date], "a task")
    body, content_type = payload.write({1: datetime.date(2026, 3, 1)})
    assert content_type is None
    assert body == b"\x81\xa11\xaa2026-03-01"
    assert Payload(bytes, "a task").write(bytearray(b"a")) == (b"a", "application/octet-stream")
    assert Payload(leveret.Raw, "a task").write(leveret.Raw(b"a")) == (b"a", "")


def test_outcomes_say_why() -> None:
    retry = leveret.Retry("why", after=2)
    assert (str(retry), retry.reason, retry.after) == ("why", "why", 2.0)
    assert leveret.Retry().after is None
    assert leveret.Reject("why").reason == "why"
    with pytest.raises(ValueError, match="after"):
        leveret.Retry("why", after=-1)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"durable": 1}, "durable"),
        ({"auto_delete": None}, "auto_delete"),
        ({"message_ttl": -1}, "message_ttl"),
        ({"message_ttl": "1"}, "message_ttl"),
        ({"expires": 0}, "expires"),
        ({"max_length": -1}, "max_length"),
        ({"max_length": 2**40}, "max_length"),
        ({"max_length": "7"}, "max_length"),
        ({"max_priority": 0}, "max_priority"),
        ({"max_priority": 200}, "max_priority"),
        ({"max_priority": 256}, "max_priority"),
        ({"kind": "quorum", "max_priority": 3}, "max_priority"),
        ({"kind": "quorum", "durable": False}, "durable"),
        ({"kind": "quorum", "auto_delete": True}, "auto_delete"),
        ({"dead_letter_exchange": 5}, "dead_letter_exchange"),
        ({"dead_letter_routing_key": "a"}, "dead_letter_exchange"),
        ({"dead_letter_exchange": "\ud800"}, "dead_letter_exchange"),
    ],
)
def test_options_of_any_queue(options: dict[str, Any], named: str) -> None:
    with pytest.raises((TypeError, ValueError), match=named):
        leveret.QueueOptions(**options)


def test_a_name_is_a_text() -> None:
    for wrong in (None, 5, b"jobs"):
        for make in (leveret.TaskQueue, leveret.Events.topic, leveret.Service):
            with pytest.raises(TypeError, match="str"):
                make(wrong)


def test_a_queue_in_order_has_no_batches() -> None:
    ordered = leveret.TaskQueue("ordered", Job, partitions=4)
    with pytest.raises(ValueError, match="batch"):
        leveret.worker(ordered, batch=(3, 1.0))


def test_what_only_durable_subscribers_have_is_refused_to_others() -> None:
    for options in ({"attempts": 3}, {"retry_delay": 1.0}, {"queue": leveret.QueueOptions()}):
        with pytest.raises(TypeError, match=next(iter(options))):
            leveret.subscriber(TOPIC, keys=["#"], **options)  # type: ignore[call-overload]


def test_a_raw_body_is_bytes() -> None:
    for body in (5, "text", None, [1]):
        with pytest.raises(TypeError, match="bytes"):
            leveret.Raw(body)  # type: ignore[arg-type]
    assert Payload(leveret.Raw, "a task").write(leveret.Raw(memoryview(b"ab"))) == (b"ab", "")  # type: ignore[arg-type]


def test_threads_are_as_many_as_run() -> None:
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="threads"):
            leveret.Server(leveret.worker(QUEUE)(handle), threads=wrong)


def test_a_function_is_told_what_it_may_be() -> None:
    with pytest.raises(TypeError, match="worker") as caught:
        leveret.Server(handle)
    assert "subscriber" in str(caught.value)


PDFS = leveret.Events.headers("files", Job)


@pytest.mark.parametrize(
    ("events", "first", "second"),
    [
        (TOPIC, {"keys": ["a"]}, {"keys": ["b"]}),
        (TOPIC, {"keys": ["a"]}, {"keys": ["a", "b"]}),
        (PDFS, {"all": {"kind": "pdf"}}, {"any": {"kind": "pdf"}}),
        (PDFS, {"all": {"kind": "pdf"}}, {"all": {"kind": "png"}}),
    ],
)
def test_a_group_asks_for_the_same_events(
    events: leveret.Events[Job], first: dict[str, Any], second: dict[str, Any]
) -> None:
    """One queue serves the group, and each handler would get the events of the other."""

    def server(group: str, other: str) -> leveret.Server:
        asked = ((group, first), (other, second))
        return leveret.Server(
            *(leveret.subscriber(events, durable=name, **one)(handle) for name, one in asked)
        )

    with pytest.raises(TypeError, match="durable='mail'"):
        server("mail", "mail")
    server("mail.receipts", "mail.reminders")


def test_a_group_may_have_several_subscribers() -> None:
    elsewhere = leveret.Events.topic("other", Job)
    leveret.Server(
        leveret.subscriber(TOPIC, keys=["a", "b"], durable="mail")(handle),
        leveret.subscriber(TOPIC, keys=["b", "a"], durable="mail")(handle),
        leveret.subscriber(TOPIC, keys=["c"])(handle),
        leveret.subscriber(elsewhere, keys=["c"], durable="mail")(handle),
        leveret.worker(QUEUE)(handle),
    )
