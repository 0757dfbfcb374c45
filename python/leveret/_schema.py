"""Descriptors: a contract as data, with JSON Schemas, in the shape that the Rust macro gives its
own.

The shape has a golden file in `tests/wire/`; tools read descriptors of both languages alike.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

import msgspec

import leveret._leveret as _leveret

from ._contract import MISSING, Contract, MethodSpec
from ._convert import to_plain

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_FLAGS = ("oneway", "idempotent", "at_most_once", "default")


def described(contract: Contract, *, blocking: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The descriptor of a contract; `blocking` has the attributes of what runs in threads."""
    descriptor: dict[str, Any] = {"name": contract.name, "doc": contract.doc}
    if contract.queue is not None:
        descriptor["queue"] = contract.queue
    if contract.partitions is not None:
        descriptor["partitions"] = contract.partitions
    descriptor["methods"] = [
        {
            "name": method.name,
            "doc": method.doc,
            "arguments": [parameter.name for parameter in method.parameters],
            "options": _options(method, method.attribute in blocking),
            "schemas": {"arguments": _arguments(method), "result": _result(method)},
        }
        for method in contract.methods
    ]
    return descriptor


def as_rust_does(contract: Contract) -> dict[str, Any]:
    """The descriptor as the native side writes it, checked and with its version."""
    return cast("dict[str, Any]", json.loads(_leveret.describe(described(contract))))


def _options(method: MethodSpec, blocking: bool) -> dict[str, Any]:
    options: dict[str, Any] = {flag: True for flag in _FLAGS if getattr(method.options, flag)}
    if blocking:
        options["blocking"] = True
    if method.options.timeout is not None:
        options["timeout_ms"] = round(method.options.timeout * 1000)
    if method.options.queue is not None:
        options["queue"] = method.options.queue
    if method.options.key is not None:
        options["key"] = method.options.key
    return options


def _arguments(method: MethodSpec) -> dict[str, Any]:
    hints = [parameter.hint for parameter in method.parameters]
    schemas, definitions = _components(hints)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter, schema in zip(method.parameters, schemas, strict=True):
        if parameter.default is MISSING:
            if not parameter.optional:
                required.append(parameter.name)
        elif parameter.default is not None:
            schema = _with_default(schema, parameter.default)
        properties[parameter.name] = schema
    whole: dict[str, Any] = {
        "$schema": _DRAFT,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    if definitions:
        whole["$defs"] = definitions
    return whole


def _result(method: MethodSpec) -> dict[str, Any]:
    if method.options.oneway:
        return {"$schema": _DRAFT, "type": "null"}
    (schema,), definitions = _components([method.result])
    reference = schema.get("$ref")
    if reference is not None and len(schema) == 1:
        name = reference.rpartition("/")[2]
        if reference not in json.dumps(definitions):
            schema = definitions.pop(name)
    whole = {"$schema": _DRAFT, **schema}
    if definitions:
        whole["$defs"] = definitions
    return whole


def _components(hints: list[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if not hints:
        return [], {}
    try:
        schemas, definitions = msgspec.json.schema_components(
            hints, schema_hook=_foreign, ref_template="#/$defs/{name}"
        )
    except TypeError:
        # A type that can travel but has no schema, such as a subclass of `int`: anything goes.
        return [{} for _ in hints], {}
    return [_tidy(schema) for schema in schemas], _tidy(dict(definitions))


def _foreign(cls: Any) -> dict[str, Any]:
    if "pydantic" in sys.modules and hasattr(cls, "model_json_schema"):
        return cls.model_json_schema(by_alias=True)
    for base, name in ((str, "string"), (int, "integer"), (float, "number")):
        if isinstance(cls, type) and issubclass(cls, base):
            return {"type": name}
    raise NotImplementedError


def _tidy(schema: Any) -> Any:
    """`{"type": ["integer", "null"]}` where msgspec has an `anyOf` of nothing but types, as
    schemars does.
    """
    if isinstance(schema, list):
        return [_tidy(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _tidy(value) for key, value in cast("dict[str, Any]", schema).items()}
    options = tidied.get("anyOf")
    if isinstance(options, list) and len(cast("list[Any]", options)) == 2:
        first, second = cast("list[dict[str, Any]]", options)
        if (
            second == {"type": "null"}
            and isinstance(first.get("type"), str)
            and "enum" not in first
        ):
            del tidied["anyOf"]
            return {**first, "type": [first["type"], "null"], **tidied}
    return tidied


def _with_default(schema: dict[str, Any], default: Any) -> dict[str, Any]:
    try:
        value = to_plain(default)
        json.dumps(value)
    except (TypeError, ValueError):
        return schema
    return {**schema, "default": value}
