"""Failures in both their forms: what the native side gives and takes, and exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_type_hints
from weakref import WeakKeyDictionary

import msgspec

import leveret._leveret as _leveret

from . import errors
from ._convert import UNREADABLE, UNSENDABLE, Reader, decode_any, encode_any
from .errors import Application, Code, DomainError, Executed, Internal, LeveretError, Unknown

NO_ERRORS: Mapping[str, type[DomainError]] = {}

_CLASSES: dict[str, type[LeveretError]] = {code.value: getattr(errors, code.value) for code in Code}
_readers: WeakKeyDictionary[type[DomainError], Reader] = WeakKeyDictionary()


def to_exception(
    failure: _leveret.Failure, declared: Mapping[str, type[DomainError]] = NO_ERRORS
) -> LeveretError:
    """The exception for a failure: a declared domain error if it is one, else the class of the
    code.
    """
    code, message, name, packed, executed, retryable, retry_after, wire_code = failure
    details: Any = None
    if packed is not None:
        try:
            details = decode_any(packed)
        except UNREADABLE:
            details = packed
    error: LeveretError | None = None
    if code == Code.APPLICATION and name is not None:
        cls = declared.get(name)
        error = (cls and _domain_error(cls, details)) or Application(message, details=details)
        error.name = name
    else:
        error = _CLASSES.get(code, Unknown)(message, details=details)
        if name is not None:
            error.name = name
    error.args = (message,)
    error.message = message
    error.wire_code = wire_code
    error.said_executed = Executed(executed)
    error.said_retryable = retryable
    error.retry_after = retry_after
    error.received = True
    return error


def _domain_error(cls: type[DomainError], details: Any) -> DomainError | None:
    try:
        fields = _fields(cls, details)
        # Not by its constructor, which may be the user's own and take other things.
        error = cls.__new__(cls)
        LeveretError.__init__(error)
        error.take_fields(fields)
    except (*UNREADABLE, TypeError):
        return None
    return error


def _fields(cls: type[DomainError], details: Any) -> dict[str, Any]:
    names = cls.field_names
    if not names:
        return {}
    if cls.positional:
        values = [details] if len(names) == 1 else details
        if not isinstance(values, list) or len(cast("list[Any]", values)) < len(names):
            raise TypeError("the details have another shape")
        details = dict(zip(names, cast("list[Any]", values), strict=False))
    reader = _readers.get(cls)
    if reader is None:
        reader = _readers[cls] = Reader(_fields_struct(cls))
    try:
        struct = reader.convert(details, json=False)
    except msgspec.ValidationError:
        # They may have come as JSON, where bytes are base64.
        struct = reader.convert(details, json=True)
    return {name: getattr(struct, name) for name in names}


def _fields_struct(cls: type[DomainError]) -> Any:
    hints = get_type_hints(cls, include_extras=True)
    fields: list[Any] = []
    for name in cls.field_names:
        hint = hints.get(name, Any)
        if hasattr(cls, name):
            default = getattr(cls, name)
            fields.append((name, hint, msgspec.field(default_factory=lambda value=default: value)))
        else:
            fields.append((name, hint))
    return msgspec.defstruct(cls.__name__, fields, kw_only=True)


def answer(request: _leveret.Request, error: LeveretError) -> None:
    """Answers a request with an error that its handler raised."""
    details: bytes | None = None
    if error.details is not None:
        try:
            details = encode_any(error.details)
        except UNSENDABLE as wrong:
            error = Internal(f"the details of {type(error).__name__} cannot be sent: {wrong}")
    executed = error.said_executed
    if error.received and executed is not Executed.YES:
        # What it says is about the call that the handler made. The handler itself did begin.
        executed = Executed.MAYBE
    elif error.received:
        executed = None
    request.fail(
        error.wire_code,
        error.message,
        error.name,
        details,
        None if executed is None else executed.value,
        error.said_retryable,
        error.retry_after,
    )
