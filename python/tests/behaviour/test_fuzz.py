"""Values that nobody would think of, and bytes that are none: what goes in comes out, or is refused
in words; nothing crashes, nothing hangs.

More examples: LEVERET_FUZZ_EXAMPLES=100000.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import leveret
import leveret._leveret as native
import msgpack
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from leveret import _convert
from leveret._arguments import ArgumentsReader
from leveret._contract import MethodSpec

from .rig import Probe

SEVERAL = settings(
    max_examples=int(os.environ.get("LEVERET_FUZZ_EXAMPLES", "150")),
    # A busy machine is no failure, and a broker is not started for each example.
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Surrogates are no characters, and have no UTF-8.
texts = some.text(some.characters(exclude_categories=("Cs",)), max_size=30)
scalars = (
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**64 - 1)
    | some.floats(allow_nan=False)
    | texts
)
values = some.recursive(
    scalars | some.binary(max_size=30),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
in_json = some.recursive(
    scalars.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: `1 == 1.0 == True` will not do. `repr` tells them apart."""
    return repr(one) == repr(other)


@pytest.fixture
def echo(client: leveret.Client, probe: Probe) -> leveret.Proxy:
    return client.service("probe")


@SEVERAL
@given(values)
def test_any_value_makes_the_round_trip(echo: leveret.Proxy, value: Any) -> None:
    assert same(echo.echo(value=value), value)
    # By position: an array of one, which is not the argument itself.
    assert same(echo.echo_in_thread(value), value)


@SEVERAL
@given(in_json)
def test_any_value_makes_the_round_trip_in_json(echo: leveret.Proxy, value: Any) -> None:
    returned = echo.with_options(codec="json").echo(value=value)
    assert same(returned, value)


@SEVERAL
@given(values)
def test_any_value_survives_an_error(echo: leveret.Proxy, value: Any) -> None:
    error = leveret.errors.Aborted("text", details=value)
    packed = _convert.encode_any(error.details)
    assert same(_convert.decode_any(packed), value)
    # As another library writes it, too.
    assert same(_convert.decode_any(msgpack.packb(value)), value)


@SEVERAL
@given(some.binary(max_size=60), some.sampled_from(["msgpack", "json", "text"]))
def test_any_bytes_are_a_value_or_a_value_error(body: bytes, codec: str) -> None:
    for convert in (native.to_msgpack, native.from_msgpack):
        try:
            converted = convert(codec, body)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - it may, and need not, be raised
            continue
        if convert is native.to_msgpack:
            # What was accepted is one whole value, for others too.
            msgpack.unpackb(converted, strict_map_key=False)


class Colour(Enum):
    RED = "red"


@dataclass
class Deep:
    n: int
    data: bytes = b""
    deep: Deep | None = None
    by_number: dict[int, list[float]] | None = None


def _reader(*hints: Any) -> ArgumentsReader:
    service = leveret.Service("fuzz")

    def method(**arguments: Any) -> None: ...

    names = [f"a{n}" for n in range(len(hints))]
    scope: dict[str, Any] = {}
    exec(f"def method({', '.join(names)}): ...", scope)
    function = scope["method"]
    function.__annotations__ = dict(zip(names, hints, strict=True))
    service.rpc(function)
    (spec,) = service.contract().methods
    assert isinstance(spec, MethodSpec)
    return ArgumentsReader(spec)


READERS = [
    _reader(),
    _reader(Any),
    _reader(int),
    _reader(str),
    _reader(bytes),
    _reader(datetime | None),
    _reader(Deep, list[Colour]),
    _reader(dict[int, Deep], tuple[int, str] | None),
    _reader(Colour),
]
near_misses = values.map(msgpack.packb) | some.dictionaries(
    some.sampled_from(["a0", "a1", "n", "data"]), values
).map(msgpack.packb)
bodies = some.binary(max_size=60) | near_misses


@SEVERAL
@given(bodies, some.sampled_from([native.MSGPACK, native.JSON, native.TEXT]))
def test_arguments_are_read_or_refused_in_words(body: bytes, how: int) -> None:
    for read in READERS:
        try:
            read(body, how)
        except leveret.InvalidArgument as error:
            assert (bool(error.message), error.executed) == (True, "no")  # noqa: PT017


@SEVERAL
@given(bodies)
def test_results_are_read_or_refused(body: bytes) -> None:
    for hint in (Any, int, str, Deep, dict[int, Deep], Colour | None):
        reader = _convert.Reader(hint)
        for how in (native.MSGPACK, native.JSON, native.TEXT):
            try:
                reader(body, how)
            except _convert.UNREADABLE as error:
                assert str(error)  # noqa: PT017


NESTING: list[Callable[[int], Any]] = [
    lambda depth: _around(depth, lambda inner: [inner]),
    lambda depth: _around(depth, lambda inner: {"a": inner}),
]


def _around(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("nest", NESTING)
def test_nesting_has_a_limit_and_it_is_said(echo: leveret.Proxy, nest: Any) -> None:
    # The arguments themselves are one of the 64.
    assert echo.echo(value=nest(63)) == nest(63)
    for depth in (64, 500, 20_000):
        with pytest.raises(leveret.InvalidArgument) as caught:
            echo.echo(value=nest(depth))
        assert caught.value.executed == "no"


def test_elements_have_a_limit(echo: leveret.Proxy) -> None:
    assert len(echo.echo(value=[0] * 900_000)) == 900_000
    with pytest.raises(leveret.InvalidArgument, match="element"):
        echo.echo(value=[0] * 1_000_001)


def test_sizes_have_a_limit(echo: leveret.Proxy, client: leveret.Client) -> None:
    assert len(echo.echo(value=b"x" * 5_000_000)) == 5_000_000
    with pytest.raises(leveret.ResourceExhausted) as caught:
        echo.echo(value=b"x" * 16_000_000)
    assert caught.value.executed == "no"
    assert not caught.value.retryable


@pytest.mark.parametrize("made", ["deep", "wide"])
def test_results_beyond_the_limits_cost_one_error(
    client: leveret.Client, serve: Callable[..., leveret.Server], made: str
) -> None:
    service = leveret.Service("much")

    @service.rpc
    def much(kind: str) -> Any:
        return _around(5000, lambda inner: [inner]) if kind == "deep" else b"x" * 20_000_000

    serve(service)
    with pytest.raises((leveret.Internal, leveret.ResourceExhausted)) as caught:
        client.service("much").much(made)
    assert caught.value.executed == "yes"


@SEVERAL
@given(values)
def test_what_msgspec_writes_is_what_others_read(value: Any) -> None:
    assert same(msgpack.unpackb(_convert.encode_any(value)), value)
    assert same(msgspec.msgpack.decode(_convert.encode_any(value)), value)
