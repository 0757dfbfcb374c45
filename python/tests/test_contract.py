"""Contracts: what is read from signatures, what is refused, and the descriptor that comes of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import leveret
import msgspec
import pytest
from leveret._arguments import ArgumentsReader, dynamic_writer, writer
from leveret._leveret import JSON, MSGPACK, TEXT
from leveret._service import contract_of

GOLDEN = json.loads((Path(__file__).parents[2] / "tests/wire/descriptor.json").read_text())


class Stats(msgspec.Struct):
    count: int
    mean: float | None


@leveret.service("math", queue="rpc_queue", partitions=8)
class Math(Protocol):
    """Arithmetic.

    Second paragraph.
    """

    @leveret.rpc(default=True, idempotent=True)
    def fib(self, n: int) -> int:
        """The n-th Fibonacci number."""
        ...

    @leveret.rpc
    def stats(self, samples: list[float], skip: int | None) -> Stats: ...

    @leveret.rpc(oneway=True)
    def log(self, line: str) -> None: ...

    @leveret.rpc(name="renamed", at_most_once=True, timeout=0.25, queue="math.slow")
    def original(self) -> int: ...

    @leveret.rpc(key="account")
    def book(self, account: str, sum: int) -> int: ...

    def helper(self) -> int: ...


def without_formats(schema: Any) -> Any:
    """What Python's types do not say: widths of integers, titles."""
    if isinstance(schema, list):
        return [without_formats(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"format", "minimum", "title", "description"}
    return {key: without_formats(value) for key, value in schema.items() if key not in dropped}


def test_the_descriptor_has_the_shape_of_the_golden_file() -> None:
    described = leveret.describe(Math)
    golden = {method["name"]: method for method in GOLDEN["methods"]}
    assert {key: value for key, value in described.items() if key != "methods"} == {
        key: value for key, value in GOLDEN.items() if key != "methods"
    }
    names = [method["name"] for method in described["methods"]]
    assert names == ["fib", "stats", "log", "renamed", "book"]
    for method in described["methods"]:
        assert without_formats(method) == without_formats(golden[method["name"]])


def spec(function: Callable[..., Any]) -> Any:
    service = leveret.Service("test")
    service.rpc(function)
    return contract_of(service).methods[0]


def f(a: int, b: str = "x", *, c: bytes | None = None, d: list[int] = []) -> None:  # noqa: B006
    """For tests."""


@pytest.mark.parametrize(
    ("args", "kwargs", "sent"),
    [
        ((1,), {}, {"a": 1, "b": "x", "d": []}),
        ((1, "y"), {"c": b"z"}, {"a": 1, "b": "y", "c": b"z", "d": []}),
        ((), {"a": 1, "d": [2]}, {"a": 1, "b": "x", "d": [2]}),
    ],
)
def test_arguments_travel_by_name(args: Any, kwargs: Any, sent: Any) -> None:
    body = writer(spec(f), "msgpack", "test.f")(args, kwargs)
    assert msgspec.msgpack.decode(body) == sent


@pytest.mark.parametrize(
    ("args", "kwargs", "wrong"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, "x", b""), {}, "too many positional arguments"),
        ((1,), {"z": 2}, "unexpected keyword argument 'z'"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
    ],
)
def test_wrong_arguments_are_refused_as_a_call_would(args: Any, kwargs: Any, wrong: str) -> None:
    with pytest.raises(TypeError, match=r"^test\.f: .*" + wrong):
        writer(spec(f), "msgpack", "test.f")(args, kwargs)


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"a": 1}, (1, "x", None, [])),
        ({"a": 1, "b": None}, (1, "x", None, [])),
        ({"a": 1, "b": "y", "c": [1, 2], "d": [3]}, (1, "y", b"\x01\x02", [3])),
    ],
)
def test_arguments_arrive_in_order(sent: Any, taken: Any) -> None:
    assert ArgumentsReader(spec(f))(msgspec.msgpack.encode(sent), MSGPACK) == taken


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "argument `a` is missing"),
        ({"a": "x"}, "argument `a`: expected `int`, got `str`"),
        ({"a": 1.0}, "argument `a`: expected `int`, got `float`"),
        ({"a": True}, "argument `a`: expected `int`, got `bool`"),
        ({"a": None}, "argument `a`: expected `int`, got `null`"),
        ({"a": 1, "z": 1}, "there is no argument `z`"),
        ({"a": 1, "d": [1, "x"]}, "argument `d`: expected `int`, got `str` at `d[1]`"),
        ({"a": 1, "c": "eA=="}, "argument `c`: expected `bytes | null`, got `str`"),
    ],
)
def test_a_refusal_names_the_argument(sent: Any, message: str) -> None:
    with pytest.raises(leveret.InvalidArgument) as caught:
        ArgumentsReader(spec(f))(msgspec.msgpack.encode(sent), MSGPACK)
    assert caught.value.message == message
    assert caught.value.executed == "no"


