"""Clients: a connection, and the defaults of the calls made on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

import leveret._leveret as _leveret

from ._contract import Kind
from ._failures import to_exception
from ._link import Link
from ._logs import listen
from ._loop import queue_of
from ._options import NO_OPTIONS, Options, connection_settings
from ._proxy import AsyncProxy, Proxy
from ._senders import Senders
from ._sends import AsyncSends, Sends
from ._service import contract_of
from .errors import DomainError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._options import CallOptions, ConnectOptions

P = TypeVar("P", Proxy, AsyncProxy)
T = TypeVar("T")


class _Base(Generic[P]):
    """What both clients have in common."""

    _proxy: type[P]
    _wants: Kind

    def __init__(self, link: Link, options: Options = NO_OPTIONS) -> None:
        """For `leveret` itself: clients are made by `connect` and `connect_async`."""
        self._link = link
        self._options = options
        self._senders = Senders(link, options)

    @property
    def link(self) -> Link:
        """The connection. For `leveret` itself."""
        return self._link

    @overload
    def service(
        self,
        name: str | None = None,
        /,
        *,
        queue: str | None = None,
        errors: Iterable[type[DomainError]] = (),
        **options: Unpack[CallOptions],
    ) -> P: ...

    @overload
    def service(
        self,
        # Not `type[T]`: mypy would refuse Protocols and ABCs there.
        contract: Callable[..., T],
        /,
        *,
        errors: Iterable[type[DomainError]] = (),
        **options: Unpack[CallOptions],
    ) -> T: ...

    def service(
        self,
        service: Any = None,
        /,
        *,
        queue: str | None = None,
        errors: Iterable[type[DomainError]] = (),
        **options: Any,
    ) -> Any:
        """A service to call, by its name or by the class that describes it.

        ```python
        client.service("math").fib(30)
        client.service(Math, timeout=2).fib(30)          # checked and completed by type checkers
        client.service(queue="rpc_queue", codec="text")[""](30)
        ```

        Args:
            service: a name, or a class decorated with `leveret.service`.
            queue: instead of a name: the queue of the service, verbatim.
            errors: domain errors to be raised as their own classes, besides those of the class.
            options: options of the calls, as for `with_options`.

        Raises:
            TypeError: for a class that is no service or is for the other kind of client.
        """
        merged = self._options.merged(options)
        if isinstance(service, type):
            contract = contract_of(service)
            self._check_kind(service, contract.kind)
            return self._proxy(
                self._link, merged, contract.name, queue or contract.queue, errors, contract
            )
        if (service is None) == (queue is None):
            raise TypeError("give the service's name, or its queue by `queue=`")
        if service is not None and not isinstance(service, str):
            raise TypeError(
                f"a service is a name or a class decorated with @leveret.service, not {service!r}"
            )
        return self._proxy(self._link, merged, service, queue, errors)

    def _check_kind(self, cls: type, kind: Kind) -> None:
        if kind == self._wants:
            return
        name = cls.__qualname__
        if kind == "mixed":
            raise TypeError(
                f"{name} mixes `def` and `async def`: a class for callers has methods of one kind"
            )
        if kind == "sync":
            raise TypeError(
                f"the methods of {name} are `def`, and this client is asynchronous: make them "
                "`async def`, or call through leveret.connect()"
            )
        raise TypeError(
            f"the methods of {name} are `async def`, and this client blocks: make them `def`, or "
            "call through leveret.connect_async()"
        )

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """The same client, on the same connection, with other defaults for its calls, and for the
        tasks and events that it sends: for these `timeout`, `metadata`, `trace`, `priority` and
        `codec` hold.

        ```python
        impatient = client.with_options(timeout=0.5, fail_fast=True)
        ```

        Args:
            timeout: seconds until a call fails; None: what the method says, else 10.
            metadata: str to str, sent along; added to what is there.
            trace: a `TraceContext`, or a `traceparent`; calls in handlers inherit theirs.
            priority: 0 to 255, for queues declared with priorities.
            expires: seconds after which a cast is dropped if nobody has taken it.
            try_now: fail instead of waiting when too many calls are in flight.
            fail_fast: fail at once when nobody consumes the service's queue.
            codec: how arguments are written: "msgpack", "json" or "text".
            when_blocked: "fail" or "wait" while the broker takes no requests.
            when_disconnected: "wait" or "fail" while there is no connection.

        Raises:
            TypeError, ValueError: for an option that does not exist or does not fit.
        """
        return type(self)(self._link, self._options.merged(options))

    @property
    def state(self) -> str:
        """`connected`, `reconnecting`, `blocked` or `closed`."""
        return self._link.connection.state()

    @property
    def unclaimed_replies(self) -> int:
        """How many replies came that no call waited for: late, twice or forged."""
        return self._link.connection.unclaimed_replies()

    def __repr__(self) -> str:
        return f"<leveret.{type(self).__name__} {self._link.name} {self.state}>"

    # Type checkers must not see it: they would allow any name.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                message += f"; the service of that name is client.service({name!r})"
            raise AttributeError(message)


class Client(_Base[Proxy], Sends):
    """A connection for calls that wait. Made by `connect`; may be used from any number of threads.

    ```python
    with leveret.connect() as client:
        print(client.service("math").fib(30))
    ```
    """

    _proxy = Proxy
    _wants = "sync"

    def close(self) -> None:
        """Closes the connection; calls under way fail. Does nothing when it is closed."""
        self._link.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Base[AsyncProxy], AsyncSends):
    """A connection for calls to await. Made by `connect_async`; may be used from any number of
    event loops.

    ```python
    async with leveret.connect_async() as client:
        print(await client.service("math").fib(30))
    ```
    """

    _proxy = AsyncProxy
    _wants = "async"

    async def close(self) -> None:
        """Closes the connection; calls under way fail. Does nothing when it is closed."""
        loop = asyncio.get_running_loop()
        self._link.closing()
        await queue_of(loop).operation(loop, self._link.connection.close_later)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class Connecting(Coroutine[Any, Any, AsyncClient]):
    """What `connect_async` gives: await it, or use it in `async with`.

    ```python
    client = await leveret.connect_async()
    ```
    """

    __slots__ = ("_client", "_steps")

    def __init__(self, steps: Coroutine[Any, Any, AsyncClient]) -> None:
        self._steps = steps
        self._client: AsyncClient | None = None

    def __await__(self) -> Generator[Any, Any, AsyncClient]:
        return self._steps.__await__()

    def send(self, value: Any, /) -> Any:
        """For asyncio."""
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """For asyncio."""
        return self._steps.throw(*error)

    def close(self) -> None:
        """For asyncio."""
        self._steps.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if hasattr(AsyncClient, name):
                message += ": write `client = await leveret.connect_async()`, or `async with`"
            raise AttributeError(message)

    async def __aenter__(self) -> AsyncClient:
        self._client = await self
        return self._client

    async def __aexit__(self, *error: object) -> None:
        if self._client is not None:
            await self._client.close()


def connect(url: str | Sequence[str] | None = None, **options: Unpack[ConnectOptions]) -> Client:
    """Connects to a broker, for calls that wait.

    ```python
    with leveret.connect(timeout=2) as client:
        print(client.service("math").fib(30))
    ```

    Args:
        url: one address or several, `amqp://user:password@host:port/vhost`; by default $AMQP_URL,
            else the local one.
        name: what this program is called, in the broker's list and for servers.
        namespace: put in front of the names of services, so that teams can share a broker.
        user_id: the broker login to show to servers, where the URL does not say.
        connect_timeout: seconds for one attempt. Default: 10.
        heartbeat: seconds between signs of life. Default: 10.
        backoff: seconds before the first and at most between attempts to reconnect. Default: (0.1,
            10).
        reply_path: "queue", or "direct" for logins that may not declare one.
        in_flight: the most calls and bytes under way at once. Default: (10_000, 64 MiB).
        max_message_size: in bytes. Default: 15 MiB.
        management: where RabbitMQ's management API is, `http://user:password@host:15672` or https;
            without a login in it that of the broker's URL is used. It is asked for what AMQP does
            not tell, `QueueInfo.unacked`, and for nothing else.
        ca: certificates of authorities to trust, besides the system's: PEM as bytes, or a path.
        certificate: this client's, and its private key: PEM as bytes, or paths.
        lazy: return at once and connect in the background.
        options: besides these, the options of calls: see `Client.with_options`.

    Raises:
        LeveretError: `Unavailable` when no broker answers, `Unauthenticated` when it refuses the
            login, `PermissionDenied` when the login may not use the vhost, `InvalidArgument` for
            a URL that cannot be read.
        TypeError, ValueError: for an option that does not exist or does not fit.
        OSError: for a certificate file that cannot be read.
    """
    settings, calls = connection_settings(url, cast("dict[str, Any]", options))
    listen()
    connection, failure = _leveret.Connection.connect(settings)
    if failure is not None:
        raise to_exception(failure)
    assert connection is not None
    return Client(Link(connection, settings), calls)


def connect_async(
    url: str | Sequence[str] | None = None, **options: Unpack[ConnectOptions]
) -> Connecting:
    """Connects to a broker, for calls to await; takes what `connect` takes.

    ```python
    async with leveret.connect_async() as client:
        print(await client.service("math").fib(30))

    client = await leveret.connect_async()
    ```

    Raises:
        LeveretError, TypeError, ValueError, OSError: as `connect`; a LeveretError when awaited.
    """
    settings, calls = connection_settings(url, cast("dict[str, Any]", options))
    return Connecting(_connect_later(settings, calls))


async def _connect_later(settings: dict[str, Any], calls: Options) -> AsyncClient:
    listen()
    loop = asyncio.get_running_loop()
    queue = queue_of(loop)

    def start(native: _leveret.Queue, slot: int) -> None:
        _leveret.Connection.connect_later(settings, native, slot)

    def late(connection: _leveret.Connection) -> None:
        close: Callable[[_leveret.Queue, int], None] = connection.close_later
        queue.operation(loop, close)

    connection = await queue.operation(loop, start, late)
    return AsyncClient(Link(connection, settings), calls)
