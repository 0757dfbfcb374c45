"""Keys of calls: what is refused where a service is defined, what goes to the native side, and the
descriptor.
"""

import uuid
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Annotated, Any

import leveret
import msgspec
import pytest
from leveret._arguments import dynamic_writer, with_key, writer
from leveret._keys import key_option, key_text
from leveret._service import contract_of

ONE = uuid.UUID("01234567-89AB-4DEF-8123-456789ABCDEF")


class Word(Enum):
    CARROT = "carrot"


class Number(IntEnum):
    SEVEN = 7


class Text(str):
    """A class of one's own that travels as a str."""


class Fraction(Enum):
    HALF = 0.5


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("", ""),
        ("Übergröße", "Übergröße"),
        (Text("item-7"), "item-7"),
        (42, "42"),
        (-(2**63), "-9223372036854775808"),
        (True, "true"),
        (False, "false"),
        (ONE, "01234567-89ab-4def-8123-456789abcdef"),
        (Word.CARROT, "carrot"),
        (Number.SEVEN, "7"),
    ],
)
def test_the_text_of_a_key(key: Any, text: str) -> None:
    assert key_text(key) == text


@pytest.mark.parametrize("key", [None, 1.0, b"x", [1], ("a", 1), {"a": 1}, Fraction.HALF])
def test_anything_else_is_no_key(key: Any) -> None:
    with pytest.raises(TypeError, match="a key is"):
        key_text(key)


def keyed(function: Callable[..., Any], key: str, partitions: int | None = None) -> Any:
    service = leveret.Service("shop", partitions=partitions)
    service.rpc(key=key)(function)
    return contract_of(service)


def write(function: Callable[..., Any], key: str, codec: str = "msgpack") -> Any:
    contract = keyed(function, key, 8)
    return writer(contract.methods[0], codec, "shop.buy", contract.partitions)


def buy(count: int, item: Any = "item-7", *, gift: Any = None) -> None:
    """For tests."""


def test_a_call_goes_with_the_key_of_its_argument() -> None:
    by_item = write(buy, "item")
    body, *key = by_item((1, 42), {})
    assert msgspec.msgpack.decode(body) == {"count": 1, "item": 42}
    assert key == ["42", 8]
    assert by_item((), {"count": 1, "item": True})[1] == "true"
    assert by_item((1,), {})[1] == "item-7", "the default"
    assert write(buy, "gift")((1,), {"gift": ONE})[1] == str(ONE)


@pytest.mark.parametrize("wrong", [1.5, None, [1], "\ud800"])
def test_a_value_that_is_no_key_is_not_sent(wrong: Any) -> None:
    with pytest.raises(leveret.InvalidArgument) as caught:
        write(buy, "item")((1, wrong), {})
    assert caught.value.executed == "no"


def test_a_key_that_was_not_said_is_not_sent() -> None:
    with pytest.raises(leveret.InvalidArgument):
        write(buy, "gift")((1,), {})


def test_a_key_that_travels_as_a_bare_text() -> None:
    def take(item: str) -> None: ...

    body, *key = write(take, "item", "text")(("item-7",), {})
    assert msgspec.msgpack.decode(body) == "item-7"
    assert key == ["item-7", 8]


def test_a_method_without_a_key_sends_its_body_alone() -> None:
    service = leveret.Service("shop")
    service.rpc(key="item")(buy)
    service.rpc(name="count")(buy)
    contract = contract_of(service)
    assert isinstance(
        writer(contract.methods[1], "msgpack", "w", contract.partitions)((1,), {}), bytes
    )
    dynamic = with_key(dynamic_writer("msgpack", "shop.buy"), "item-7", 8)
    assert dynamic((1,), {}) == (msgspec.msgpack.encode([1]), "item-7", 8)


def test_an_option_is_checked_where_it_is_written() -> None:
    assert key_option((ONE, 16)) == (str(ONE), 16)
    assert key_option(None) is None
    for wrong in ("item-7", ("item-7",), (1.5, 16), ("a", 0), ("a", 1025), ("a", True), ("a", "8")):
        with pytest.raises(TypeError):
            key_option(wrong)
    with pytest.raises(ValueError, match="surrogates"):
        key_option(("\ud800", 16))


def test_a_key_is_a_parameter() -> None:
    with pytest.raises(TypeError, match=r"no parameter 'itm' .* count, item, gift"):
        leveret.Service("shop").rpc(key="itm")(buy)
    with pytest.raises(TypeError, match="there are none"):

        class Shop:
            @leveret.rpc(key="self")
            def close(self) -> None: ...

    with pytest.raises(TypeError, match="take `queue` off"):
        leveret.rpc(key="item", queue="own")
    with pytest.raises(TypeError, match="names a parameter"):
        leveret.rpc(key=1)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "hint", [float, bytes, None, str | None, list[str], tuple[int, int], dict, Annotated[float, 1]]
)
def test_what_is_certainly_no_key_is_refused(hint: Any) -> None:
    def take(item: Any) -> None: ...

    take.__annotations__["item"] = hint
    with pytest.raises(TypeError, match="cannot be a key"):
        keyed(take, "item")


@pytest.mark.parametrize("hint", [str, int, bool, uuid.UUID, Word, Number, Text, int | str, Any])
def test_what_may_be_a_key_is_taken(hint: Any) -> None:
    def take(item: Any) -> None: ...

    take.__annotations__["item"] = hint
    assert keyed(take, "item").partitions == 16


@pytest.mark.parametrize("wrong", [0, -1, 1025, True, "8", 8.0])
def test_partitions_are_1_to_1024(wrong: Any) -> None:
    with pytest.raises(TypeError, match="1 to 1024"):
        leveret.service("shop", partitions=wrong)
    with pytest.raises(TypeError, match="1 to 1024"):
        leveret.Service("shop", partitions=wrong)


def test_partitions_that_nobody_uses_are_refused() -> None:
    with pytest.raises(TypeError, match="only methods with a key"):

        @leveret.service("shop", partitions=8)
        class Shop:
            @leveret.rpc
            def count(self) -> int: ...

    plain = leveret.Service("shop", partitions=8)
    plain.rpc(buy)
    with pytest.raises(TypeError, match="only methods with a key"):
        contract_of(plain)


def test_the_descriptor_has_partitions_where_there_are_keys() -> None:
    """With keys and a number it has a golden file, in `test_contract.py`."""
    service = leveret.Service("shop")
    service.rpc(name="count")(buy)
    assert "partitions" not in leveret.describe(service)
    service.rpc(key="item")(buy)
    described = leveret.describe(service)
    assert described["partitions"] == 16, "as the macro says it"
    assert [one["options"] for one in described["methods"]] == [{}, {"key": "item"}]
