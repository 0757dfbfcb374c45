"""Serves fib on `rpc_queue`: `python server.py`. Ctrl-C stops it in order."""

import os

import leveret
from contract import Math, Negative, TooLarge

LARGEST = 93


class Calculator(Math):
    """A `def` handler runs in a thread, an `async def` one on the event loop."""

    def fib(self, n: int) -> int:
        if n < 0:
            raise Negative(f"{n} is negative; n counts from 0", n=n)
        if n > LARGEST:
            raise TooLarge(
                f"the number does not fit 64 bits: the largest n is {LARGEST}", max=LARGEST
            )
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return a


if __name__ == "__main__":
    # One at a time, so that several servers share the work evenly; the queue goes when nobody needs
    # it.
    served = leveret.Serve(
        Calculator(), concurrency=1, queue=leveret.QueueOptions(delete_when_idle=True)
    )
    try:
        leveret.run(
            served,
            url=os.environ.get("AMQP_URL"),
            name="server.py",
            ready=lambda: print("server.py: ready on rpc_queue", flush=True),
        )
    except leveret.LeveretError as error:
        raise SystemExit(f"server.py: {error}") from error
