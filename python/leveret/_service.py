"""`@leveret.service`, `@leveret.rpc` and `leveret.Service`: how classes and functions become
services.

The decorators only leave marks; signatures are read when a contract is first needed, so that types
may be defined further down in the module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from ._checks import text, unless_none
from ._contract import (
    Contract,
    MethodSpec,
    RpcOptions,
    check_errors,
    check_partitions_are_used,
    read_contract,
    read_method,
)
from ._keys import check_key_name, check_partitions
from ._names import check_name, snake_case
from ._options import unknown_option
from ._schema import as_rust_does
from .errors import DomainError

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_MARK = "__leveret_rpc__"


@dataclass(frozen=True)
class _ServiceMark:
    name: str
    queue: str | None
    errors: tuple[type[DomainError], ...]
    partitions: int | None


# Beside the classes and not in them: an attribute would become a member of a runtime-checkable
# Protocol.
_services: WeakKeyDictionary[type, _ServiceMark] = WeakKeyDictionary()
_contracts: WeakKeyDictionary[type, Contract] = WeakKeyDictionary()


@overload
def rpc(function: F, /) -> F: ...


@overload
def rpc(
    *,
    name: str | None = None,
    oneway: bool = False,
    idempotent: bool = False,
    at_most_once: bool = False,
    default: bool = False,
    timeout: float | None = None,
    queue: str | None = None,
    key: str | None = None,
    errors: Iterable[type[DomainError]] = (),
) -> Callable[[F], F]: ...


def rpc(function: Any = None, /, **options: Any) -> Any:
    """Marks a method as remote.

    ```python
    @leveret.rpc(timeout=2, idempotent=True)
    def fib(self, n: int) -> int: ...
    ```

    Args:
        name: its name on the wire, if not the function's.
        oneway: a cast: callers do not wait for it to run.
        idempotent: running it twice does no harm, so a lost call may be sent again.
        at_most_once: acknowledged when it starts, so that a crash never runs it twice.
        default: it takes requests that name no method.
        timeout: the deadline, in seconds, of calls that set none.
        queue: a queue of its own, verbatim.
        key: the name of the parameter that orders its calls: those with the same value run one
            after another, at one server at a time, and others beside them. A str, int, bool, UUID
            or an enum of those.
        errors: the domain errors that it raises, besides those of the service.

    Raises:
        TypeError, ValueError: for options that do not fit.
    """
    parsed = _rpc_options(options)
    if function is not None:
        return _marked(function, parsed)

    def mark(function: Any) -> Any:
        return _marked(function, parsed)

    return mark


def _rpc_options(options: dict[str, Any]) -> RpcOptions:
    for key in options:
        if key not in RpcOptions.__dataclass_fields__:
            raise unknown_option(key, RpcOptions.__dataclass_fields__)
    options["errors"] = tuple(options.get("errors", ()))
    return RpcOptions(**options)


def _check_function(function: Any) -> None:
    if isinstance(function, str):
        raise TypeError(f"a name is given by keyword: @rpc(name={function!r})")
    if not inspect.isroutine(function):
        raise TypeError(f"@rpc marks functions, not {function!r}")


def _check_key(function: Any, options: RpcOptions, *, owned: bool) -> None:
    if options.key is not None:
        names = list(inspect.signature(function).parameters)[1 if owned else 0 :]
        check_key_name(function.__qualname__, options.key, names)


def _marked(function: Any, options: RpcOptions) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError("@rpc is for methods with `self`; for functions there is leveret.Service")
    _check_function(function)
    _check_key(function, options, owned=True)
    setattr(function, _MARK, options)
    return function


@overload
def service(cls: C, /) -> C: ...


@overload
def service(
    name: str | None = None,
    /,
    *,
    queue: str | None = None,
    partitions: int | None = None,
    errors: Iterable[type[DomainError]] = (),
) -> Callable[[C], C]: ...


def service(
    name: Any = None,
    /,
    *,
    queue: str | None = None,
    partitions: int | None = None,
    errors: Iterable[type[DomainError]] = (),
) -> Any:
    """Makes a class a service: a Protocol or an ABC that both sides share, or the implementation
    itself.

    ```python
    @leveret.service("math", errors=[TooLarge])
    class Math(Protocol):
        @leveret.rpc
        def fib(self, n: int) -> int: ...
    ```

    Args:
        name: the service's name on the wire; by default the class's in snake_case, as in Rust.
        queue: its queue, verbatim, instead of namespace and name.
        partitions: how many partitions its methods with a `key` have, 1 to 1,024; None: 16. Callers
            count with it: changing it gives keys other partitions.
        errors: the domain errors that its methods raise.

    Raises:
        TypeError: if it does not decorate a class, errors are no domain errors, the queue is no
            str, or partitions are too many or used by no method.
        ValueError: if the name may not be used.
    """
    all_errors = tuple(errors)
    check_errors(all_errors)
    unless_none("queue", queue, text)
    if partitions is not None:
        check_partitions(partitions)
    if inspect.isroutine(name):
        raise TypeError("@leveret.service decorates a class; for functions use leveret.Service")
    if name is not None and not isinstance(name, (str, type)):
        raise TypeError(f"the name of a service is a str, not {name!r}")

    def decorate(cls: Any) -> Any:
        if not isinstance(cls, type):
            raise TypeError("@leveret.service decorates a class; for functions use leveret.Service")
        said = name if isinstance(name, str) else snake_case(cls.__name__)
        check_partitions_are_used(partitions, _marked_methods(cls).values())
        _services[cls] = _ServiceMark(check_name("service", said), queue, all_errors, partitions)
        return cls

    return decorate(name) if isinstance(name, type) else decorate


class Service:
    """A service made of functions.

    ```python
    math = leveret.Service("math")

    @math.rpc
    async def fib(n: int) -> int: ...

    leveret.run(math)
    ```

    Args:
        name: its name on the wire.
        queue, partitions, errors: as for `leveret.service`.
        doc: what it is, for `describe`.

    Raises:
        TypeError: if errors are no domain errors, the queue is no str, or partitions are too many.
        ValueError: if the name may not be used.
    """

    def __init__(
        self,
        name: str,
        *,
        queue: str | None = None,
        partitions: int | None = None,
        errors: Iterable[type[DomainError]] = (),
        doc: str = "",
    ) -> None:
        self.name = check_name("service", name)
        unless_none("queue", queue, text)
        self._queue = queue
        self._errors = tuple(errors)
        self._doc = doc
        self._partitions = None if partitions is None else check_partitions(partitions)
        self._functions: list[tuple[Callable[..., Any], RpcOptions]] = []
        check_errors(self._errors)

    @overload
    def rpc(self, function: F, /) -> F: ...

    @overload
    def rpc(
        self,
        /,
        *,
        name: str | None = None,
        oneway: bool = False,
        idempotent: bool = False,
        at_most_once: bool = False,
        default: bool = False,
        timeout: float | None = None,
        queue: str | None = None,
        key: str | None = None,
        errors: Iterable[type[DomainError]] = (),
    ) -> Callable[[F], F]: ...

    def rpc(self, function: Any = None, /, **options: Any) -> Any:
        """Adds a function, unchanged; takes what `leveret.rpc` takes."""
        parsed = _rpc_options(options)

        def add(function: Any) -> Any:
            _check_function(function)
            _check_key(function, parsed, owned=False)
            self._functions.append((function, parsed))
            return function

        return add if function is None else add(function)

    def contract(self) -> Contract:
        """What the functions say about themselves. For `leveret` itself; see `describe`."""
        methods = [
            read_method(function, function.__name__, options, self._errors, owner=None)
            for function, options in self._functions
        ]
        return read_contract(self.name, self._queue, self._doc, methods, self._partitions)

    def __repr__(self) -> str:
        return f"<leveret.Service {self.name!r}>"


def describe(service: Any) -> dict[str, Any]:
    """The descriptor of a service: names, arguments, docs, options and JSON Schemas, as
    `docs/protocol.md` has it.

    ```python
    leveret.describe(Math)["methods"][0]["arguments"]  # ["n"]
    ```

    Args:
        service: a decorated class, an instance of one, or a `Service`.

    Raises:
        TypeError: for what is no service.
    """
    return as_rust_does(contract_of(service))


def contract_of(service: Any) -> Contract:
    """The contract of a decorated class, an instance or a `Service`.

    Raises:
        TypeError: for what is no service, and for methods that cannot be remote.
    """
    if isinstance(service, Service):
        return service.contract()
    if inspect.isroutine(service):
        raise TypeError(
            f"the function {service.__name__} is no service: mark it with the `rpc` of a "
            "leveret.Service, or to handle tasks or events with @leveret.worker(queue) or "
            "@leveret.subscriber(events)"
        )
    cls: type = service if isinstance(service, type) else type(service)
    decorated = next((base for base in cls.__mro__ if base in _services), None)
    if decorated is None:
        raise TypeError(
            f"{cls.__qualname__} is no service: decorate it, or the Protocol that it derives "
            'from, with @leveret.service("...")'
        )
    if decorated not in _contracts:
        _contracts[decorated] = _read_class(decorated, _services[decorated])
    contract = _contracts[decorated]
    _refuse_more(cls, contract)
    return contract


def _read_class(cls: type, mark: _ServiceMark) -> Contract:
    methods: list[MethodSpec] = []
    for attribute, options in _marked_methods(cls).items():
        function = inspect.getattr_static(cls, attribute)
        methods.append(read_method(function, attribute, options, mark.errors, owner=cls))
    doc = cast("str | None", cls.__dict__.get("__doc__"))
    return read_contract(mark.name, mark.queue, doc, methods, mark.partitions)


def _marked_methods(cls: type) -> dict[str, RpcOptions]:
    """Attributes whose definition in the class, or else in a base, has the mark."""
    found: dict[str, RpcOptions] = {}
    for base in reversed(cls.__mro__):
        for attribute, value in vars(base).items():
            if isinstance(value, (staticmethod, classmethod)):
                value = cast("Any", value).__func__
                if hasattr(value, _MARK):
                    raise TypeError(
                        f"{base.__qualname__}.{attribute}: @rpc is for methods with `self`"
                    )
            options = getattr(value, _MARK, None)
            if isinstance(options, RpcOptions):
                found[attribute] = options
    return found


def _refuse_more(cls: type, contract: Contract) -> None:
    known = {method.attribute for method in contract.methods}
    more: Sequence[str] = [name for name in _marked_methods(cls) if name not in known]
    if more:
        raise TypeError(
            f"{cls.__qualname__}.{more[0]} is marked with @rpc but no part of the service "
            f"{contract.name!r}: add it to the decorated class, or decorate {cls.__qualname__} too"
        )
