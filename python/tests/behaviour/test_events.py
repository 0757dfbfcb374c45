"""Events from a publisher to those who are interested, by each kind of exchange."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import leveret
import pytest

from .rig import Seen, eventually

Serve = Callable[..., leveret.Server]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Line:
    text: str


def subscriber(
    events: leveret.Events[Any], seen: Seen[Any], **options: Any
) -> leveret.Consumer[..., Any]:
    # One at a time, since several may begin in any order.
    @leveret.subscriber(events, **{"concurrency": 1, **options})
    async def on(line: Line, message: leveret.Message) -> None:
        assert message.exchange.endswith(f".{events.name}")
        seen.add((line.text, message.routing_key))

    return on


def test_fanout_and_every_subscriber_gets_it(client: leveret.Client, serve: Serve) -> None:
    logs = leveret.Events.fanout("logs", Line)
    both: list[Seen[Any]] = [Seen(), Seen()]
    serve(*(subscriber(logs, seen) for seen in both))
    client.publish(logs, Line("a"))
    client.publish(logs, Line("b"), key="ignored")
    for seen in both:
        assert seen.wait_for(2) == [("a", ""), ("b", "ignored")]


def test_direct(client: leveret.Client, serve: Serve) -> None:
    logs = leveret.Events.direct("logs", Line)
    seen: Seen[Any] = Seen()
    serve(subscriber(logs, seen, keys=["error", "warning"]))
    for key in ("error", "info", "warning"):
        client.publish(logs, Line(key), key=key)
    assert seen.wait_for(2) == [("error", "error"), ("warning", "warning")]
    assert seen.empty()


def test_topic(namespace: str, serve: Serve) -> None:
    logs = leveret.Events.topic("logs", Line)
    seen: Seen[Any] = Seen()
    serve(subscriber(logs, seen, keys=["kern.*", "#.critical"]))

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            for key in ("kern.info", "kern.a.b", "cron.critical", "kern.critical", "end.critical"):
                await client.publish(logs, Line("x"), key=key)

    asyncio.run(main())
    keys = [key for _, key in seen.wait_for(4)]
    assert keys == ["kern.info", "cron.critical", "kern.critical", "end.critical"]


@pytest.mark.parametrize(
    ("asked", "come"),
    [
        ({"all": {"format": "pdf", "pages": 3}}, ["both"]),
        ({"any": {"format": "pdf", "pages": 3}}, ["both", "pdf", "three"]),
        ({"all": [{"format": "pdf"}, {"final": True}]}, ["both", "pdf", "final"]),
    ],
)
def test_headers(
    client: leveret.Client, serve: Serve, asked: Mapping[str, Any], come: list[str]
) -> None:
    reports = leveret.Events.headers("reports", Line)
    seen: Seen[Any] = Seen()
    serve(subscriber(reports, seen, **asked))
    for text, headers in {
        "both": {"format": "pdf", "pages": 3},
        "pdf": {"format": "pdf", "pages": 4},
        "three": {"format": "txt", "pages": 3},
        "final": {"final": True},
        "none": {"final": False},
    }.items():
        client.publish(reports, Line(text), headers=headers)
    client.publish(reports, Line("end"), headers={"format": "pdf", "pages": 3, "final": True})
    assert [text for text, _ in seen.wait_for(len(come) + 1)] == [*come, "end"]


def test_headers_of_all_types(client: leveret.Client, serve: Serve) -> None:
    logs = leveret.Events.fanout("logs", Line)
    seen: Seen[Any] = Seen()

    @leveret.subscriber(logs)
    def on(line: Line, message: leveret.Message) -> None:
        seen.add(dict(message.headers))

    serve(on)
    headers = {"text": "ä", "number": -(2**63), "float": 1.5, "yes": True, "no": False}
    client.with_options(metadata={"team": "blue"}).publish(logs, Line("a"), headers=headers)
    found = seen.wait()
    assert found == {**headers, "team": "blue"}
    assert [type(found[name]) for name in headers] == [str, int, float, bool, bool]
    for wrong in ({"X-Bad": "a"}, {"leveret-attempt": 1}):
        with pytest.raises(leveret.InvalidArgument):
            client.publish(logs, Line("a"), headers=wrong)


def test_a_group_shares_and_keeps_its_events(
    client: leveret.Client, namespace: str, serve: Serve
) -> None:
    logs = leveret.Events.topic("logs", Line)
    seen: Seen[Any] = Seen()
    options: dict[str, Any] = {"keys": ["#"], "durable": "audit"}
    options["queue"] = leveret.QueueOptions(expires=600.0)
    with leveret.Server(subscriber(logs, seen, **options), namespace=namespace).in_thread():
        client.publish(logs, Line("first"), key="a")
        assert seen.wait() == ("first", "a")
    client.publish(logs, Line("kept"), key="b")
    serve(subscriber(logs, seen, **options), subscriber(logs, seen, **options))
    assert seen.wait() == ("kept", "b")
    for n in range(20):
        client.publish(logs, Line(str(n)), key="c")
    assert sorted(int(text) for text, _ in seen.wait_for(20)) == list(range(20))
    client.publish(logs, Line("end"), key="c")
    assert seen.wait() == ("end", "c")


def test_a_durable_event_is_tried_again(client: leveret.Client, serve: Serve) -> None:
    logs = leveret.Events.topic("logs", Line)
    seen: Seen[Any] = Seen()

    @leveret.subscriber(
        logs, keys=["a.*"], durable="audit", attempts=3, retry_delay=0.1,
        queue=leveret.QueueOptions(expires=600.0),
    )  # fmt: skip
    def on(line: Line, message: leveret.Message) -> None:
        seen.add((message.attempt, message.routing_key, message.exchange.rpartition(".")[2]))
        raise ValueError("broken")

    serve(on)
    client.publish(logs, Line("x"), key="a.b")
    assert seen.wait_for(3) == [(n, "a.b", "logs") for n in (1, 2, 3)]
    group = leveret.TaskQueue("logs.audit", Line)
    eventually(lambda: client.queue_info(group).dead == 1, "a dead letter")
    (letter,) = client.dead_letters(group)
    assert (letter.reason, letter.error, letter.job()) == (
        "attempts", "ValueError: broken", Line("x"),
    )  # fmt: skip


def test_a_transient_event_that_fails_is_dropped_and_logged(
    client: leveret.Client, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    logs = leveret.Events.fanout("logs", Line)
    seen: Seen[Any] = Seen()

    @leveret.subscriber(logs)
    def on(line: Line, message: leveret.Message) -> None:
        seen.add((line.text, message.attempt))
        if line.text == "bad":
            raise ValueError("broken")

    serve(on)
    with caplog.at_level(logging.WARNING, "leveret"):
        client.publish(logs, Line("bad"))
        client.publish(logs, Line("good"))
        assert sorted(seen.wait_for(2)) == [("bad", 1), ("good", 1)]
        eventually(lambda: "on raised ValueError" in caplog.text, "the traceback in the log")
        assert any(record.exc_info for record in caplog.records)
    assert seen.empty()


def test_events_that_nobody_wants_and_wrong_ones(client: leveret.Client) -> None:
    logs = leveret.Events.fanout("logs", Line)
    assert client.publish(logs, Line("a")) != client.publish(logs, Line("a"))
    with pytest.raises(leveret.InvalidArgument):
        client.publish(logs, {"text": 5})  # type: ignore[arg-type]
    missing = leveret.Events.fanout("missing", Line, declare="passive")
    with pytest.raises(leveret.LeveretError) as caught:
        client.with_options(timeout=5).publish(missing, Line("a"))
    assert caught.value.code == leveret.Code.NO_SUCH_SERVICE


def test_an_exchange_of_the_brokers(client: leveret.Client, namespace: str, serve: Serve) -> None:
    own = leveret.Events.topic("amq.topic", str)
    seen: Seen[str] = Seen()

    @leveret.subscriber(own, keys=[f"{namespace}a"])
    def on(text: str, message: leveret.Message) -> None:
        assert message.exchange == "amq.topic"
        seen.add(text)

    serve(on)
    client.publish(own, "hello", key=f"{namespace}a")
    assert seen.wait() == "hello"


def test_a_dead_event_says_what_it_was(client: leveret.Client, serve: Serve) -> None:
    """Given up by a worker, and by the broker before any worker had seen it."""
    logs = leveret.Events.topic("logs", Line)
    queue = leveret.TaskQueue("logs.audit", Line)
    options = leveret.QueueOptions(expires=600.0, message_ttl=0.5)

    @leveret.subscriber(logs, keys=["#"], durable="audit", queue=options)
    def refuse(line: Line) -> None:
        raise leveret.Reject("no")

    def send(text: str) -> str:
        sender = client.with_options(metadata={"team": "blue"}, trace=TRACE)
        return sender.publish(logs, Line(text), key="kern.error", headers={"pages": 3})

    with leveret.Server(refuse, client=client).in_thread():
        first = send("first")
        eventually(lambda: client.queue_info(queue).dead == 1, "it is refused")
    second = send("second")
    eventually(lambda: client.queue_info(queue).dead == 2, "it expires")
    letters = {one.id: one for one in client.dead_letters(queue)}
    assert set(letters) == {first, second}
    assert [letters[one].reason for one in (first, second)] == ["rejected", "expired"]
    for letter in letters.values():
        assert letter.exchange.endswith(".logs")
        assert letter.routing_key == "kern.error"
        assert dict(letter.metadata) == {"team": "blue"}
        assert letter.headers["pages"] == 3
        assert letter.header("team") == "blue"
        assert letter.trace is not None
        assert letter.trace.traceparent == TRACE
        assert (letter.key, letter.priority, letter.sender) == (None, None, None)
    letters[first].discard()
    assert letters[first].header("team") == "blue"


def test_a_dead_task_says_what_it_was(namespace: str, serve: Serve) -> None:
    ordered = leveret.TaskQueue(
        "ordered", int, partitions=2, queue=leveret.QueueOptions(expires=600.0)
    )

    @leveret.worker(ordered)
    async def refuse(job: int) -> None:
        raise leveret.Reject("no")

    serve(refuse)
    with leveret.connect(namespace=namespace, name="shop") as client:
        client.push(ordered, 1, key="item-7")
        eventually(lambda: client.queue_info(ordered).dead == 1, "it is refused")
        (letter,) = client.dead_letters(ordered)
        assert (letter.key, letter.exchange, letter.sender) == ("item-7", "", "shop")
        assert letter.routing_key == f"{namespace}ordered"
