"""What every peer's script shares, so that all of them are measured by the same code.

A script in `peers/` says how its library serves and calls one method, `add_one`, or how it works
and pushes tasks, where a push is measured as if it were a call; this says when a server is ready,
keeps calls in flight for so long, and reports what that took as JSON lines.
"""

import argparse
import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass

import psutil

# How many requests a server takes at a time, wherever a library lets one say so.
PREFETCH = 256
# The same of a worker's tasks.
AHEAD = 64
# Seconds after which a queue of tasks is gone.
UNUSED = 60


@dataclass(frozen=True)
class Setting:
    """How many calls are in flight, and whether each has a thread of its own."""

    in_flight: int
    threads: bool = False

    @classmethod
    def parse(cls, text):
        return cls(int(text.removesuffix("t")), text.endswith("t"))

    def __str__(self):
        return f"{self.in_flight}t" if self.threads else str(self.in_flight)


@dataclass(frozen=True)
class End:
    """What a server or a client is told."""

    url: str
    queue: str
    settings: list[Setting]
    seconds: float
    warm_up: float
    server_pid: int


def add_one(n: int) -> int:
    return n + 1


def ready():
    print("ready", flush=True)


def measure(end: End, load: Callable[[Setting, float], list[float]]):
    """One JSON line per setting; `load` keeps the calls in flight and returns their latencies."""
    server = psutil.Process(end.server_pid)
    for setting in end.settings:
        load(setting, end.warm_up)
        theirs, ours, start = server.cpu_times(), time.process_time(), time.perf_counter()
        latencies = load(setting, end.seconds)
        elapsed = time.perf_counter() - start
        if elapsed < 0.9 * end.seconds:
            raise AssertionError("the load ended before its time")
        ours, after = time.process_time() - ours, server.cpu_times()
        theirs = after.user + after.system - theirs.user - theirs.system
        calls = len(latencies)
        latencies.sort()
        figures = {
            "setting": str(setting),
            "rate": calls / elapsed,
            "p50": latencies[calls // 2] * 1e6,
            "p99": latencies[calls * 99 // 100] * 1e6,
            "client_cpu": ours / calls * 1e6,
            "server_cpu": theirs / calls * 1e6,
        }
        print(json.dumps(figures), flush=True)


# --- asyncio


def asyncio_server(serving: Callable[[End], AbstractAsyncContextManager]):
    """A server that is one while `serving` is entered."""

    async def serve(end):
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        async with serving(end):
            ready()
            await stopped.wait()

    return lambda end: asyncio.run(serve(end))


def asyncio_client(calling: Callable[[End], AbstractAsyncContextManager]):
    """A client whose `calling` gives an async function: one task for every call in flight."""

    async def caller(call, until):
        latencies = []
        clock = time.perf_counter
        n = 0
        sent = clock()
        while sent < until:
            if await call(n) != n + 1:
                raise AssertionError("a wrong answer")
            answered = clock()
            latencies.append(answered - sent)
            sent = answered
            n += 1
        return latencies

    async def load(call, setting, seconds):
        until = time.perf_counter() + seconds
        callers = [asyncio.create_task(caller(call, until)) for _ in range(setting.in_flight)]
        return [latency for each in await asyncio.gather(*callers) for latency in each]

    def run(end):
        with asyncio.Runner() as runner:
            context = calling(end)
            call = runner.run(context.__aenter__())
            measure(end, lambda *given: runner.run(load(call, *given)))
            runner.run(context.__aexit__(None, None, None))

    return run


# --- blocking


def blocking_server(serving: Callable[[End, Callable[[], None]], None]):
    """A server whose `serving` calls its second argument when it is ready; SIGTERM exits."""

    def run(end):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        serving(end, ready)

    return run


def one_after_the_other(call, seconds) -> list[float]:
    latencies = []
    clock = time.perf_counter
    n = 0
    sent = clock()
    until = sent + seconds
    while sent < until:
        if call(n) != n + 1:
            raise AssertionError("a wrong answer")
        answered = clock()
        latencies.append(answered - sent)
        sent = answered
        n += 1
    return latencies


def in_threads(calls, seconds) -> list[float]:
    """One thread for each function in `calls`."""
    latencies = []
    threads = [
        threading.Thread(
            target=lambda call=call: latencies.append(one_after_the_other(call, seconds))
        )
        for call in calls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(latencies) != len(threads):
        raise AssertionError("a call failed")
    return [latency for each in latencies for latency in each]


def blocking_client(calling: Callable[[End], AbstractContextManager]):
    """A client whose `calling` gives one function that any thread may call."""

    def run(end):
        with calling(end) as call:

            def load(setting, seconds):
                if setting.in_flight == 1:
                    return one_after_the_other(call, seconds)
                return in_threads([call] * setting.in_flight, seconds)

            measure(end, load)

    return run


def main(**roles: Callable[[End], None]):
    """Runs the role that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=roles)
    parser.add_argument("--url", required=True)
    parser.add_argument("--queue", required=True)
    parser.add_argument("--settings", default="1", help="such as 1,8t,64")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warm-up", type=float, default=1.0)
    parser.add_argument("--server-pid", type=int, default=0)
    given = vars(parser.parse_args())
    role = roles[given.pop("role")]
    given["settings"] = [Setting.parse(text) for text in given["settings"].split(",")]
    role(End(**given))
