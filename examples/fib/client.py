"""Calls fib, whoever serves it: `python client.py 30 [--text] [--calls 100] [--timeout 10]`."""

import argparse
import statistics
import time

import leveret
from contract import Math, Negative, TooLarge


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Calls fib(N) and prints the answer.")
    parser.add_argument("n", type=int, nargs="?", default=30)
    parser.add_argument("--text", action="store_true", help="speak plain text, as the tutorials do")
    parser.add_argument("--calls", type=int, default=1, help="call so often, print the median time")
    parser.add_argument("--timeout", type=float, default=10.0, help="how long to wait, in seconds")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    n = options.n
    with leveret.connect(name="client.py") as client:
        codec = "text" if options.text else "msgpack"
        math = client.service(Math, timeout=options.timeout, codec=codec)
        times: list[float] = []
        value = 0
        try:
            for _ in range(max(1, options.calls)):
                began = time.perf_counter()
                value = math.fib(n)
                times.append(time.perf_counter() - began)
        except Negative as error:
            raise SystemExit(f"there is no fib({n}): {error.n} is negative") from error
        except TooLarge as error:
            raise SystemExit(f"fib({n}) is too large: ask for up to {error.max}") from error
    print(f"fib({n}) = {value}")
    if options.calls > 1:
        print(f"median of {options.calls} calls: {statistics.median(times) * 1e6:.0f} us")


if __name__ == "__main__":
    try:
        main()
    except leveret.LeveretError as error:
        raise SystemExit(f"{error} (executed: {error.executed})") from error
