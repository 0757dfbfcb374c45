"""Objects to bytes and back, by msgspec: what the wire has goes through in one step, what it lacks
takes a slower way.

The wire has no dates of its own, no keys but strings and no classes. msgspec writes an aware
`datetime` as an extension type and an int key as an int, so types that may hold such things are
first turned into plain ones. Which types those are is found out once, when a method is prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from msgspec import inspect as shapes

import leveret._leveret as _leveret

from ._mend import mend

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes, int], Any]

# What objects that cannot be sent raise, `enc_hook` and lone surrogates included.
UNSENDABLE = (TypeError, ValueError, OverflowError, RecursionError, NotImplementedError)
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

# Classes that derive from one of these travel as that.
_BASES: list[Any] = [str, int, float, bytes]
_BINARY = (bytes, bytearray, memoryview)
SCALARS = frozenset({int, str, float, bool, bytes, type(None)})


def enc_hook(value: Any) -> Any:
    """Turns what msgspec does not know into something it does.

    Raises:
        TypeError: when there is no way.
    """
    cls = cast("Any", type(value))
    if hasattr(cls, "__pydantic_validator__"):
        return cls.model_dump(value, mode="python", by_alias=True)
    for base in _BASES:
        if isinstance(value, base):
            return base(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    raise TypeError(f"an object of type {type(value).__name__} cannot be sent")


def dec_hook(cls: Any, value: Any) -> Any:
    """Makes an object of a class that msgspec does not know.

    Raises:
        ValueError: when the value does not fit; msgspec adds the place.
    """
    if hasattr(cls, "__pydantic_validator__"):
        try:
            return cls.model_validate(value)
        except ValueError as error:
            raise ValueError(_in_one_line(error)) from error
    if cls is object:
        return value
    for base in _BASES:
        if issubclass(cls, base) and type(value) is base:
            return cls(value)
    raise ValueError(f"a {type(value).__name__} does not make a {cls.__name__}")


def _in_one_line(error: Any) -> str:
    """What pydantic found, without its headline, the values and the links."""
    if not hasattr(error, "errors"):
        return str(error)
    found: list[str] = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(step) for step in one["loc"])
        found.append(f"`{place}`: {one['msg']}" if place else one["msg"])
    return "; ".join(found)


_fast = msgspec.msgpack.Encoder(enc_hook=enc_hook).encode
_decode_any = msgspec.msgpack.Decoder().decode


def encode_any(value: Any) -> bytes:
    """Encodes an object of which nothing is known.

    Raises:
        UNSENDABLE: for an object that has no form on the wire.
    """
    if type(value) in SCALARS:
        return _fast(value)
    return _fast(to_plain(value))


def encode_all(values: tuple[Any, ...]) -> bytes:
    """Encodes arguments by position; as `encode_any`, but most arguments are scalars."""
    for value in values:
        if type(value) not in SCALARS:
            return _fast(to_plain(values))
    return _fast(values)


def to_plain(value: Any) -> Any:
    """Only what MessagePack has without extensions, with strings as keys."""
    return msgspec.to_builtins(value, builtin_types=_BINARY, str_keys=True, enc_hook=enc_hook)


def decode_any(body: bytes) -> Any:
    """Decodes a MessagePack value as plain Python objects.

    Raises:
        UNREADABLE: for what is none.
    """
    return _decode_any(body)


def encoder_for(*hints: Any) -> Encode:
    """The cheapest encoder that is right for objects of these types."""
    seen: set[int] = set()
    if all(_is_plain(shapes.type_info(hint), seen) for hint in hints):
        return _fast
    return encode_any


def check(hint: Any) -> None:
    """Whether objects of a type can travel.

    Raises:
        TypeError: saying which cannot.
    """
    msgspec.msgpack.Decoder(hint, dec_hook=dec_hook)
    for cls in _custom(shapes.type_info(hint), set()):
        known = cls is object or hasattr(cls, "__pydantic_validator__")
        if not known and not issubclass(cls, tuple(_BASES)):
            raise TypeError(
                f"objects of type {getattr(cls, '__name__', cls)!s} cannot travel: use a "
                "dataclass, a msgspec.Struct, a TypedDict, a pydantic model or built-in types"
            )


def takes_text(hint: Any) -> bool:
    """Whether a parameter of this type takes a text as it is."""
    return isinstance(shapes.type_info(hint), shapes.StrType)


class Reader:
    """Decodes values of one type, in any of the forms in which they come."""

    __slots__ = ("_fast", "_hint", "_info", "_text")

    def __init__(self, hint: Any) -> None:
        self._hint = hint
        self._fast = msgspec.msgpack.Decoder(hint, dec_hook=dec_hook).decode
        self._info = shapes.type_info(hint)
        members = self._info.types if isinstance(self._info, shapes.UnionType) else (self._info,)
        textual = all(isinstance(one, (shapes.StrType, shapes.NoneType)) for one in members)
        self._text = textual and any(isinstance(one, shapes.StrType) for one in members)

    def __call__(self, body: bytes, how: int) -> Any:
        """Decodes a value.

        Raises:
            UNREADABLE: when it does not fit the type; the message has the place.
        """
        if how == _leveret.TEXT:
            return self._read_text(body)
        try:
            return self._fast(body)
        except msgspec.ValidationError as error:
            return self._read_slowly(body, how, error)

    def _read_slowly(self, body: bytes, how: int, error: Exception) -> Any:
        try:
            return self.convert(_decode_any(body), json=how != _leveret.MSGPACK)
        except msgspec.ValidationError as second:
            # The same complaint knows its place better when it comes from the direct way.
            same = _complaint(second) == _complaint(error)
            raise (error if same else second) from None

    def convert(self, value: Any, *, json: bool) -> Any:
        """Makes an object of the type from plain ones; out of JSON, bytes are base64.

        Raises:
            UNREADABLE: as a call does.
        """
        return msgspec.convert(
            mend(value, self._info),
            self._hint,
            builtin_types=() if json else _BINARY,
            str_keys=True,
            dec_hook=dec_hook,
        )

    def _read_text(self, body: bytes) -> Any:
        text = body.decode()
        if self._text and not (text == "null" and isinstance(self._info, shapes.UnionType)):
            return self.convert(text, json=True)
        try:
            # An empty body stands for no value in a request; here it is a string.
            value = _leveret.to_msgpack("text", body) if body else b""
        except ValueError:
            return self.convert(text, json=True)
        try:
            return self(value, _leveret.JSON)
        except msgspec.DecodeError:
            # The characters of an enum, a date or an id may look like JSON: `30`, `true`.
            return self.convert(text, json=True)


def _complaint(error: Exception) -> str:
    return str(error).partition(" - at ")[0]


def _is_plain(info: shapes.Type, seen: set[int]) -> bool:
    if isinstance(info, _PLAIN) or id(info) in seen:
        return True
    if isinstance(info, shapes.DictType) and not isinstance(info.key_type, shapes.StrType):
        return False
    seen.add(id(info))
    inner = children(info)
    return inner is not None and all(_is_plain(one, seen) for one in inner)


def _custom(info: shapes.Type, seen: set[int]) -> list[type]:
    if id(info) in seen:
        return []
    seen.add(id(info))
    if isinstance(info, shapes.CustomType):
        return [info.cls]
    return [cls for one in children(info) or () for cls in _custom(one, seen)]


def children(info: shapes.Type) -> list[shapes.Type] | None:
    """The types inside a type; None for one that has no inside, or an unknown one."""
    if isinstance(info, shapes.Metadata):
        return [info.type]
    if isinstance(info, shapes.UnionType):
        return list(info.types)
    if isinstance(info, shapes.CollectionType):
        return [info.item_type]
    if isinstance(info, shapes.TupleType):
        return list(info.item_types)
    if isinstance(info, shapes.DictType):
        return [info.key_type, info.value_type]
    if isinstance(info, _OBJECTS):
        return [field.type for field in info.fields]
    return None


_OBJECTS = (
    shapes.StructType,
    shapes.DataclassType,
    shapes.TypedDictType,
    shapes.NamedTupleType,
)
_PLAIN = (
    shapes.NoneType,
    shapes.BoolType,
    shapes.IntType,
    shapes.FloatType,
    shapes.StrType,
    shapes.BytesType,
    shapes.ByteArrayType,
    shapes.MemoryViewType,
    shapes.DateType,
    shapes.TimeType,
    shapes.TimeDeltaType,
    shapes.UUIDType,
    shapes.DecimalType,
    shapes.EnumType,
    shapes.LiteralType,
)
