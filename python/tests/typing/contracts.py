"""What a type checker makes of the public API: read by pyright in strict mode, never run.

A call through a class is the class's own method, a call by name is `Any`, and decorators change
nothing about what they decorate.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import leveret
from typing_extensions import assert_type


class TooLarge(leveret.DomainError, name="too_large"):
    limit: int


@leveret.service("math", errors=[TooLarge])
class Math(Protocol):
    @leveret.rpc
    def fib(self, n: int) -> int: ...

    @leveret.rpc(timeout=2, idempotent=True, errors=[TooLarge])
    def mean(self, samples: list[float], *, weighted: bool = False) -> float: ...


@leveret.service("log")
class Log(ABC):
    @leveret.rpc(oneway=True)
    @abstractmethod
    async def line(self, text: str) -> None: ...


@leveret.service("shop", partitions=8)
class Shop(Protocol):
    @leveret.rpc(key="item")
    def buy(self, item: str, count: int) -> int: ...


@leveret.service
class Plain:
    @leveret.rpc
    def method(self) -> str:
        return ""


class Calculator(Math):
    def fib(self, n: int) -> int:
        return n

    def mean(self, samples: list[float], *, weighted: bool = False) -> float:
        return 0.0


def blocking(client: leveret.Client) -> None:
    math = client.service(Math, timeout=2)
    assert_type(math, Math)
    assert_type(math.fib(30), int)
    assert_type(math.mean([1.0], weighted=True), float)
    assert_type(client.service(Plain).method(), str)
    assert_type(client.service(Shop).buy("item-7", 2), int)
    math.fib("30")  # pyright: ignore[reportArgumentType]
    math.fibb(30)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    dynamic = client.service("math", timeout=2, metadata={"a": "b"})
    assert_type(dynamic, leveret.Proxy)
    assert_type(dynamic.fib, leveret.Method)
    assert_type(dynamic["fib"], leveret.Method)
    assert_type(dynamic.fib(30), Any)
    assert_type(dynamic.fib.cast(30), None)
    assert_type(dynamic.fib.with_options(timeout=1.5), leveret.Method)
    assert_type(dynamic.buy.with_options(key=("item-7", 16)), leveret.Method)
    dynamic.with_options(key=("item-7", 16))  # pyright: ignore[reportCallIssue]
    assert_type(client.service(queue="rpc_queue"), leveret.Proxy)
    assert_type(client.with_options(codec="json"), leveret.Client)
    client.with_options(codec="xml")  # pyright: ignore[reportArgumentType]
    client.with_options(timeot=1)  # pyright: ignore[reportCallIssue]
    client.service("math", timeout="2")  # pyright: ignore[reportArgumentType, reportCallIssue]
    with leveret.connect(lazy=True, timeout=2) as opened:
        assert_type(opened, leveret.Client)


async def awaiting(client: leveret.AsyncClient) -> None:
    log = client.service(Log)
    assert_type(log, Log)
    assert_type(await log.line("text"), None)
    dynamic = client.service("math")
    assert_type(dynamic, leveret.AsyncProxy)
    assert_type(dynamic.fib, leveret.AsyncMethod)
    assert_type(dynamic.fib(30), leveret.CallFuture)
    assert_type(await dynamic.fib(30), Any)
    assert_type(dynamic.fib.cast(30), leveret.CallFuture)
    assert_type(await leveret.connect_async(), leveret.AsyncClient)
    async with leveret.connect_async(timeout=2) as opened:
        assert_type(opened, leveret.AsyncClient)
    async with await leveret.connect_async() as opened:
        assert_type(opened, leveret.AsyncClient)


functions = leveret.Service("functions", errors=[TooLarge])


@functions.rpc
def twice(n: int) -> int:
    return 2 * n


@functions.rpc(name="thrice", idempotent=True)
async def three_times(n: int) -> int:
    return 3 * n


async def decorated() -> None:
    assert_type(twice(1), int)
    assert_type(await three_times(1), int)
    assert_type(Plain().method(), str)
    twice("1")  # pyright: ignore[reportArgumentType]


async def serving() -> None:
    served = leveret.Serve(Calculator(), concurrency=1, queue=leveret.QueueOptions(kind="quorum"))
    server = leveret.Server(served, functions, namespace="team.", threads=4, grace=1)
    async with server as running:
        assert_type(running, leveret.Server)
        assert_type(server.instance, str | None)
    with server.in_thread() as running:
        assert_type(running, leveret.Server)
    leveret.run(Calculator(), ready=lambda: None, tracebacks=True)
    leveret.run(Calculator(), tracback=True)  # pyright: ignore[reportCallIssue]


def errors() -> None:
    try:
        raise TooLarge("n is too large", limit=93)
    except TooLarge as error:
        assert_type(error.limit, int)
        assert_type(error.message, str)
        assert_type(error.code, leveret.Code)
        assert_type(error.executed, leveret.Executed)
        assert_type(error.retryable, bool)
        assert_type(error.retry_after, float | None)
        assert_type(error.details, Any)
    raise leveret.PermissionDenied("not yours", details={"owner": "ann"}, retryable=False)


def in_a_handler() -> None:
    cx = leveret.context()
    assert_type(cx, leveret.Context | None)
    if cx is not None:
        assert_type(cx.metadata, Mapping[str, str])
        assert_type(cx.time_left, float | None)
        assert_type(cx.trace, leveret.TraceContext | None)
        assert_type(cx.cancelled, bool)
    assert_type(leveret.describe(Math), dict[str, Any])
