"""The golden tasks and events, read by Python with nothing but its own library and msgspec."""

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from leveret._leveret import from_msgpack, to_msgpack

LEVELS = 28


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
    else:
        route = detour(outcome["retry_ms"], queue, "leveret.delay.")
        assert (after["exchange"], after["routing_key"]) == route
        assert headers["leveret-attempt"] == attempt + 1
    # What is neither the broker's nor replaced stays.
    kept = {
        name: value
        for name, value in before["headers"].items()
        if not name.startswith(("x-", "leveret-attempt", "leveret-error")) and name != "CC"
    }
    assert {name: headers[name] for name in kept} == kept
    properties = {**before["properties"], "message_id": after["properties"]["message_id"]}
    properties.pop("expiration", None)
    assert after["properties"] == properties


@pytest.mark.parametrize("message", messages("digests.json"))
def test_digests(message: dict[str, Any]) -> None:
    digest = hashlib.sha256(f"{message['queue']}\0{message['key']}".encode())
    assert digest.hexdigest()[:32] == message["digest"]
