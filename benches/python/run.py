"""Leveret's Python beside the RPC libraries that Python has for RabbitMQ, in the same run.

`make bench-python` runs it on the broker in AMQP_URL. Each measurement has a client process and a
server process of its own, and nothing else runs meanwhile. The rounds go through all the stacks in
turn, so that a noisy machine hits all of them; the figures are medians over the rounds.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness import Setting

HERE = Path(__file__).parent
KIWIPY = HERE.parents[1] / "target/bench-venv-kiwipy/bin/python"
PATIENCE = 30.0


@dataclass(frozen=True)
class Stack:
    title: str
    script: str
    server: str = "server"
    client: str = "client"
    settings: str = "1,64,512"
    what: str = "calls"
    server_script: str | None = None
    python: str = sys.executable

    def command(self, role):
        script = self.server_script or self.script if role == self.server else self.script
        return [self.python, "-m", f"peers.{script}", role]


BLOCKING = "1,8t"
STACKS = {
    "leveret": Stack(
        "leveret: asyncio, `async def`", "leveret_rpc", "server_async", "client_async"
    ),
    "leveret-def": Stack(
        "leveret: asyncio, `def`", "leveret_rpc", "server_threads", "client_async"
    ),
    "leveret-blocking": Stack(
        "leveret: blocking, `async def`", "leveret_rpc", "server_async", "client_blocking", BLOCKING
    ),
    "pika-to-leveret": Stack(
        "pika by hand, leveret `async def`",
        "pika_by_hand",
        "server_async",
        settings="1,8t,64,512",
        server_script="leveret_rpc",
    ),
    "aio-pika-rpc": Stack("aio-pika patterns.RPC", "aio_pika_rpc"),
    "aio-pika": Stack("aio-pika by hand", "aio_pika_by_hand"),
    "aio-pika-unconfirmed": Stack(
        "aio-pika by hand, no confirms",
        "aio_pika_by_hand",
        "server_unconfirmed",
        "client_unconfirmed",
    ),
    "pika": Stack("pika by hand", "pika_by_hand", settings="1,8t,64,512"),
    "kiwipy": Stack("kiwipy", "kiwipy_rpc", python=str(KIWIPY)),
    "nameko": Stack("nameko", "nameko_rpc"),
    "faststream": Stack("FastStream request", "faststream_request"),
    "leveret-tasks": Stack("leveret: asyncio", "leveret_tasks", "worker", "pusher", what="tasks"),
    "leveret-tasks-blocking": Stack(
        "leveret: blocking", "leveret_tasks", "worker", "blocking_pusher", BLOCKING, "tasks"
    ),
    "aio-pika-tasks": Stack("aio-pika by hand", "aio_pika_tasks", "worker", "pusher", what="tasks"),
    "pika-tasks": Stack("pika by hand", "pika_tasks", "worker", "pusher", "1", "tasks"),
}


class NotMeasuredError(Exception):
    """Why a stack has no figures."""


class Process:
    """A server or a client; ended with the `with` block, whatever happened in it."""

    def __init__(self, stack, role, *arguments):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (__exit__ closes it)
        try:
            self.child = subprocess.Popen(
                [*stack.command(role), *arguments],
                cwd=HERE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
            )
        except OSError as error:
            raise NotMeasuredError(f"not installed: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
        self.errors.close()

    def why(self):
        self.errors.seek(0)
        lines = self.errors.read().split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")

    def wait_until_ready(self):
        with Alarm(PATIENCE):
            line = self.child.stdout.readline()
        if line != "ready\n":
            raise NotMeasuredError(self.why())

    def figures(self, seconds):
        with Alarm(seconds + PATIENCE):
            lines = self.child.stdout.read().splitlines()
            if self.child.wait() != 0:
                raise NotMeasuredError(self.why())
        return [json.loads(line) for line in lines]


class Alarm:
    """A limit for what is read from a process."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)

    def ring(self, *_):
        raise NotMeasuredError(f"nothing within {self.seconds:g} s")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:<60}\r", end="", file=sys.stderr, flush=True)