def test_bytes_in_json_are_base64() -> None:
    body = msgspec.msgpack.encode({"a": 1, "c": "eA=="})
    assert ArgumentsReader(spec(f))(body, JSON)[2] == b"x"


def test_a_text_is_taken_as_it_is() -> None:
    def g(s: str) -> None: ...

    assert ArgumentsReader(spec(g))(b'{"s": 1}', TEXT) == ('{"s": 1}',)


def test_a_missing_optional_argument_is_none() -> None:
    def g(a: int | None, b: int) -> None: ...

    assert ArgumentsReader(spec(g))(msgspec.msgpack.encode({"b": 1}), MSGPACK) == (None, 1)


def test_dynamic_arguments() -> None:
    write = dynamic_writer("msgpack", "math.fib")
    assert msgspec.msgpack.decode(write((1, [2]), {})) == [1, [2]]
    assert msgspec.msgpack.decode(write((), {"n": 1})) == {"n": 1}
    with pytest.raises(TypeError, match=r"math\.fib takes arguments by position or by name"):
        write((1,), {"n": 1})
    with pytest.raises(leveret.InvalidArgument, match="cannot be sent"):
        write((object(),), {})


def test_text_is_written_bare() -> None:
    write = dynamic_writer("text", "math.fib")
    assert msgspec.msgpack.decode(write((30,), {})) == 30
    assert msgspec.msgpack.decode(write(([1, 2],), {})) == [[1, 2]]
    assert msgspec.msgpack.decode(write((1, 2), {})) == [1, 2]
    assert msgspec.msgpack.decode(write((), {"n": 1})) == {"n": 1}
    fib = contract_of(Math).methods[0]
    assert msgspec.msgpack.decode(writer(fib, "text", "math.fib")((30,), {})) == 30


def refused(function: Any) -> str:
    with pytest.raises(TypeError) as caught:
        spec(function)
    return str(caught.value)


def test_what_cannot_be_remote_is_refused() -> None:
    def starred(*names: str) -> None: ...
    def unknown(n: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def strange(n: complex) -> None: ...
    def result() -> object: ...
    def generator():
        yield 1

    assert "fixed list of parameters" in refused(starred)
    assert "argument `n`: the type 'Nowhere' is not known here" in refused(unknown)
    assert "argument `n`: objects of type complex cannot travel" in refused(strange)
    assert "yields" in refused(generator)
    spec(result)


def test_a_service_is_checked() -> None:
    class Plain:
        pass

    @leveret.service("empty")
    class Nothing:
        pass

    @leveret.service("base")
    class Base:
        @leveret.rpc
        def a(self) -> None: ...

    class More(Base):
        @leveret.rpc
        def b(self) -> None: ...

    with pytest.raises(TypeError, match="is no service"):
        contract_of(Plain())
    with pytest.raises(TypeError, match="has no methods"):
        contract_of(Nothing)
    with pytest.raises(TypeError, match=r"More\.b is marked with @rpc but no part of"):
        contract_of(More())
    with pytest.raises(TypeError, match="serve an instance"):
        leveret.Server(Base)

    class Wrong(Base):
        def a(self, extra: int) -> None:  # type: ignore[override]
            ...

    with pytest.raises(TypeError, match="does not take the arguments"):
        leveret.Server(Wrong())


def test_kinds() -> None:
    @leveret.service
    class Mixed:
        @leveret.rpc
        def a(self) -> None: ...

        @leveret.rpc
        async def b(self) -> None: ...

    assert contract_of(Math).kind == "sync"
    assert contract_of(Mixed).kind == "mixed"
    assert contract_of(Mixed).name == "mixed"


@pytest.mark.parametrize(
    "options",
    [
        {"oneway": "no"},
        {"idempotent": 1},
        {"at_most_once": None},
        {"default": "fib"},
        {"queue": 5},
        {"queue": b"math"},
    ],
)
def test_options_of_methods(options: dict[str, Any]) -> None:
    """What is no switch would count as one that is on."""
    for mark in (leveret.rpc, leveret.Service("math").rpc):
        with pytest.raises(TypeError, match=f"{next(iter(options))} is"):
            mark(**options)


def test_options_of_services_and_servers() -> None:
    wrong: Any = 5
    for make in (leveret.Service, leveret.service):
        with pytest.raises(TypeError, match="queue is"):
            make("math", queue=wrong)
    with pytest.raises(TypeError, match="tracebacks is"):
        leveret.Server(leveret.Service("math"), tracebacks=wrong)
