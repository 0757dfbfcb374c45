"""The fib service as Python sees it, shared by server and client: what `examples/lib.rs` is for
Rust.
"""

from typing import Protocol

import leveret


class Negative(leveret.DomainError):
    """Fibonacci numbers are counted from 0."""

    n: int


class TooLarge(leveret.DomainError):
    """The number would not fit an unsigned 64-bit integer."""

    max: int


@leveret.service("math", queue="rpc_queue", errors=[Negative, TooLarge])
class Math(Protocol):
    """Small sums, on the queue of the RabbitMQ tutorials' RPC programs."""

    @leveret.rpc(default=True, idempotent=True)
    def fib(self, n: int) -> int:
        """The n-th Fibonacci number."""
        ...
