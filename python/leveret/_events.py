"""Events: what publishers and subscribers share."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar, overload

from ._checks import choice
from ._names import check_name
from ._payload import Payload

T = TypeVar("T")
# Of a method, which makes events of any type.
E = TypeVar("E")

Kind = Literal["fanout", "direct", "topic", "headers"]


class Events(Generic[T]):
    """Events of one type: a value that publishers and subscribers share, so that whoever comes
    first declares the same exchange. Made by `fanout`, `direct`, `topic` and `headers`.

    ```python
    logs = leveret.Events.topic("logs", LogLine)

    client.publish(logs, LogLine("the disk is full"), key="disk.error")
    ```

    Each takes the exchange's name, what an event is (as the type of a `TaskQueue`), and whether the
    exchange is created: "create" it if missing, "passive": it must exist, "never": do not even
    look. The broker's own exchanges, `amq.topic` and the like, may be named.

    Raises:
        TypeError, ValueError: for a name that may not be used, and types whose objects cannot
            travel.
    """

    def __init__(self, name: str, kind: Kind, type: Any, declare: str) -> None:
        """For `leveret` itself."""
        self.name = name if _is_the_brokers(name) else check_name("events", name)
        self.kind: Kind = kind
        self.payload = Payload(type, f"an event of {name!r}")
        self._declare = choice("declare", declare, ("create", "passive", "never"))

    @overload
    @staticmethod
    def fanout(
        name: str, type: type[E], *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[E]: ...

    @overload
    @staticmethod
    def fanout(
        name: str, type: Any = Any, *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[Any]: ...

    @staticmethod
    def fanout(name: str, type: Any = Any, *, declare: str = "create") -> Events[Any]:
        """Every subscriber gets every event."""
        return Events(name, "fanout", type, declare)

    @overload
    @staticmethod
    def direct(
        name: str, type: type[E], *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[E]: ...

    @overload
    @staticmethod
    def direct(
        name: str, type: Any = Any, *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[Any]: ...

    @staticmethod
    def direct(name: str, type: Any = Any, *, declare: str = "create") -> Events[Any]:
        """A subscriber gets the events whose key is one of its own."""
        return Events(name, "direct", type, declare)

    @overload
    @staticmethod
    def topic(
        name: str, type: type[E], *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[E]: ...

    @overload
    @staticmethod
    def topic(
        name: str, type: Any = Any, *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[Any]: ...

    @staticmethod
    def topic(name: str, type: Any = Any, *, declare: str = "create") -> Events[Any]:
        """A subscriber gets the events whose key fits one of its patterns: words with dots between
        them, where `*` is any one word and `#` any number of them.
        """
        return Events(name, "topic", type, declare)

    @overload
    @staticmethod
    def headers(
        name: str, type: type[E], *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[E]: ...

    @overload
    @staticmethod
    def headers(
        name: str, type: Any = Any, *, declare: Literal["create", "passive", "never"] = "create"
    ) -> Events[Any]: ...

    @staticmethod
    def headers(name: str, type: Any = Any, *, declare: str = "create") -> Events[Any]:
        """A subscriber gets the events whose headers have what it asks for."""
        return Events(name, "headers", type, declare)

    def as_settings(self) -> dict[str, Any]:
        """For the native side."""
        return {"name": self.name, "kind": self.kind, "declare": self._declare}

    def __repr__(self) -> str:
        return f"<leveret.Events.{self.kind} {self.name!r}>"


def _is_the_brokers(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("amq.")
