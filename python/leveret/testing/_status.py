"""What a broker holds at a moment, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True)
class QueueStatus:
    """A queue.

    Attributes:
        vhost: its virtual host.
        name: its name.
        durable: whether it was declared durable.
        auto_delete: whether it goes with its last consumer.
        owner: the `handle` of the connection that alone may use it, where it is exclusive.
        arguments: what it was declared with, such as `x-message-ttl`.
        ready: messages that wait.
        ready_bytes: bytes of the bodies that wait.
        unacked: messages that consumers hold and have not acknowledged.
        consumers: how many consume from it.
    """

    vhost: str
    name: str
    durable: bool
    auto_delete: bool
    owner: int | None
    arguments: Mapping[str, str | int | bool] = field(hash=False)
    ready: int
    ready_bytes: int
    unacked: int
    consumers: int


@dataclass(frozen=True)
class ExchangeStatus:
    """An exchange.

    Attributes:
        vhost: its virtual host.
        name: its name; empty for the default exchange.
        kind: `direct`, `fanout`, `topic` or `headers`.
        durable: whether it was declared durable.
        auto_delete: whether it goes with its last binding.
        internal: whether only other exchanges may publish to it.
        arguments: what it was declared with, such as `alternate-exchange`.
    """

    vhost: str
    name: str
    kind: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: Mapping[str, str | int | bool] = field(hash=False)


@dataclass(frozen=True)
class BindingStatus:
    """A binding.

    Attributes:
        vhost: its virtual host.
        source: the exchange that routes.
        destination: the queue or exchange that it routes to.
        to_queue: whether the destination is a queue.
        routing_key: the routing key or pattern.
    """

    vhost: str
    source: str
    destination: str
    to_queue: bool
    routing_key: str


@dataclass(frozen=True)
class ChannelStatus:
    """A channel.

    Attributes:
        number: its number on its connection.
        consumers: consumers on it.
        unacked: messages that it holds and has not acknowledged.
        confirms: whether publisher confirms are on.
        transaction: whether it is in a transaction.
    """

    number: int
    consumers: int
    unacked: int
    confirms: bool
    transaction: bool


@dataclass(frozen=True)
class ConnectionStatus:
    """A connection; the levers of `Broker` take it.

    Attributes:
        handle: its number; never used again for another connection of this broker.
        vhost: its virtual host.
        name: what the client calls itself, which is `connect(name=...)` for Leveret's.
        user: who logged in.
        peer: the client's address, as "127.0.0.1:35521".
        since: when it was let in, in seconds of Unix time.
        blocked: whether it is held back by the memory alarm.
        channels: by number.
    """

    handle: int
    vhost: str
    name: str | None
    user: str
    peer: str
    since: int
    blocked: bool
    channels: tuple[ChannelStatus, ...]


@dataclass(frozen=True)
class Status:
    """Everything that a broker holds, from `Broker.status`.

    Attributes:
        message_bytes: memory that messages take, roughly.
        memory_alarm: whether publishers are blocked because of it.
        queues: by name.
        exchanges: by name.
        bindings: by source, destination and routing key.
        connections: in the order in which they came, one virtual host after the other.
    """

    message_bytes: int
    memory_alarm: bool
    queues: tuple[QueueStatus, ...]
    exchanges: tuple[ExchangeStatus, ...]
    bindings: tuple[BindingStatus, ...]
    connections: tuple[ConnectionStatus, ...]

    def queue(self, name: str, *, vhost: str = "/") -> QueueStatus | None:
        """The queue of a name, if there is one.

        ```python
        assert broker.status().queue("math").consumers == 1
        ```

        Args:
            name: the queue's.
            vhost: its virtual host.
        """
        for queue in self.queues:
            if (queue.vhost, queue.name) == (vhost, name):
                return queue
        return None

    def connections_of(self, name: str) -> tuple[ConnectionStatus, ...]:
        """The connections of a client. Those of Leveret have two: requests and replies go out by
        one, and come in by the other.

        ```python
        client = leveret.connect(broker.url, name="shop")
        assert len(broker.status().connections_of("shop")) == 2
        ```

        Args:
            name: what the client calls itself.
        """
        return tuple(one for one in self.connections if one.name == name)


_decoder = msgspec.json.Decoder(Status)


def read_status(json: str) -> Status:
    """Reads what the native side gives."""
    return _decoder.decode(json)
