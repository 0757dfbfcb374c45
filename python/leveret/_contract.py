"""What a class or a set of functions says about its remote methods: names, types, options.

Read from signatures and type hints, once, and shared by callers and servers, so that both sides of
a service agree because they look at the same thing.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ._checks import flag, seconds, text, unless_none
from ._convert import check
from ._keys import DEFAULT_PARTITIONS, check_key_hint, check_key_name
from ._names import check_name
from .errors import DomainError

Kind = Literal["sync", "async", "mixed"]
MISSING: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class RpcOptions:
    """What was said in `@rpc(...)`."""

    name: str | None = None
    oneway: bool = False
    idempotent: bool = False
    at_most_once: bool = False
    default: bool = False
    timeout: float | None = None
    queue: str | None = None
    key: str | None = None
    errors: tuple[type[DomainError], ...] = ()

    def __post_init__(self) -> None:
        for key in ("oneway", "idempotent", "at_most_once", "default"):
            flag(key, getattr(self, key))
        unless_none("timeout", self.timeout, seconds)
        unless_none("queue", self.queue, text)
        if self.idempotent and self.at_most_once:
            raise TypeError("a method is idempotent or at_most_once, not both")
        if self.key is not None:
            if not isinstance(cast("object", self.key), str):
                raise TypeError(f"key names a parameter, as a str, not {self.key!r}")
            if self.queue is not None:
                raise TypeError(
                    "calls with a key go to the partitions of the service: take `queue` off, or "
                    "`key`"
                )
        check_errors(self.errors)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a remote method."""

    name: str
    hint: Any
    default: Any = MISSING
    keyword_only: bool = False

    @property
    def optional(self) -> bool:
        """Whether its type allows None: then it may be missing, which is nil on the wire."""
        return type(None) in typing.get_args(self.hint) or self.hint in (None, type(None), Any)


@dataclass(frozen=True)
class MethodSpec:
    """One remote method."""

    attribute: str
    name: str
    doc: str
    signature: inspect.Signature
    parameters: tuple[Parameter, ...]
    result: Any
    options: RpcOptions
    is_async: bool
    errors: Mapping[str, type[DomainError]]
    function: Callable[..., Any] = field(repr=False)


@dataclass(frozen=True)
class Contract:
    """A service: its name and its methods."""

    name: str
    queue: str | None
    doc: str
    methods: tuple[MethodSpec, ...]
    # None when no method has a key.
    partitions: int | None

    @property
    def kind(self) -> Kind:
        """Whether its methods are all `def`, all `async def`, or both."""
        kinds = {method.is_async for method in self.methods}
        if len(kinds) > 1:
            return "mixed"
        return "async" if kinds == {True} else "sync"


def check_errors(errors: Iterable[Any]) -> None:
    """Raises TypeError unless all are subclasses of DomainError with names of their own."""
    names: dict[str, Any] = {}
    for error in errors:
        if not (isinstance(error, type) and issubclass(error, DomainError)):
            raise TypeError(f"errors holds subclasses of leveret.DomainError, not {error!r}")
        if names.setdefault(str(error.name), error) is not error:
            raise TypeError(f"two errors are called {error.name!r} on the wire: rename one")


def by_name(*errors: Iterable[type[DomainError]]) -> dict[str, type[DomainError]]:
    """Errors by their names on the wire; those in front win."""
    return {str(error.name): error for group in reversed(errors) for error in group}


def read_method(
    function: Callable[..., Any],
    attribute: str,
    options: RpcOptions,
    errors: tuple[type[DomainError], ...],
    *,
    owner: type | None,
) -> MethodSpec:
    """Reads a function's signature.

    Raises:
        TypeError: for what cannot be a remote method, naming the parameter.
    """
    where = function.__qualname__
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"{where} yields: streams of results are not supported, return a list")
    signature = inspect.signature(function)
    found = list(signature.parameters.values())
    if owner is not None:
        if not found:
            raise TypeError(f"{where} lacks `self`")
        found = found[1:]
        signature = signature.replace(parameters=found)
    hints = hints_of(function, where)
    parameters = tuple(_parameter(one, hints, where) for one in found)
    if options.key is not None:
        check_key_name(where, options.key, (one.name for one in found))
        check_key_hint(where, options.key, hints.get(options.key, Any))
    result = hints.get("return", Any)
    if not options.oneway:
        _check(result, f"{where}: the result")
    return MethodSpec(
        attribute=attribute,
        name=check_name("method", options.name or attribute),
        doc=inspect.cleandoc(function.__doc__ or ""),
        signature=signature,
        parameters=parameters,
        result=type(None) if result is None else result,
        options=options,
        is_async=inspect.iscoroutinefunction(function),
        errors=by_name(options.errors, errors),
        function=function,
    )


def read_contract(
    name: str,
    queue: str | None,
    doc: str | None,
    methods: Iterable[MethodSpec],
    partitions: int | None,
) -> Contract:
    """Puts methods together.

    Raises:
        TypeError: for names that are used twice, more than one default method, no method at all, or
            partitions that no method uses.
    """
    all_methods = tuple(methods)
    if not all_methods:
        raise TypeError(f"the service {name!r} has no methods: mark them with @leveret.rpc")
    seen: set[str] = set()
    for method in all_methods:
        if method.name in seen:
            raise TypeError(f"the service {name!r} has two methods called {method.name!r}")
        seen.add(method.name)
    if sum(method.options.default for method in all_methods) > 1:
        raise TypeError(f"the service {name!r} has more than one default method")
    check_partitions_are_used(partitions, (method.options for method in all_methods))
    if partitions is None and any(method.options.key is not None for method in all_methods):
        partitions = DEFAULT_PARTITIONS
    return Contract(name, queue, inspect.cleandoc(doc or ""), all_methods, partitions)


def check_partitions_are_used(partitions: int | None, methods: Iterable[RpcOptions]) -> None:
    """Raises TypeError for partitions of a service without keys."""
    if partitions is not None and all(options.key is None for options in methods):
        raise TypeError(
            "only methods with a key use partitions: mark one with @rpc(key=...), or take "
            "`partitions` off"
        )


def hints_of(function: Callable[..., Any], where: str) -> dict[str, Any]:
    """A function's type hints.

    Raises:
        TypeError: for a type that is not known, naming the parameter.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        name = error.name
        for parameter, hint in getattr(function, "__annotations__", {}).items():
            if isinstance(hint, str) and name and name in hint:
                what = "the result" if parameter == "return" else f"argument `{parameter}`"
                raise TypeError(
                    f"{where}: {what}: the type {hint!r} is not known here: define {name!r} in the "
                    "module, and import it also when not TYPE_CHECKING"
                ) from error
        raise TypeError(f"{where}: a type is not known here: {error}") from error


def _parameter(one: inspect.Parameter, hints: dict[str, Any], where: str) -> Parameter:
    if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
        raise TypeError(
            f"{where}: {one}: a remote method has a fixed list of parameters; take a list or a dict"
        )
    hint = hints.get(one.name, Any)
    _check(hint, f"{where}: argument `{one.name}`")
    return Parameter(one.name, hint, one.default, one.kind is one.KEYWORD_ONLY)


def _check(hint: Any, what: str) -> None:
    try:
        check(hint)
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from error
    except NameError as error:
        raise TypeError(
            f"{what}: a type inside {hint!r} is not known: {error}; define it in the module"
        ) from error
