"""`python -m leveret.broker`: what it prints, how it ends, and what it says of wrong arguments."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import leveret
import pika
import pytest
from leveret.broker import main
from leveret.testing import Broker


class Running:
    """The program, started."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-m", "leveret.broker", *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        found = re.fullmatch(r"leveret-broker: ready on (amqp://\S+)\n", self.line)
        self.url = found[1] if found else ""

    def end(self, *signals: signal.Signals) -> tuple[int, str, str]:
        for number in signals:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def run() -> Iterator[type[Running]]:
    """Starts programs, and does away with those that are left."""
    started: list[Running] = []

    class Kept(Running):
        def __init__(self, *arguments: str, **environment: str) -> None:
            started.append(self)
            super().__init__(*arguments, **environment)

    yield Kept
    for one in started:
        one.process.kill()
        one.process.communicate()


MEMORY = (
    "leveret-broker: queues and messages are in memory: nothing survives a restart, durable or not"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(run: type[Running], number: signal.Signals) -> None:
    program = run("--listen", "127.0.0.1:0")
    assert re.fullmatch(r"amqp://guest:guest@127\.0\.0\.1:\d+/%2f", program.url), program.line
    with leveret.connect(program.url) as client:
        assert client.state == "connected"
        # It answers the goodbye, so that nothing is waited for.
        assert program.end(number) == (0, "", MEMORY + "\n")


def test_a_second_signal_does_not_wait_for_clients(run: type[Running]) -> None:
    program = run("--listen=127.0.0.1:0")
    silent = pika.BlockingConnection(pika.URLParameters(program.url))
    program.process.send_signal(signal.SIGTERM)
    # It has said goodbye; were it answered, the program would end by itself.
    assert select.select([silent._impl._transport._sock], [], [], 20)[0]
    assert program.end(signal.SIGTERM)[0] == 1
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="shutdown"):
        silent.process_data_events(0)


def test_a_login_of_its_own_is_not_shown(run: type[Running]) -> None:
    by_argument = run(
        "--listen", "127.0.0.1:0", "--user", "ann", "--password", "s3", "--vhost", "x"
    )
    by_environment = run(
        "--listen", "127.0.0.1:0", LEVERET_BROKER_USER="ann", LEVERET_BROKER_PASSWORD="s3"
    )
    for program, vhost in ((by_argument, "x"), (by_environment, "%2f")):
        assert re.fullmatch(rf"amqp://ann@127\.0\.0\.1:\d+/{vhost}", program.url), program.line
        with leveret.connect(program.url.replace("ann@", "ann:s3@")) as client:
            assert client.state == "connected"
        with pytest.raises(leveret.Unauthenticated):
            leveret.connect(program.url.replace("ann@", "guest:guest@"))


def test_limits(run: type[Running]) -> None:
    program = run("--listen", "127.0.0.1:0", "--heartbeat", "9", "--max-connections", "1")
    connection = pika.BlockingConnection(pika.URLParameters(program.url))
    assert connection._impl.params.heartbeat == 9
    host, port = program.url.rpartition("@")[2].partition("/")[0].split(":")
    with socket.create_connection((host, int(port))) as second:
        second.settimeout(20)
        assert second.recv(1) == b""
    connection.close()


def test_a_status_page(run: type[Running]) -> None:
    program = run("--listen", "127.0.0.1:0", "--status", "127.0.0.1:0")
    assert program.process.stdout is not None
    line = program.process.stdout.readline()
    found = re.fullmatch(r"leveret-broker: status on (http://127\.0\.0\.1:\d+)/\n", line)
    assert found, line
    with urllib.request.urlopen(f"{found[1]}/status.json", timeout=20) as answer:
        assert b'"queues":[]' in answer.read()
    taken = run("--listen", "127.0.0.1:0", "--status", found[1].removeprefix("http://"))
    assert taken.end()[0] == 69
    public = run("--listen", "127.0.0.1:0", "--status", "0.0.0.0:0")
    assert public.end()[0] == 64


def test_a_port_that_is_taken(run: type[Running]) -> None:
    with Broker() as broker:
        port = broker.address[1]
        program = run("--listen", f"127.0.0.1:{port}")
        status, out, err = program.end()
    assert (status, program.line + out) == (69, "")
    assert re.fullmatch(
        rf"leveret-broker: cannot listen on 127\.0\.0\.1:{port}: Address already in use "
        r"\(os error \d+\): choose another with --listen\n",
        err,
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--listen", "5672"], "--listen needs HOST:PORT, not '5672'"),
        (["--listen", "127.0.0.1:99999"], "port is a whole number from 0 to 65535, not 99999"),
        (["--user", "ann"], "the user 'ann' needs a password"),
        (["--memory-limit", "lots"], "invalid int value: 'lots'"),
        (["--memory-limit", "-1"], "memory_limit is a whole number"),
        (["--heartbeat", "70000"], "heartbeat is a whole number from 0 to 65535"),
        (["--max", "3"], "unrecognized arguments: --max 3"),
        (["more"], "unrecognized arguments: more"),
    ],
)
def test_what_makes_no_sense(run: type[Running], arguments: list[str], says: str) -> None:
    program = run(*arguments)
    status, out, err = program.end()
    assert (status, program.line + out) == (64, "")
    assert err.startswith("leveret-broker: ")
    assert err.endswith("; --help says what can be given\n")
    assert says in err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--help"])
    out = capsys.readouterr().out
    for option in ("--listen", "--user", "--password", "--vhost", "--memory-limit", "--heartbeat"):
        assert option in out
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"leveret-broker {leveret.__version__}\n"