def measure(stack, given):
    settings = [each for each in stack.settings.split(",") if each in given.settings]
    common = ["--url", given.url, "--queue", f"leveret-bench-{os.getpid()}"]
    if not settings:
        return []
    with Process(stack, stack.server, *common) as server:
        server.wait_until_ready()
        with Process(
            stack,
            stack.client,
            *common,
            f"--settings={','.join(settings)}",
            f"--seconds={given.seconds}",
            f"--warm-up={given.warm_up}",
            f"--server-pid={server.child.pid}",
        ) as client:
            return client.figures(len(settings) * (given.seconds + given.warm_up))


def run(given):
    """Figures by stack and setting, and the reasons of the stacks that have none."""
    rounds, reasons = {}, {}
    for number in range(given.rounds):
        for name in given.stacks:
            progress(f"round {number + 1} of {given.rounds}: {name}")
            try:
                for figures in measure(STACKS[name], given) if name not in reasons else ():
                    rounds.setdefault((name, figures.pop("setting")), []).append(figures)
            except NotMeasuredError as reason:
                reasons[name] = str(reason)
    progress("")
    medians = {
        key: {figure: statistics.median(each[figure] for each in taken) for figure in taken[0]}
        for key, taken in rounds.items()
        if key[0] not in reasons
    }
    return medians, reasons


def table(medians, reasons, given):
    for kind, setting in product(("calls", "tasks"), given.settings):
        keys = [
            (name, setting)
            for name in given.stacks
            if STACKS[name].what == kind and (name, setting) in medians
        ]
        if not keys:
            continue
        against = [name for name in given.against if STACKS[name].what == kind]
        ratios = "".join(f"{'x ' + name:>16}" for name in against)
        head = (
            f"{kind + '/s':>9}{'p50 us':>9}{'p99 us':>9}{'client us':>11}{'server us':>11}{ratios}"
        )
        load = Setting.parse(setting)
        what = "threads" if load.threads else "in flight"
        yield ""
        yield f"{f'{load.in_flight} {what}':<36}{head}"
        for name, _ in keys:
            mine = medians[name, setting]
            line = f"{STACKS[name].title:<36}{mine['rate']:>9.0f}"
            line += f"{mine['p50']:>9.0f}{mine['p99']:>9.0f}"
            line += f"{mine['client_cpu']:>11.0f}{mine['server_cpu']:>11.0f}"
            for peer in against:
                theirs = medians.get((peer, setting))
                line += f"{mine['rate'] / theirs['rate']:>16.2f}" if theirs else f"{'-':>16}"
            yield line
    yield ""
    for name, reason in reasons.items():
        yield f"{STACKS[name].title}: not measured: {reason}"


def names(text):
    chosen = text.split(",")
    if unknown := set(chosen) - set(STACKS):
        raise argparse.ArgumentTypeError(f"no such stack: {', '.join(unknown)}")
    return chosen


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before each")
    parser.add_argument("--stacks", type=names, default=list(STACKS), help=",".join(STACKS))
    against = ["aio-pika-rpc", "pika", "aio-pika-tasks", "pika-tasks"]
    parser.add_argument("--against", type=names, default=against, help="for ratios")
    settings = {"type": lambda text: text.split(","), "default": ["1", "8t", "64"]}
    parser.add_argument("--settings", **settings, help="of 1,8t,64,512; 8t: 8 threads")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    given = parser.parse_args()
    given.url = os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f")
    return given


def main():
    given = arguments()
    # So that a terminated run ends its processes, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    medians, reasons = run(given)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{given.rounds} rounds of {given.seconds:g} s, medians; {machine}; us: microseconds;")
    print("client us, server us: CPU of the process per call or task;")
    print("x NAME: calls/s or tasks/s, as a multiple of its")
    print("\n".join(table(medians, reasons, given)))
    if given.json:
        figures = [{"stack": name, "setting": at, **each} for (name, at), each in medians.items()]
        result = {"machine": machine, "figures": figures, "not measured": reasons}
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if medians else 1


if __name__ == "__main__":
    sys.exit(main())
