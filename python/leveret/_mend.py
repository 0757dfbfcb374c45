"""What other languages write differently from Python, set right before a value is converted to its
type.

`docs/protocol.md` lets a sender write bytes as a list of small integers, leave out a key whose
value is nil, and write a struct without fields as nil or an empty array. msgspec is right to refuse
all of that, so it is only done when the direct way has failed.
"""

from __future__ import annotations

from typing import Any, cast

from msgspec import inspect as shapes

_OBJECTS = (shapes.StructType, shapes.DataclassType, shapes.TypedDictType)
_BYTES = (shapes.BytesType, shapes.ByteArrayType, shapes.MemoryViewType)


def mend(value: Any, info: shapes.Type) -> Any:
    """The value as msgspec wants it for the type; what does not fit is left for it to refuse."""
    if isinstance(info, shapes.Metadata):
        return mend(value, info.type)
    if isinstance(info, shapes.UnionType):
        return _mend_union(value, info)
    if isinstance(info, _BYTES):
        return _as_bytes(value)
    if isinstance(info, shapes.CollectionType) and isinstance(value, list):
        return [mend(item, info.item_type) for item in cast("list[Any]", value)]
    if isinstance(info, shapes.TupleType) and isinstance(value, list):
        items = cast("list[Any]", value)
        if len(items) == len(info.item_types):
            return [mend(*pair) for pair in zip(items, info.item_types, strict=True)]
        return items
    if isinstance(info, shapes.DictType) and isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
        return {key: mend(item, info.value_type) for key, item in entries.items()}
    if isinstance(info, _OBJECTS):
        return _mend_object(value, info)
    return value


def _mend_union(value: Any, info: shapes.UnionType) -> Any:
    # With several candidates that take the value as it is, there is nothing to mend.
    if value is None and any(isinstance(one, shapes.NoneType) for one in info.types):
        return value
    if isinstance(value, list):
        wanted: tuple[type, ...] = (*_BYTES, shapes.CollectionType, shapes.TupleType)
    elif isinstance(value, dict):
        wanted = (*_OBJECTS, shapes.DictType)
    else:
        return cast("Any", value)
    fitting = [one for one in info.types if isinstance(one, wanted)]
    value = cast("Any", value)
    return mend(value, fitting[0]) if len(fitting) == 1 else value


def _mend_object(
    value: Any, info: shapes.StructType | shapes.DataclassType | shapes.TypedDictType
) -> Any:
    if not info.fields and (value is None or value == []):
        return {}
    if not isinstance(value, dict):
        return value
    mended = dict(cast("dict[Any, Any]", value))
    for field in info.fields:
        name = field.encode_name
        if name in mended:
            has_default = not field.required
            if mended[name] is None and has_default and not _allows_none(field.type):
                del mended[name]
            else:
                mended[name] = mend(mended[name], field.type)
        elif field.required and _allows_none(field.type):
            mended[name] = None
    return mended


def _allows_none(info: shapes.Type) -> bool:
    if isinstance(info, shapes.Metadata):
        return _allows_none(info.type)
    if isinstance(info, shapes.UnionType):
        return any(isinstance(one, shapes.NoneType) for one in info.types)
    return isinstance(info, (shapes.NoneType, shapes.AnyType))


def _as_bytes(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    if all(type(item) is int and 0 <= item <= 255 for item in items):
        return bytes(items)
    return cast("Any", items)
