"""One suite against one broker, in a network namespace where the broker has the usual port.

`inside.py SUITE rabbitmq|embedded`, started by main.py. Many suites know no other address than port
5672 of localhost: in a namespace of their own any number of brokers can have it, and nothing that a
suite does reaches the machine's network.
"""

import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import suites
from places import RESULTS, ROOT, binary

URL = "amqp://guest:guest@127.0.0.1:5672/%2f"
BOOT = 60


def loopback_up() -> None:
    # SIOCSIFFLAGS with IFF_UP: `ip` is not on every machine.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", b"lo", 1))
    # The brokers listen on 127.0.0.1: `localhost` must not be ::1 for anybody.
    with contextlib.suppress(OSError):
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")


@contextlib.contextmanager
def rabbitmq(log: Path) -> Iterator[dict[str, str]]:
    """A node of with-broker, with a second listener on the port that suites expect."""
    listen = (
        'sh "$LEVERET_TEST_CTL" eval "rabbit_networking:start_tcp_listener('
        '{\\"127.0.0.1\\", 5672, inet}, 10)." >&2 && echo "$LEVERET_TEST_CTL" && exec cat'
    )
    command = [binary("with-broker", "WITH_BROKER"), "--rabbitmq", "--", "sh", "-c", listen]
    with log.open("wb") as output:
        node = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output
        )
    assert node.stdin is not None
    assert node.stdout is not None
    try:
        ctl = node.stdout.readline().decode().strip()
        if not ctl:
            raise SystemExit(f"RabbitMQ did not start: {log}")
        yield {"LEVERET_TEST_CTL": ctl}
    finally:
        # `cat` ends with its input, and with-broker takes the node down.
        node.stdin.close()
        node.wait()


@contextlib.contextmanager
def embedded(log: Path) -> Iterator[dict[str, str]]:
    command = [
        *(binary("leveret-broker", "LEVERET_BROKER"), "--listen", "127.0.0.1:5672"),
        *("--user", "guest", "--password", "guest"),
    ]
    with log.open("wb") as output:
        broker = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + BOOT
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", 5672), timeout=1).close()
                break
            if broker.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"leveret-broker did not start: {log}")
            time.sleep(0.05)
        yield {}
        if broker.poll() is not None:
            print(f"leveret-broker ended with {broker.returncode}: {log}", file=sys.stderr)
    finally:
        broker.terminate()
        try:
            broker.wait(timeout=10)
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()


BROKERS = {"rabbitmq": rabbitmq, "embedded": embedded}


def run(suite: suites.Suite, environment: dict[str, str], out: Path) -> str:
    """Runs the suite's command; says how it ended, in a word for the table."""
    with (out / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            suite.command(out),
            cwd=suite.folder,
            env={**os.environ, **environment, **suite.environment(out)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(timeout=suite.limit)
            return ""
        except subprocess.TimeoutExpired:
            return f"stopped after {suite.limit} s"
        finally:
            # What a suite leaves running goes with it: the session is its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def lay_over_usr() -> None:
    """What was unpacked and not installed, for this process and its children only."""
    layers = f"lowerdir={ROOT}/usr:/usr"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, "/usr"], check=True)


def main() -> None:
    name, broker = sys.argv[1:]
    suite = suites.BY_NAME[name]
    out = RESULTS / broker / name
    loopback_up()
    if suite.unpacked:
        lay_over_usr()
    with BROKERS[broker](out / "broker.txt") as extra:
        environment = {"AMQP_URL": URL, "CONFORMANCE_OUT": str(out), **extra}
        started = time.monotonic()
        ended = run(suite, environment, out)
    (out / "seconds.txt").write_text(f"{time.monotonic() - started:.0f}\n")
    (out / "ended.txt").write_text(ended)


if __name__ == "__main__":
    main()
