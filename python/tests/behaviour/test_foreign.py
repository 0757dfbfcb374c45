"""Peers that know nothing of Leveret: plain AMQP, and messages that nobody sane would send."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import leveret
import pika
import pytest

from .jobs import Row, row_queue
from .rig import PATIENCE, Probe, Seen, eventually

Serve = Callable[..., leveret.Server]


class Peer:
    """A caller of few words."""

    def __init__(self, url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self._connection.channel()
        self.reply_to = self.channel.queue_declare("", exclusive=True).method.queue
        self._count = 0

    def send(self, queue: str, body: bytes, **properties: Any) -> str:
        self._count += 1
        given = {"reply_to": self.reply_to, "correlation_id": str(self._count), **properties}
        self.channel.basic_publish("", queue, body, pika.BasicProperties(**given))
        return str(self._count)

    def answer(self) -> tuple[Any, bytes]:
        for method, properties, body in self.channel.consume(
            self.reply_to, auto_ack=True, inactivity_timeout=PATIENCE
        ):
            assert method is not None, "no answer came"
            return properties, body
        raise AssertionError("the consumer ended")

    def call(self, queue: str, body: bytes, **properties: Any) -> tuple[Any, bytes]:
        sent = self.send(queue, body, **properties)
        answered, body = self.answer()
        assert answered.correlation_id == sent
        return answered, body

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def peer(url: str) -> Iterator[Peer]:
    peer = Peer(url)
    yield peer
    peer.close()


def test_the_tutorial_s_client(peer: Peer, namespace: str, serve: Serve) -> None:
    """It sends the characters of a number, without a type, to a queue of its choice."""
    queue = namespace + "rpc_queue"
    service = leveret.Service("fib", queue=queue)

    @service.rpc(default=True)
    def fib(n: int) -> int:
        return 832040 if n == 30 else -1

    @service.rpc
    def shout(text: str) -> str:
        return text.upper()

    serve(service)
    properties, body = peer.call(queue, b"30")
    assert (body, properties.type) == (b"832040", "leveret.reply")
    _, body = peer.call(queue, b'"quoted" 30', type="shout")
    assert body == b'"QUOTED" 30'
    properties, body = peer.call(queue, b"thirty")
    assert properties.type == "leveret.error"
    assert b"argument `n`" in body


def test_json_from_elsewhere(peer: Peer, namespace: str, probe: Probe) -> None:
    queue = namespace + "probe"
    options = {"type": "echo", "content_type": "application/json"}
    for body in (b'{"value": [1, "a", null]}', b'[[1, "a", null]]'):
        properties, answer = peer.call(queue, body, **options)
        assert properties.content_type == "application/json"
        assert json.loads(answer) == [1, "a", None]
    properties, answer = peer.call(queue, b'{"valu": 1}', **options)
    error = json.loads(answer)
    assert (error["code"], error["executed"]) == ("InvalidArgument", "no")


def test_a_service_written_elsewhere(peer: Peer, namespace: str) -> None:
    """A blocking client takes the answers of a plain server, as text."""
    import threading

    queue = namespace + "plain"
    peer.channel.queue_declare(queue, auto_delete=True)

    def serve() -> None:
        for method, properties, body in peer.channel.consume(queue, inactivity_timeout=PATIENCE):
            if method is None:
                return
            reply = pika.BasicProperties(correlation_id=properties.correlation_id)
            peer.channel.basic_publish("", properties.reply_to, b"<" + body + b">", reply)
            peer.channel.basic_ack(method.delivery_tag)
            if body == b"end":
                return

    thread = threading.Thread(target=serve)
    thread.start()
    with leveret.connect() as client:
        plain = client.service(queue=queue, codec="text")
        assert plain[""]("30") == "<30>"
        assert plain[""](30) == "<30>"
        assert plain[""]("end") == "<end>"
    thread.join()


def test_noise_is_answered_and_survived(
    peer: Peer, namespace: str, serve: Serve, client: leveret.Client
) -> None:
    """Whoever may write to the queue may write anything: each message costs one answer, no more."""
    service = leveret.Service("target")

    @service.rpc
    async def in_loop(a: int, b: dict[int, list[bytes]] | None = None) -> int:
        return a

    @service.rpc
    def in_thread(a: str, *, b: float = 1.0) -> str:
        return a

    serve(service)
    queue = namespace + "target"
    dice = random.Random(20261121)
    starts = [
        b"",
        b"\x81\xa1a",
        b"\x82\xa1a\x01\xa1b",
        b"\x92\x01",
        b'{"a": ',
        b"[1, ",
        b"\xdf\xff",
    ]
    sent = 0
    for _ in range(300):
        body = dice.choice(starts) + dice.randbytes(dice.randrange(40))
        peer.send(
            queue,
            body,
            type=dice.choice(["in_loop", "in_thread", "nothing", "in_loop\x00", "é"]),
            content_type=dice.choice(
                ["application/msgpack", "application/json", "text/plain", None, "x"]
            ),
        )
        sent += 1
    answers = dict[str, str]()
    for _ in range(sent):
        properties, _ = peer.answer()
        answers[properties.correlation_id] = properties.type
    assert len(answers) == sent, "each is answered once"
    assert set(answers.values()) <= {"leveret.reply", "leveret.error"}
    assert client.service("target").in_loop(1) == 1
    assert client.service("target").in_thread("a") == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 10_000,
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x81\xa5value" + b"\x91" * 65 + b"\xc0",
        b"\x81\xa5value\xdc\xff\xff",
        b"\x81\xa5value" + b"\xd4\x01\x00",
        b"\x81\xa5value\xa1\xff",
    ],
)
def test_bodies_that_are_made_to_hurt(
    peer: Peer, namespace: str, probe: Probe, client: leveret.Client, body: bytes
) -> None:
    kind = "application/json" if body[:1] in (b"[", b"{") else "application/msgpack"
    properties, _ = peer.call(namespace + "probe", body, type="echo", content_type=kind)
    assert properties.type == "leveret.error"
    assert client.service("probe").echo(1) == 1


def test_strays_are_dropped(peer: Peer, namespace: str, serve: Serve, client: Any) -> None:
    probe = Probe()
    server = serve(probe)
    peer.channel.basic_publish("", namespace + "probe", b"stray", pika.BasicProperties())
    peer.channel.basic_publish(
        "", namespace + "probe", b"", pika.BasicProperties(type="leveret.unknown")
    )
    # They are in front of this one.
    assert client.service("probe").echo(1) == 1
    assert server.dropped_messages == 2


def test_a_foreign_task_and_a_foreign_reader_of_dead_letters(
    peer: Peer, client: leveret.Client, namespace: str, serve: Serve
) -> None:
    """The least that a program needs: a body and its content type, no id, no headers."""
    options = leveret.QueueOptions(expires=600.0)
    jobs = leveret.TaskQueue("jobs", dict[str, int], attempts=2, retry_delay=0.1, queue=options)
    seen: Seen[Any] = Seen()

    @leveret.worker(jobs)
    def handle(job: dict[str, int], message: leveret.Message) -> None:
        seen.add((job, message.id, message.attempt, message.headers.get("tenant")))
        raise ValueError("no")

    serve(handle)
    properties = pika.BasicProperties(
        content_type="application/json", headers={"tenant": 7}, priority=3
    )
    peer.channel.basic_publish("", namespace + "jobs", b'{"n": 1}', properties)
    assert seen.wait() == ({"n": 1}, None, 1, 7)
    job, given, attempt, tenant = seen.wait()
    assert (job, attempt, tenant) == ({"n": 1}, 2, 7)
    eventually(lambda: client.queue_info(jobs).dead == 1, "a dead letter")
    _, read, body = peer.channel.basic_get(namespace + "jobs.dead", auto_ack=True)
    assert body == b'{"n": 1}'
    # Copies have an id, by which they are known again.
    assert given is not None
    assert (read.content_type, read.priority, read.message_id) == ("application/json", 3, given)
    assert read.headers["leveret-death"] == "attempts"
    assert read.headers["leveret-error"] == "ValueError: no"
    assert (read.headers["leveret-attempt"], read.headers["tenant"]) == (2, 7)


def test_times_that_are_none(
    peer: Peer, client: leveret.Client, namespace: str, serve: Serve
) -> None:
    """Milliseconds, and what is no time at all, do not fail the handler that asks."""
    jobs = row_queue("jobs")
    seen: Seen[tuple[int, Any]] = Seen()

    @leveret.worker(jobs)
    def handle(job: Row, message: leveret.Message) -> None:
        seen.add((job.n, message.timestamp))
        raise leveret.Reject("no")

    serve(handle)
    sent = {1: 1_700_000_000, 2: 1_700_000_000_000, 3: 2**63}
    for n, timestamp in sent.items():
        given = pika.BasicProperties(content_type="application/json", timestamp=timestamp)
        peer.channel.basic_publish("", namespace + "jobs", b'{"n": %d}' % n, given)
    time = datetime.datetime.fromtimestamp(sent[1], datetime.timezone.utc)
    assert dict(seen.wait_for(3)) == {1: time, 2: None, 3: None}
    eventually(lambda: client.queue_info(jobs).dead == 3, "three dead letters")
    letters = {letter.job().n: letter.timestamp for letter in client.dead_letters(jobs)}
    assert letters == {1: time, 2: None, 3: None}


@pytest.mark.parametrize(
    "properties", [{"content_encoding": "gzip"}, {"headers": {"leveret-v": 2}}]
)
def test_a_task_that_cannot_be_read(
    peer: Peer, client: leveret.Client, namespace: str, serve: Serve, properties: dict[str, Any]
) -> None:
    jobs = row_queue("jobs")
    seen: Seen[Row] = Seen()

    @leveret.worker(jobs)
    def handle(job: Row) -> None:
        seen.add(job)

    serve(handle)
    for body, more in ((b'{"n": 1}', properties), (b'{"n": 2}', {"content_encoding": "utf-8"})):
        given = pika.BasicProperties(content_type="application/json", **more)
        peer.channel.basic_publish("", namespace + "jobs", body, given)
    assert seen.wait() == Row(2)
    eventually(lambda: client.queue_info(jobs).dead == 1, "a dead letter")
    (letter,) = client.dead_letters(jobs)
    assert (letter.reason, letter.body) == ("undecodable", b'{"n": 1}')
    assert letter.content_type == "application/json"
    with pytest.raises(leveret.Unimplemented) as caught:
        letter.job()
    assert caught.value.executed == "no"
    assert seen.empty()


def test_a_foreign_subscriber_and_a_foreign_publisher(
    peer: Peer, client: leveret.Client, namespace: str
) -> None:
    logs = leveret.Events.topic("logs", str)
    with client.listen(logs, keys=["#"]) as events:
        peer.channel.queue_bind(peer.reply_to, namespace + "logs", "a.*")
        client.with_options(codec="json").publish(logs, "hello", key="a.b", headers={"n": 1})
        properties, body = peer.answer()
        assert (properties.content_type, body) == ("application/json", b'"hello"')
        assert properties.headers == {"n": 1}
        peer.channel.basic_publish(namespace + "logs", "x", b"plain words")
        found = [next(events)[0] for _ in range(2)]
    assert found == ["hello", "plain words"]
