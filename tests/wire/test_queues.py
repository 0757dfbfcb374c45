"""The golden tasks and events, read by Python with nothing but its own library and msgspec, and
compared with what the module publishes.
"""

import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import leveret
import msgspec
import pika
import pytest
from leveret._leveret import from_msgpack, to_msgpack

LEVELS = 28
# Of what is delivered in the files: what the broker says of an original, and where else it goes.
BROKERS = {"x-original-exchange", "x-delivery-count", "CC"}


def messages(file: str) -> list[Any]:
    found = json.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))
    return [pytest.param(message, id=message["name"]) for message in found]


def check_body(message: dict[str, Any], codec: str, value: Any) -> None:
    body = bytes.fromhex(message["body_hex"])
    assert message["properties"]["content_type"] == f"application/{codec}"
    assert msgspec.msgpack.decode(to_msgpack(codec, body)) == value
    assert from_msgpack(codec, msgspec.msgpack.encode(value)) == body


def detour(millis: int, queue: str, prefix: str) -> tuple[str, str]:
    tenths = max(1, -(-millis // 100))
    return f"{prefix}{tenths.bit_length() - 1}", ".".join([*f"{tenths:0{LEVELS}b}", queue])


@pytest.mark.parametrize("message", messages("tasks.json"))
def test_tasks(message: dict[str, Any]) -> None:
    published, options = message["published"], message["options"]
    check_body(published, message["codec"], message["job"])
    namespace = message.get("namespace", "")
    queue = namespace + message["queue"]
    if "partitions" in options:
        key = str(options["key"])
        assert published["headers"]["leveret-key"] == key
        queue += f".p{zlib.crc32(key.encode()) % options['partitions']}"
    route = published["exchange"], published["routing_key"]
    if "delay_ms" not in options:
        assert route == ("", queue)
        return
    prefix = f"{namespace}leveret.delay." + ("q." if options.get("quorum") else "")
    assert route == detour(options["delay_ms"], queue, prefix)
    assert "expiration" not in published["properties"]


@pytest.mark.parametrize("message", messages("events.json"))
def test_events(message: dict[str, Any]) -> None:
    check_body(message["published"], message["codec"], message["event"])


@pytest.mark.parametrize("message", messages("copies.json"))
def test_copies(message: dict[str, Any]) -> None:
    before, after = message["delivered"], message["published"]
    queue = message.get("queue") or f"{message['exchange']}.{message['group']}"
    headers, outcome = after["headers"], message["outcome"]
    attempt = before["headers"].get("leveret-attempt", 1)
    assert after["body_hex"] == before["body_hex"]
    if "leveret-death" in headers:
        assert (after["exchange"], after["routing_key"]) == ("", f"{queue}.dead")
        assert (headers["leveret-attempt"], headers["leveret-queue"]) == (attempt, queue)
    elif message.get("redelivered"):
        alone = before["routing_key"] == f"{queue}.suspect"
        assert (after["exchange"], after["routing_key"]) == ("", f"{queue}.suspect")
        assert headers["leveret-attempt"] == attempt + alone
    else:
        route = detour(outcome["retry_ms"], queue, "leveret.delay.")
        assert (after["exchange"], after["routing_key"]) == route
        assert headers["leveret-attempt"] == attempt + 1
    # What is neither the broker's nor replaced stays.
    kept = {
        name: value
        for name, value in before["headers"].items()
        if name not in BROKERS and not name.startswith(("leveret-attempt", "leveret-error"))
    }
    assert {name: headers[name] for name in kept} == kept
    properties = {**before["properties"], "message_id": after["properties"]["message_id"]}
    properties.pop("expiration", None)
    assert after["properties"] == properties


@pytest.mark.parametrize("message", messages("names.json"))
def test_names(message: dict[str, Any]) -> None:
    if message["allowed"]:
        assert leveret.TaskQueue(message["name"]).name == message["name"]
    else:
        with pytest.raises(ValueError, match="name"):
            leveret.TaskQueue(message["name"])


@pytest.mark.parametrize("message", messages("digests.json"))
def test_digests(message: dict[str, Any]) -> None:
    digest = hashlib.sha256(f"{message['queue']}\0{message['key']}".encode())
    assert digest.hexdigest()[:32] == message["digest"]


@pytest.mark.parametrize("message", messages("marks.json"))
def test_marks(message: dict[str, Any]) -> None:
    before, after = message["delivered"], message["published"]
    key = before["headers"]["leveret-key"].encode()
    partition = f"{message['queue']}.p{zlib.crc32(key) % message['partitions']}"
    assert before["routing_key"] == partition
    assert (after["exchange"], after["routing_key"]) == ("", f"{partition}.marks")
    body = partition.encode() + b"\0" + bytes.fromhex(before["body_hex"])
    digest = hashlib.sha256(body).hexdigest()[:32]
    name = before["properties"].get("message_id", digest)
    assert bytes.fromhex(after["body_hex"]) == name.encode()


class Place:
    """Names of a test's own in front of those of the files, and a plain AMQP peer."""

    def __init__(self, url: str) -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.url = url
        self.prefix = f"wire-{uuid.uuid4().hex[:8]}."

    def connect(self, message: dict[str, Any]) -> leveret.Client:
        namespace = self.prefix + message.get("namespace", "")
        return leveret.connect(self.url, namespace=namespace, codec=message["codec"])

    def catch(self, exchange: str, kind: str, key: str) -> str:
        """A queue that gets what is published to an exchange."""
        self.channel.exchange_declare(exchange, kind, durable=True)
        queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(queue, exchange, key)
        return queue

    def take(self, queue: str) -> dict[str, Any]:
        """The message of a queue, in the form of the files."""
        delivery, properties, body = self.channel.basic_get(queue, auto_ack=True)
        assert delivery is not None, f"nothing in {queue}"
        names = ("content_type", "delivery_mode", "message_id", "priority", "expiration", "type")
        found = {name: getattr(properties, name) for name in names}
        return {
            "exchange": delivery.exchange.removeprefix(self.prefix),
            "routing_key": delivery.routing_key.replace(self.prefix, ""),
            "properties": {name: value for name, value in found.items() if value is not None},
            "headers": properties.headers or {},
            "body_hex": body.hex(),
        }

    def delete(self, exchange: str) -> None:
        if not exchange.startswith("amq."):
            self.channel.exchange_delete(exchange)

    def expect(self, queue: str, published: dict[str, Any], send: Callable[[], str]) -> None:
        """What is sent is what the file has, but for its id."""
        message_id = send()
        properties = {**published["properties"], "message_id": message_id}
        assert str(uuid.UUID(message_id)) == message_id
        # pika makes a whole number of a header that is a float.
        headers = {
            name: int(value) if isinstance(value, float) else value
            for name, value in published["headers"].items()
        }
        expected = {**published, "properties": properties, "headers": headers}
        assert self.take(queue) == expected


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    place = Place(os.environ["AMQP_URL"])
    yield place
    place.connection.close()


def without_keys(file: str) -> list[Any]:
    return [one for one in messages(file) if "partitions" not in one.values[0]["options"]]


@pytest.mark.parametrize("message", without_keys("tasks.json"))
def test_python_pushes_them(place: Place, message: dict[str, Any]) -> None:
    options, published = dict(message["options"]), message["published"]
    queue = place.prefix + message.get("namespace", "") + message["queue"]
    caught = queue
    if "delay_ms" in options:
        caught = place.catch(place.prefix + published["exchange"], "topic", "#")
    kind = "quorum" if options.pop("quorum", False) else "classic"
    metadata, trace = options.pop("metadata", {}), options.pop("traceparent", None)
    seconds = {
        name: options.pop(f"{name}_ms") / 1000
        for name in ("delay", "expires")
        if f"{name}_ms" in options
    }
    with place.connect(message) as client:
        sender = client.with_options(metadata=metadata, trace=trace)
        tasks = leveret.TaskQueue(message["queue"], kind=kind)
        place.expect(
            caught, published, lambda: sender.push(tasks, message["job"], **seconds, **options)
        )
    for end in ("", ".dead", ".suspect"):
        place.channel.queue_delete(queue + end)


@pytest.mark.parametrize("message", messages("events.json"))
def test_python_publishes_them(place: Place, message: dict[str, Any]) -> None:
    options, published = dict(message["options"]), message["published"]
    metadata = options.pop("metadata", {})
    if "expires_ms" in options:
        options["expires"] = options.pop("expires_ms") / 1000
    exchange = published["exchange"]
    own = exchange.startswith("amq.")
    name = exchange if own else place.prefix + exchange
    key = published["routing_key"] if message["kind"] == "direct" else "#"
    if own:
        caught = place.channel.queue_declare("", exclusive=True).method.queue
        place.channel.queue_bind(caught, name, key)
    else:
        caught = place.catch(name, message["kind"], key)
    try:
        with place.connect(message) as client:
            sender = client.with_options(metadata=metadata)
            events = getattr(leveret.Events, message["kind"])(message["exchange"])
            place.expect(
                caught, published, lambda: sender.publish(events, message["event"], **options)
            )
    finally:
        place.delete(name)
