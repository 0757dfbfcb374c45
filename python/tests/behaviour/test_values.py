"""Values of all kinds through a handler and back: as MessagePack and as JSON, by contracts and
without.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal, NamedTuple, Optional, Protocol, TypedDict, Union
from uuid import UUID

import attrs
import leveret
import msgspec
import pydantic
import pytest

BIG = 2**64 - 1
SMALL = -(2**63)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


class Item(msgspec.Struct):
    id: UUID
    data: bytes
    inner: Item | None = None


class Both(TypedDict):
    a: int
    b: str


class Pair(NamedTuple):
    a: int
    b: str = "b"


class Model(pydantic.BaseModel):
    n: int = pydantic.Field(alias="number", gt=0)
    when: datetime | None = None


@attrs.define
class Attrs:
    n: int
    s: str = "s"


TYPES: dict[str, Any] = {
    "integer": int,
    "floating": float,
    "boolean": bool,
    "text": str,
    "binary": bytes,
    "nothing": None,
    "maybe": Optional[int],  # noqa: UP045 - as users of Python 3.10 write it
    "either": Union[int, str],  # noqa: UP007
    "literal": Literal["a", 1],
    "colour": Colour,
    "level": Level,
    "moment": datetime,
    "day": date,
    "hour": time,
    "span": timedelta,
    "uuid": UUID,
    "decimal": Decimal,
    "point": Point,
    "item": Item,
    "both": Both,
    "pair": Pair,
    "model": Model,
    "attr": Attrs,
    "numbers": list[int],
    "unique": set[int],
    "two": tuple[int, str],
    "by_number": dict[int, Point],
    "by_day": dict[date, list[UUID]],
    "nested": dict[str, list[Point | None]],
}
UUID_1 = UUID("6f2b1d8e-2c5a-4f3e-9d0b-1a2b3c4d5e6f")
NOW = datetime(2026, 11, 21, 5, 27, 1, 123456, tzinfo=timezone.utc)
GOOD: list[tuple[str, Any]] = [
    ("integer", 0),
    ("integer", BIG),
    ("integer", SMALL),
    ("floating", 1.5),
    ("floating", 3),
    ("boolean", False),
    ("text", "é\u0000\U0001f407"),
    ("binary", b"\x00\xff"),
    ("binary", b""),
    ("nothing", None),
    ("maybe", None),
    ("maybe", 1),
    ("either", 1),
    ("either", "1"),
    ("literal", "a"),
    ("literal", 1),
    ("colour", Colour.RED),
    ("colour", Colour.BLUE),
    ("level", Level.HIGH),
    ("moment", NOW),
    ("moment", datetime(2026, 11, 21, 5, 27)),
    ("day", date(2026, 11, 21)),
    ("hour", time(5, 27)),
    ("span", timedelta(days=1, seconds=2.5)),
    ("uuid", UUID_1),
    ("decimal", Decimal("1.10")),
    ("point", Point(1, 2.5, ["a"])),
    ("point", Point(1)),
    ("item", Item(UUID_1, b"\x00", Item(UUID_1, b"inner"))),
    ("both", {"a": 1, "b": "b"}),
    ("pair", Pair(1, "c")),
    ("model", Model(number=1, when=NOW)),
    ("attr", Attrs(1)),
    ("numbers", list(range(1000))),
    ("unique", {1, 2, 3}),
    ("two", (1, "a")),
    ("by_number", {1: Point(1), -2: Point(2)}),
    ("by_day", {date(2026, 1, 1): [UUID_1]}),
    ("nested", {"a": [None, Point(1)]}),
]


class Values:
    """One method for each type, that gives back what it takes and checks that it has its type."""


def _method(name: str, hint: Any) -> Callable[..., Any]:
    def function(self: Any, value: Any) -> Any:
        Values.seen = value  # type: ignore[attr-defined]
        return value

    function.__name__ = function.__qualname__ = name
    function.__annotations__ = {"value": hint, "return": hint}
    return leveret.rpc(function)


for _name, _hint in TYPES.items():
    setattr(Values, _name, _method(_name, _hint))
Values = leveret.service("values")(Values)  # type: ignore[misc]


@pytest.fixture
def values(serve: Callable[..., leveret.Server]) -> type[Any]:
    serve(Values())
    return Values


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_what_a_contract_says_arrives_and_comes_back(
    client: leveret.Client, values: Any, codec: Any
) -> None:
    typed = client.service(values, codec=codec)
    for name, value in GOOD:
        values.seen = None
        returned = getattr(typed, name)(value)
        # Both ends had objects of the class, and not what they travel as.
        assert (values.seen, returned) == (value, value), name
        if not isinstance(value, int):
            assert type(values.seen) is type(returned) is type(value), name


BAD: list[tuple[str, Any]] = [
    ("integer", "30"),
    ("integer", 2.5),
    ("integer", 2.0),
    ("integer", True),
    ("integer", None),
    ("boolean", 1),
    ("boolean", "true"),
    ("text", 1),
    ("text", b"bytes"),
    ("floating", "1.5"),
    ("floating", True),
    ("maybe", "1"),
    ("either", 1.5),
    ("literal", "b"),
    ("colour", "green"),
    ("moment", "yesterday"),
    ("day", "2026-13-01"),
    ("uuid", "6f2b1d8e"),
    ("decimal", "much"),
    ("point", {"y": 1.0}),
    ("point", {"x": "1"}),
    ("point", [1]),
    ("both", {"a": 1}),
    ("pair", ["a", "b"]),
    ("model", {"number": -1}),
    ("model", {"n": 1}),
    ("attr", {"n": None}),
    ("numbers", [1, "2"]),
    ("numbers", {"0": 1}),
    ("two", [1]),
    ("by_number", {"a": {"x": 1}}),
]


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_what_does_not_fit_is_refused_by_the_argument_s_name(
    client: leveret.Client, values: Any, codec: Any
) -> None:
    service = client.service("values", codec=codec)
    for name, value in BAD:
        if codec == "json" and isinstance(value, bytes):
            continue
        values.seen = ran = object()
        with pytest.raises(leveret.InvalidArgument, match="argument `value`") as caught:
            service[name](value=value)
        assert caught.value.executed == "no", name
        assert not caught.value.retryable
        assert values.seen is ran, "the handler ran"


@pytest.mark.parametrize(
    "value",
    [2**64, SMALL - 1, [2**70], {"a": 2**64}, "\ud800", object(), {1, object()}, 1j, iter([])],
)
def test_what_has_no_form_on_the_wire_is_not_sent(client: leveret.Client, value: Any) -> None:
    with pytest.raises(leveret.InvalidArgument, match=r"nobody\.method") as caught:
        # The service does not exist: nothing was sent.
        client.service("nobody").method(value)
    assert caught.value.executed == "no"


def test_values_that_contain_themselves(client: leveret.Client) -> None:
    around: list[Any] = []
    around.append(around)
    with pytest.raises(leveret.InvalidArgument):
        client.service("nobody").method(around)


def test_floats_that_are_no_numbers(client: leveret.Client, values: Any) -> None:
    typed = client.service(values)
    assert math.isnan(typed.floating(math.nan))
    assert typed.floating(math.inf) == math.inf
    for value in (math.nan, -math.inf):
        with pytest.raises(leveret.InvalidArgument) as caught:
            client.service(values, codec="json").floating(value)
        assert caught.value.executed == "no"


def test_bytes_travel_as_bytes(client: leveret.Client, values: Any) -> None:
    """As bin in MessagePack and as base64 in JSON; a list of small ints stands for them too."""
    plain = client.service("values")
    assert plain.binary(b"\x00\xff") == b"\x00\xff"
    assert plain.binary([0, 255]) == b"\x00\xff"
    as_json = client.service("values", codec="json")
    assert as_json.binary("AP8=") == "AP8="
    assert as_json.binary([0, 255]) == "AP8="
    for wrong in ("AP8", "é", [256]):
        with pytest.raises(leveret.InvalidArgument):
            as_json.binary(wrong)
    for wrong in ("AP8=", [256], [-1]):
        with pytest.raises(leveret.InvalidArgument):
            plain.binary(wrong)


def test_nested_places_are_named(client: leveret.Client, values: Any) -> None:
    with pytest.raises(leveret.InvalidArgument, match=r"`value\[\.\.\.\]\[1\]\.x`"):
        client.service("values").nested(value={"a": [None, {"x": "one"}]})


def test_unknown_keys_of_structs_are_ignored_and_of_arguments_are_not(
    client: leveret.Client, values: Any
) -> None:
    service = client.service("values")
    assert service.point(value={"x": 1, "new": 2})["x"] == 1
    with pytest.raises(leveret.InvalidArgument, match="argument `new`"):
        service.point(value={"x": 1}, new=2)
    with pytest.raises(leveret.InvalidArgument):
        service.point({"x": 1}, 2)
    with pytest.raises(leveret.InvalidArgument, match="argument `value` is missing"):
        service.point()


def test_types_that_cannot_travel_are_refused_before_anything_is_served() -> None:
    class Own:
        pass

    bad = leveret.Service("bad")

    @bad.rpc
    def method(fine: int, own: Own) -> None: ...

    with pytest.raises(TypeError, match=r"method: argument `own`.*Own"):
        leveret.Server(bad)


def test_a_protocol_of_values(client: leveret.Client, values: Any) -> None:
    @leveret.service("values")
    class Some(Protocol):
        @leveret.rpc
        def point(self, value: Point) -> Point: ...

        @leveret.rpc
        def integer(self, value: int) -> str: ...

    some = client.service(Some)
    assert some.point(Point(1)) == Point(1)
    with pytest.raises(
        leveret.Internal, match=r"the result of values\.integer cannot be read"
    ) as caught:
        some.integer(1)
    assert caught.value.executed == "yes"


def test_mappings_and_subclasses_of_plain_types(client: leveret.Client, values: Any) -> None:
    class Name(str):
        pass

    class Count(int):
        pass

    from types import MappingProxyType

    service = client.service("values")
    assert service.text(Name("a")) == "a"
    assert service.integer(Count(1)) == 1
    assert service.both(MappingProxyType({"a": 1, "b": "b"})) == {"a": 1, "b": "b"}
    assert service.pair(namedtuple("Pair", "a b")(1, "b")) == [1, "b"]
