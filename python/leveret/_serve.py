"""One service of a server: its options, its handlers, and what the native side is told of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from ._checks import MOST_16, whole
from ._contract import Contract
from ._convert import takes_text
from ._handlers import Handler
from ._options import QueueOptions
from ._schema import described
from ._service import Service, contract_of


@dataclass(frozen=True)
class Serve:
    """A service with options of its own, in the place of a service.

    ```python
    leveret.run(leveret.Serve(Slow(), concurrency=1), Fast())
    ```

    Attributes:
        service: an instance of a decorated class, or a `Service`.
        concurrency: how many of its requests run at once; None: what the server says.
        prefetch: how many requests the broker may hand over ahead; None: as many as run at once.
        queue: how its queue is declared.
    """

    service: Any
    concurrency: int | None = None
    prefetch: int | None = None
    queue: QueueOptions | None = None

    def __post_init__(self) -> None:
        for key in ("concurrency", "prefetch"):
            value = getattr(self, key)
            if value is not None:
                whole(key, value, MOST_16)
        queue: Any = self.queue
        if queue is not None and not isinstance(queue, QueueOptions):
            raise TypeError(
                f"queue is a leveret.QueueOptions, not {queue!r}; a queue is named where the "
                "service is: @leveret.service(..., queue=...)"
            )


def prepare(serve: Serve, default: Serve) -> tuple[list[Handler], dict[str, Any]]:
    """The handlers of a service, one for each method, and what the native server is told about it.

    Raises:
        TypeError: for what is no service, or does not do what its contract says.
    """
    service = serve.service
    if isinstance(service, type):
        raise TypeError(f"serve an instance: {service.__name__}() instead of {service.__name__}")
    contract = contract_of(service)
    handlers = [
        Handler(contract, spec, _implementation(service, spec.attribute, spec))
        for spec in contract.methods
    ]
    blocking = frozenset(
        spec.attribute
        for spec, handler in zip(contract.methods, handlers, strict=True)
        if not handler.is_async
    )
    queue = serve.queue or default.queue
    settings = {
        "descriptor": described(contract, blocking=blocking),
        "text": _texts(contract),
        "options": {
            "concurrency": serve.concurrency or default.concurrency,
            "prefetch": serve.prefetch or default.prefetch,
            "queue": None if queue is None else queue.as_settings(),
        },
    }
    return handlers, settings


def _texts(contract: Contract) -> list[bool]:
    return [
        len(spec.parameters) == 1 and takes_text(spec.parameters[0].hint)
        for spec in contract.methods
    ]


def _implementation(service: Any, attribute: str, spec: Any) -> Any:
    """The function that serves a method.

    Raises:
        TypeError: if it cannot be called as the contract says.
    """
    if isinstance(service, Service):
        return spec.function
    function = getattr(service, attribute)
    placeholders = [None for one in spec.parameters if not one.keyword_only]
    keywords = {one.name: None for one in spec.parameters if one.keyword_only}
    try:
        inspect.signature(function).bind(*placeholders, **keywords)
    except TypeError as error:
        raise TypeError(
            f"{type(service).__qualname__}.{attribute} does not take the arguments of the "
            f"service's {spec.name}{spec.signature}: {error}"
        ) from error
    return function
