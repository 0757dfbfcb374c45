"""The golden messages, read by Python.

By the native half of the module, which checks and transcodes every body, and by msgspec, which
makes objects of them. Arguments are sent to a service, since only requests have any.
"""

import base64
import json
import os
import uuid
import zlib
from pathlib import Path
from typing import Any

import leveret
import msgspec
import pika
import pytest
from leveret._leveret import from_msgpack, to_msgpack


def messages(file: str) -> list[Any]:
    found = json.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))
    return [pytest.param(message, id=message["name"]) for message in found]


def codec_of(content_type: str) -> str:
    known = {"application/msgpack": "msgpack", "application/json": "json"}
    return known.get(content_type.split(";")[0].lower(), "text")


def as_json(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("message", messages("values.json"))
def test_values(message: dict[str, Any]) -> None:
    expected, body = message["json"], bytes.fromhex(message["msgpack_hex"])
    assert json.loads(from_msgpack("json", body)) == expected
    value = msgspec.msgpack.decode(to_msgpack("msgpack", body))
    if not message.get("float32"):
        # Python has one width of floats: this one is 0.1 to 32 bits, written with 64.
        assert as_json(value) == expected
    if not message.get("decode_only") and not message.get("float32"):
        assert msgspec.msgpack.encode(value) == body
        assert from_msgpack("msgpack", msgspec.msgpack.encode(value)) == body
        if not message.get("bytes"):
            # JSON alone does not tell bytes from a string. Lengths may be wider than they need be.
            transcoded = to_msgpack("json", json.dumps(expected).encode())
            assert msgspec.msgpack.decode(transcoded) == value
    for pointer in message.get("bytes", []):
        found, wanted = value, expected
        for step in filter(None, pointer.split("/")):
            found, wanted = found[step], wanted[step]
        assert found == base64.b64decode(wanted)


@pytest.mark.parametrize("message", messages("refused.json"))
def test_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        to_msgpack(codec_of(message["content_type"]), bytes.fromhex(message["body_hex"]))


class ErrorBody(msgspec.Struct):
    """What a caller reads of an error reply."""

    code: str
    message: str
    executed: str
    retryable: bool
    name: str | None = None
    details: Any = None
    retry_after_ms: int | None = None


@pytest.mark.parametrize("message", messages("replies.json"))
def test_replies(message: dict[str, Any]) -> None:
    expected, meaning = msgspec.convert(message["json"], ErrorBody), message["expect"]
    for codec, key in (("msgpack", "msgpack_hex"), ("json", "json_hex")):
        body = to_msgpack(codec, bytes.fromhex(message[key]))
        assert msgspec.msgpack.decode(body) == message["json"]
        assert msgspec.msgpack.decode(body, type=ErrorBody) == expected
    known = {code.value for code in leveret.Code}
    code = expected.code if expected.code in known else "Unknown"
    executed = expected.executed if expected.executed in ("no", "yes") else "maybe"
    assert {**meaning, "code": code, "executed": executed} == meaning
    assert (expected.code, expected.retryable) == (meaning["wire_code"], meaning["retryable"])


class Served:
    """A service with a method for each list of parameters, and a plain AMQP caller for it."""

    def __init__(self, url: str) -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.replies = self.channel.queue_declare("", exclusive=True).method.queue

    def call(self, queue: str, method: str, content_type: str, body: bytes) -> tuple[str, Any]:
        properties = pika.BasicProperties(
            type=method, content_type=content_type, reply_to=self.replies, correlation_id="1"
        )
        self.channel.basic_publish("", queue, body, properties)
        for _, answer, content in self.channel.consume(
            self.replies, auto_ack=True, inactivity_timeout=20
        ):
            assert answer is not None, "no answer"
            how = codec_of(answer.content_type)
            return answer.type, msgspec.msgpack.decode(to_msgpack(how, content))
        raise AssertionError("the channel was closed")


@pytest.fixture(scope="module")
def served():
    url = os.environ["AMQP_URL"]
    queue = f"wire-{uuid.uuid4().hex}"
    service = leveret.Service("wire", queue=queue)

    @service.rpc
    def none() -> list[Any]:
        return []

    @service.rpc
    def a(a: Any) -> list[Any]:
        return [a]

    @service.rpc
    def n(n: Any) -> list[Any]:
        return [n]

    @service.rpc
    def s(s: Any) -> list[Any]:
        return [s]

    @service.rpc
    def data(data: Any) -> list[Any]:
        return [data]

    @service.rpc
    def samples(samples: Any) -> list[Any]:
        return [samples]

    @service.rpc
    def ab(a: Any, b: Any) -> list[Any]:
        return [a, b]

    server = leveret.Server(
        leveret.Serve(service, queue=leveret.QueueOptions(delete_when_idle=True)), url=url
    )
    with server.in_thread():
        plain = Served(url)
        yield lambda *request: plain.call(queue, *request)
        plain.connection.close()


@pytest.mark.parametrize("message", messages("arguments.json"))
def test_arguments(served, message: dict[str, Any]) -> None:
    method = "".join(message["parameters"]) or "none"
    body = bytes.fromhex(message["body_hex"])
    kind, value = served(method, message["content_type"], body)
    expected = message["expect"]
    if "error" in expected:
        assert (kind, value["code"], value["executed"]) == (
            "leveret.error",
            expected["error"],
            "no",
        )
        return
    missing = {"$missing": True}
    assert kind == "leveret.reply", value
    assert as_json(value) == [None if item == missing else item for item in expected["ok"]]


@pytest.mark.parametrize("message", messages("partitions.json"))
def test_partitions(message: dict[str, Any]) -> None:
    assert zlib.crc32(message["key"].encode()) % message["partitions"] == message["partition"]
