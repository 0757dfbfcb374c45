"""Arguments on their way out and in: a call's to bytes, a request's to what the handler takes.

Both go through a msgspec Struct with one field for each parameter. Its constructor, which is C,
binds positions and names as a call would; `inspect.Signature` is asked only to say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple

import leveret._leveret as _leveret

from ._contract import MISSING, MethodSpec, Parameter
from ._convert import (
    SCALARS,
    UNREADABLE,
    UNSENDABLE,
    Encode,
    Reader,
    encode_all,
    encode_any,
    encoder_for,
)
from ._keys import key_text
from .errors import Executed, InvalidArgument

# What goes to the native side: a body, or a body with a key and the number of partitions.
Sent = bytes | tuple[bytes, str, int]
Write = Callable[[tuple[Any, ...], dict[str, Any]], Sent]


def writer(spec: MethodSpec, codec: str, where: str, partitions: int | None = None) -> Write:
    """Makes the function that encodes arguments of a described method, by name."""
    struct = _outgoing(spec.parameters)
    encoder = encoder_for(*(parameter.hint for parameter in spec.parameters))
    encode: Callable[[Any], Sent] = encoder
    signature = spec.signature
    # Servers that are called with text often know nothing but one bare argument.
    bare = spec.parameters[0].name if codec == "text" and len(spec.parameters) == 1 else None
    if spec.options.key is not None and partitions is not None:
        encode, bare = _encode_with_key(encoder, spec.options.key, partitions, bare), None

    def write(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sent:
        try:
            given = struct(*args, **kwargs)
        except TypeError as error:
            _explain(signature, args, kwargs, where, error)
            raise
        if bare is not None and type(getattr(given, bare)) in SCALARS:
            given = getattr(given, bare)
        try:
            return encode(given)
        except UNSENDABLE as error:
            raise _unsendable(where, error) from error

    return write


def _encode_with_key(
    encode: Encode, key: str, partitions: int, bare: str | None
) -> Callable[[Any], Sent]:
    def encode_with_key(given: Any) -> Sent:
        value = getattr(given, key)
        # The one argument that travels bare is the key.
        body = value if bare is not None and type(value) in SCALARS else given
        return encode(body), key_text(value), partitions

    return encode_with_key


def with_key(write: Write, key: str, partitions: int) -> Write:
    """The same for calls with a key that their caller knows."""

    def write_with_key(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sent:
        body = write(args, kwargs)
        assert isinstance(body, bytes)
        return body, key, partitions

    return write_with_key


def dynamic_writer(codec: str, where: str) -> Callable[[tuple[Any, ...], dict[str, Any]], bytes]:
    """Makes the function that encodes arguments of a method of which nothing is known."""

    def write(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        if args and kwargs:
            raise TypeError(
                f"{where} takes arguments by position or by name, not both: the names of those by "
                "position are not known here"
            )
        try:
            return encode_any(kwargs) if kwargs else encode_all(args)
        except UNSENDABLE as error:
            raise _unsendable(where, error) from error

    def write_text(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        bare = len(args) == 1 and not kwargs and type(args[0]) in SCALARS
        # Without the one byte that says: an array of one.
        return write(args, kwargs)[1:] if bare else write(args, kwargs)

    return write_text if codec == "text" else write


def _unsendable(where: str, error: Exception) -> InvalidArgument:
    return InvalidArgument(
        f"the arguments of {where} cannot be sent: {error}", executed=Executed.NO
    )


def _explain(
    signature: Any, args: tuple[Any, ...], kwargs: dict[str, Any], where: str, error: Exception
) -> None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as wrong:
        raise TypeError(f"{where}: {wrong}") from error


def _outgoing(parameters: tuple[Parameter, ...]) -> Callable[..., Any]:
    """Fields that are left UNSET are not written: for None, nil and nothing are the same on the
    wire, and a server that does not know the parameter yet would refuse its name.
    """

    def fields(*, keyword_only: bool) -> list[Any]:
        return [
            (one.name, Any)
            if one.default is MISSING
            else (one.name, Any, _default(UNSET if one.default in _UNSAID else one.default))
            for one in parameters
            if one.keyword_only is keyword_only
        ]

    struct = msgspec.defstruct("Arguments", fields(keyword_only=False), gc=False)
    keywords = fields(keyword_only=True)
    if keywords:
        struct = msgspec.defstruct("Arguments", keywords, bases=(struct,), kw_only=True, gc=False)
    return struct


class _Unsaid:
    """Defaults that stand for an absent argument; by identity, since `==` may do anything."""

    def __contains__(self, value: object) -> bool:
        return value is None or value is ...


_UNSAID = _Unsaid()


def _default(value: Any) -> Any:
    if type(value) in SCALARS or value is UNSET:
        return value
    # The same object for every call, as Python's own defaults are.
    return msgspec.field(default_factory=lambda: value)


class ArgumentsReader:
    """Decodes a request's arguments for its handler.

    Raises `InvalidArgument`, naming the argument, from `__call__`.
    """

    __slots__ = ("_read", "_text", "keywords", "positional")

    def __init__(self, spec: MethodSpec) -> None:
        fields: list[Any] = []
        ordered = sorted(spec.parameters, key=lambda one: one.keyword_only)
        for one in ordered:
            if one.default is not MISSING:
                fields.append((one.name, one.hint, _default(one.default)))
            elif one.optional:
                fields.append((one.name, one.hint, None))
            else:
                fields.append((one.name, one.hint))
        struct: Any = msgspec.defstruct(
            "Arguments", fields, forbid_unknown_fields=True, kw_only=True, gc=False
        )
        self._read = Reader(struct)
        self._text = Reader(ordered[0].hint) if len(ordered) == 1 else None
        self.positional = sum(not one.keyword_only for one in ordered)
        self.keywords = tuple(one.name for one in ordered if one.keyword_only)

    def __call__(self, body: bytes, how: int) -> tuple[Any, ...]:
        """The arguments in the order of the signature, keyword-only ones last."""
        try:
            if how == _leveret.TEXT and self._text is not None:
                return (self._text(body, how),)
            return astuple(self._read(body, how))
        except UNREADABLE as error:
            raise InvalidArgument(in_words(str(error)), executed=Executed.NO) from error


_PLACE = re.compile(
    r"^(?P<what>.*?) - at (?P<key>`key` in )?`\$\.(?P<name>\w+)(?P<rest>.*)`$", re.S
)
_MISSING = re.compile(r"^Object missing required field `(?P<name>\w+)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.S)


def in_words(message: str) -> str:
    """msgspec's message about a whole set of arguments, as one about one argument."""
    if found := _PLACE.match(message):
        what = found["what"][:1].lower() + found["what"][1:]
        rest = found["rest"]
        place = f" at `{found['name']}{rest}`" if rest else ""
        key = " of a key" if found["key"] else ""
        return f"argument `{found['name']}`{key}: {what}{place}"
    if found := _MISSING.match(message):
        return f"argument `{found['name']}` is missing"
    if found := _UNKNOWN.match(message):
        return f"there is no argument `{found['name']}`"
    return message
