"""Services as objects: an attribute for each remote method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._contract import Contract, by_name, check_errors
from ._link import Link
from ._method import AsyncMethod, AsyncOnewayMethod, Method, OnewayMethod, Route
from ._options import Options
from .errors import DomainError

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._options import CallOptions

M = TypeVar("M", Method, AsyncMethod)


class _Service(Generic[M]):
    """What both kinds of proxies have in common. Methods are kept in the instance's dict, so that
    after the first time `math.fib` is one look-up.
    """

    # For methods that answer, and for those that are casts.
    _kinds: tuple[type[Any], type[Any]]

    def __init__(
        self,
        link: Link,
        options: Options,
        service: str | None,
        queue: str | None,
        errors: Iterable[type[DomainError]],
        contract: Contract | None = None,
    ) -> None:
        self._link = link
        self._options = options
        self._service = service
        self._queue = queue
        self._errors = tuple(errors)
        self._contract = contract
        check_errors(self._errors)
        for spec in contract.methods if contract else ():
            route = Route(
                service,
                spec.options.queue or queue,
                spec.name,
                spec,
                {**spec.errors, **by_name(self._errors)},
                contract.partitions if contract else None,
            )
            kind = self._kinds[1] if spec.options.oneway else self._kinds[0]
            # Not by `setattr`: a remote method may be called `with_options`, and then is what one
            # gets.
            self.__dict__[spec.attribute] = kind(link, route, options)

    def __getattr__(self, name: str) -> M:
        if name.startswith("_"):
            # What `copy`, `inspect` and notebooks look for is no remote method. `math["_name"]` is.
            raise AttributeError(name)
        method = self[name]
        self.__dict__[name] = method
        return method

    def __getitem__(self, name: str) -> M:
        """A method by its name on the wire; the empty name is the service's default method."""
        if self._contract is not None:
            for spec in self._contract.methods:
                if spec.name == name:
                    return self.__dict__[spec.attribute]
            known = ", ".join(spec.attribute for spec in self._contract.methods)
            raise AttributeError(
                f"the service {self._contract.name!r} has no method {name!r}; it has {known}"
            )
        route = Route(self._service, self._queue, name, None, by_name(self._errors))
        method: M = self._kinds[0](self._link, route, self._options)
        return method

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """The same service with other options for its calls.

        ```python
        math.with_options(timeout=2, metadata={"team": "blue"}).fib(30)
        ```

        Raises:
            TypeError, ValueError: for an option that does not exist or does not fit.
        """
        merged = self._options.merged(options)
        return type(self)(
            self._link, merged, self._service, self._queue, self._errors, self._contract
        )

    def __repr__(self) -> str:
        return f"<leveret.{type(self).__name__} {self._service or self._queue!r}>"


class Proxy(_Service[Method]):
    """A service; its attributes are its remote methods. Made by `Client.service`.

    ```python
    math = client.service("math")
    math.fib(30)
    math["with_options"](1)  # a method whose name is taken
    ```
    """

    _kinds = (Method, OnewayMethod)


class AsyncProxy(_Service[AsyncMethod]):
    """A service; its attributes are its remote methods. Made by `AsyncClient.service`.

    ```python
    math = client.service("math")
    await math.fib(30)
    ```
    """

    _kinds = (AsyncMethod, AsyncOnewayMethod)
