"""Conversion: strict where the protocol is, lenient where it asks for that."""

import base64
import enum
import json
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from leveret import _leveret
from leveret._convert import Reader, encode_any, encoder_for
from leveret._leveret import JSON, MSGPACK, TEXT

VALUES = json.loads((Path(__file__).parents[2] / "tests/wire/values.json").read_text())


class Color(enum.Enum):
    RED = "Red"
    BLUE = "Blue"


class Point(msgspec.Struct):
    x: int
    y: int | None


@dataclass
class Event:
    at: datetime
    tags: dict[int, bytes]


@attrs.define
class Pair:
    left: int
    right: str


class Model(pydantic.BaseModel):
    name: str
    at: datetime


class Named(NamedTuple):
    a: int
    b: str


class Typed(TypedDict):
    a: int


class Empty(msgspec.Struct):
    pass


class UserId(str):
    pass


NOW = datetime(2026, 11, 21, 5, 30, tzinfo=timezone.utc)


def as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("golden", VALUES, ids=lambda golden: golden["name"])
def test_golden_values_decode_as_the_core_decodes_them(golden: dict[str, Any]) -> None:
    body = bytes.fromhex(golden["msgpack_hex"])
    value = Reader(Any)(body, MSGPACK)
    expected = golden["json"]
    if golden.get("float32"):
        expected = pytest.approx(expected, rel=1e-7)
    assert as_json(value) == expected
    if not golden.get("decode_only"):
        again = _leveret.to_msgpack("msgpack", encode_any(value))
        assert Reader(Any)(again, MSGPACK) == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 2**64 - 1),
        (float, 1.5),
        (bytes, b"\x00\xff"),
        (datetime, NOW),
        (date, date(2026, 1, 2)),
        (timedelta, timedelta(seconds=90)),
        (uuid.UUID, uuid.UUID(int=5)),
        (Decimal, Decimal("1.10")),
        (Color, Color.RED),
        (Literal["a", 1], 1),
        (list[datetime], [NOW]),
        (dict[int, str], {1: "a"}),
        (tuple[int, str], (1, "a")),
        (set[int], {1, 2}),
        (Point, Point(1, None)),
        (Event, Event(NOW, {1: b"x"})),
        (Pair, Pair(1, "r")),
        (Model, Model(name="n", at=NOW)),
        (list[Model], [Model(name="n", at=NOW)]),
        (Model | None, None),
        (Named, Named(1, "b")),
        (Typed, {"a": 1}),
        (UserId, UserId("u")),
        (Annotated[int, msgspec.Meta(ge=0)], 3),
        (Any, {"a": [1, None, b"x"]}),
    ],
)
def test_there_and_back(hint: Any, value: Any) -> None:
    body = encoder_for(hint)(value)
    # The native check: strings as keys, no extensions.
    body = _leveret.to_msgpack("msgpack", body)
    assert Reader(hint)(body, MSGPACK) == value
    assert type(Reader(hint)(body, MSGPACK)) is type(value)
    as_json = _leveret.to_msgpack("json", _leveret.from_msgpack("json", body))
    if hint is not Any:
        assert Reader(hint)(as_json, JSON) == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, "30"),
        (int, 2.0),
        (int, 2.5),
        (int, True),
        (bool, 1),
        (str, b"x"),
        (bytes, "eA=="),
        (bytes, [256]),
        (str, 1),
        (float, "1.5"),
        (list[int], {"a": 1}),
        (int, None),
        (datetime, 5),
        (Color, "Green"),
        (Annotated[int, msgspec.Meta(ge=0)], -1),
        (Model, {"name": "n"}),
    ],
)
def test_nothing_is_guessed(hint: Any, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        Reader(hint)(msgspec.msgpack.encode(value), MSGPACK)


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (float, 2, 2.0),
        (bytes, [0, 255], b"\x00\xff"),
        (bytes, [], b""),
        (list[bytes], [[1], b"\x02"], [b"\x01", b"\x02"]),
        (dict[str, bytes | None], {"a": [1], "b": None}, {"a": b"\x01", "b": None}),
        (Point, {"x": 1}, Point(1, None)),
        (Point, {"x": 1, "y": 2, "z": 3}, Point(1, 2)),
        (Empty, None, Empty()),
        (Empty, [], Empty()),
        (list[int] | bytes, [1, 2], [1, 2]),
    ],
)
def test_what_other_languages_write(hint: Any, value: Any, expected: Any) -> None:
    assert Reader(hint)(msgspec.msgpack.encode(value), MSGPACK) == expected


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (str, "30", "30"),
        (str, '"quoted"', '"quoted"'),
        (str | None, "null", None),
        (str | None, "30", "30"),
        (int, "30", 30),
        (Any, "30", 30),
        (Any, "hello", "hello"),
        (Any, "", ""),
        (Color, "Red", Color.RED),
        (bytes, "AQI=", b"\x01\x02"),
        (datetime, "2026-11-21T05:30:00Z", NOW),
        (list[int], "[1, 2]", [1, 2]),
        (Point, '{"x": 1}', Point(1, None)),
    ],
)
def test_text(hint: Any, text: str, expected: Any) -> None:
    assert Reader(hint)(text.encode(), TEXT) == expected


@pytest.mark.parametrize("value", [2**64, object(), {(1, 2): 3}, "\ud800", [object()], 1j])
def test_what_cannot_be_sent(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        encode_any(value)


def test_a_list_that_holds_itself_is_an_error_and_not_a_crash() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(RecursionError):
        encode_any(loop)
