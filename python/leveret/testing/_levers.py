"""What a test does to a broker, to see what its program makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import leveret._leveret as _leveret

from .._checks import seconds
from ._status import ConnectionStatus, Status, read_status

P = ParamSpec("P")
T = TypeVar("T")

# How long clients may take to answer the goodbye. Those of this process answer at once, or, like a
# blocking client that nobody calls, never.
GRACE = 0.5


class Levers:
    """The levers of a broker. Each can be pulled from any thread and from event loops, and has
    taken effect on the broker when it returns; clients hear of it right after.

    All of them raise FailedPrecondition when the broker does not run, and in the child of a fork.
    They say whether what they are for was there, or how many of it: pulled in vain they do nothing.
    """

    def pull(self, lever: Callable[[_leveret.Broker], T]) -> T:
        """Does something to the native broker. For `leveret` itself."""
        raise NotImplementedError

    def status(self) -> Status:
        """Everything that is there now: queues, exchanges, bindings, connections. What was answered
        shows its effect.

        ```python
        queue = broker.status().queue("math")
        assert queue is not None and queue.consumers == 1
        ```

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return read_status(self.pull(lambda native: native.status()))

    def drop_connection(self, connection: ConnectionStatus | int | str) -> int:
        """Resets connections without a word, as a firewall does; gives how many there were.

        ```python
        client = leveret.connect(broker.url, name="shop")
        assert broker.drop_connection("shop") == 2
        ```

        Args:
            connection: one of `status().connections`, its handle, or the name of a client, for all
                that it has.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self._each(connection, _leveret.Broker.drop_connection)

    def close_connection(
        self, connection: ConnectionStatus | int | str, reason: str = "closed by a test"
    ) -> int:
        """Closes connections as an operator does: their client is told 320 and the reason. Gives
        how many there were.

        ```python
        broker.close_connection("shop", "maintenance")
        ```

        Args:
            connection: as for `drop_connection`.
            reason: for the client.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self._each(connection, _leveret.Broker.close_connection, reason)

    def close_connections(self, reason: str = "closed by a test") -> int:
        """Closes all connections as an operator does; gives how many there were.

        ```python
        assert broker.close_connections("maintenance") == 4
        ```

        Args:
            reason: for the clients.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.close_connections(reason))

    def stall(self, connection: ConnectionStatus | int | str, stalled: bool = True) -> int:
        """Neither reads from connections nor writes to them, until it is told otherwise: a broker
        that hangs. No heartbeats are sent, and none are expected.

        ```python
        broker.stall("shop")
        ...
        broker.stall("shop", False)
        ```

        Args:
            connection: as for `drop_connection`.
            stalled: False goes on where it stopped.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self._each(connection, _leveret.Broker.stall, stalled)

    def delay(self, connection: ConnectionStatus | int | str, delay: float | None) -> int:
        """Holds what is sent to connections back for some time, in order: a slow line.

        ```python
        broker.delay("shop", 0.2)
        ```

        Args:
            connection: as for `drop_connection`.
            delay: seconds; None ends it.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        checked = None if delay is None else seconds("delay", delay)
        return self._each(connection, _leveret.Broker.delay, checked)

    def _each(
        self,
        which: ConnectionStatus | int | str,
        lever: Callable[Concatenate[_leveret.Broker, int, P], bool],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> int:
        if isinstance(which, str):
            handles = [one.handle for one in self.status().connections_of(which)]
        else:
            handles = [_handle(which)]
        pulled = self.pull(
            lambda native: [lever(native, handle, *arguments, **named) for handle in handles]
        )
        # A client that has lost one lets go of both: the second may be gone by its turn.
        return len(handles) if isinstance(which, str) else sum(pulled)

    def close_channel(
        self,
        connection: ConnectionStatus | int,
        channel: int,
        code: int = 406,
        text: str = "PRECONDITION_FAILED - closed by a test",
    ) -> bool:
        """Closes a channel as if its client had made a mistake.

        ```python
        broker.close_channel(broker.status().connections[0], 1)
        ```

        Args:
            connection: one of `status().connections`, or its handle.
            channel: its number.
            code: the reply code.
            text: the reply text.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        handle = _handle(connection)
        return self.pull(lambda native: native.close_channel(handle, channel, code, text))

    def delete_queue(self, queue: str, *, vhost: str = "/") -> bool:
        """Deletes a queue, whoever uses it. Consumers are told by a `basic.cancel`.

        ```python
        broker.delete_queue("math")
        ```

        Args:
            queue: its name.
            vhost: its virtual host.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.delete_queue(vhost, queue))

    def lose_deliveries(self, queue: str, count: int = 1, *, vhost: str = "/") -> bool:
        """The next deliveries of a queue get lost on their way: the broker takes them for
        delivered, and gives them out again only when their channel ends.

        ```python
        broker.lose_deliveries("math")
        ```

        Args:
            queue: its name.
            count: how many more.
            vhost: its virtual host.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.lose_deliveries(vhost, queue, count))

    def duplicate_deliveries(self, queue: str, count: int = 1, *, vhost: str = "/") -> bool:
        """The next deliveries of a queue arrive twice, the second time as redelivered.

        ```python
        broker.duplicate_deliveries("math")
        ```

        Args:
            queue: its name.
            count: how many more.
            vhost: its virtual host.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.duplicate_deliveries(vhost, queue, count))

    def block(self, blocked: bool = True) -> None:
        """Acts as if messages took too much memory: connections that publish are told so, and are
        read no further.

        ```python
        broker.block()
        ...
        broker.block(False)
        ```

        Args:
            blocked: False leaves it to the memory again.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        self.pull(lambda native: native.set_memory_alarm(blocked))

    def refuse(self, refusing: bool = True) -> None:
        """Cuts new connections at once; those that are open stay open.

        ```python
        broker.refuse()
        ```

        Args:
            refusing: False lets them in again.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        self.pull(lambda native: native.refuse(refusing))

    def restart(self, *, keep_durable: bool = True) -> None:
        """Cuts every connection and is there again at once.

        ```python
        broker.restart()
        ```

        Args:
            keep_durable: what RabbitMQ keeps is kept: durable exchanges and queues, the bindings
                between them, and the persistent messages in them. False forgets everything.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        self.pull(lambda native: native.restart(keep_durable))

    def suspend(self, *, abrupt: bool = False, grace: float = GRACE) -> None:
        """Goes down until `resume`: nobody listens on the port, and all connections are gone when
        this returns.

        ```python
        broker.suspend()
        ...  # clients fail to connect, and try again
        broker.resume()
        ```

        Args:
            abrupt: cuts the connections as a crash does, instead of closing them in order.
            grace: seconds that clients have to answer a close in order; then they are cut off.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        checked = None if abrupt else seconds("grace", grace)
        self.pull(lambda native: native.suspend(checked))

    def resume(self, *, keep_durable: bool = True) -> None:
        """Comes up again on the same port after `suspend`; does nothing when it was not suspended.

        Args:
            keep_durable: as for `restart`.

        Raises:
            FailedPrecondition: when the broker does not run.
            OSError: when somebody else has taken the port.
        """
        self.pull(lambda native: native.resume(keep_durable))

    def remove_user(self, name: str) -> bool:
        """Lets a login in no more; connections that are open stay open.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.remove_user(name))

    def add_vhost(self, name: str) -> bool:
        """Adds a virtual host; False when there is one of that name.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.add_vhost(name))

    def remove_vhost(self, name: str) -> bool:
        """Removes a virtual host with all that is in it, and closes its connections.

        Raises:
            FailedPrecondition: when the broker does not run.
        """
        return self.pull(lambda native: native.remove_vhost(name))


def _handle(connection: ConnectionStatus | int) -> int:
    return connection.handle if isinstance(connection, ConnectionStatus) else connection
