"""The six programs of RabbitMQ's tutorials, in Python with pika and in Node with amqplib.

Each tutorial is run for every pair of languages: one sends, the other receives. The programs know
nothing of Leveret; what they print is the test. A receiver prints `ready` when it is registered,
so nothing here waits for time.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pika
import pytest

HERE = Path(__file__).parent
PATIENCE = 30
LANGUAGES = {
    "python": lambda program: [sys.executable, "-u", HERE / "python" / f"{program}.py"],
    "node": lambda program: ["node", HERE / "node" / f"{program}.js"],
}


class Program:
    """A program that runs: its lines as they come, and its input."""

    def __init__(self, command: list, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def says(self, *expected: str) -> None:
        """Exactly these lines, and in this order, are the next ones."""
        for line in expected:
            assert self._lines.get(timeout=PATIENCE) == line

    def says_in_any_order(self, *expected: str) -> None:
        said = [self._lines.get(timeout=PATIENCE) for _ in expected]
        assert sorted(said) == sorted(expected)

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self) -> None:
        """Nothing more to say, and no error."""
        self.says(None)
        assert self.process.wait(timeout=PATIENCE) == 0


def interrupt(*programs: Program) -> None:
    for program in programs:
        program.process.send_signal(signal.SIGINT)
    for program in programs:
        program.ends()


class Tutorial:
    """Starts the programs of one test, under names of its own, and leaves nothing behind."""

    def __init__(self, sender: str, receiver: str) -> None:
        self._languages = {"sender": sender, "receiver": receiver}
        self._prefix = f"tutorial-{uuid.uuid4().hex}."
        self._programs: list[Program] = []

    def start(self, side: str, program: str, *arguments: str) -> Program:
        command = [*LANGUAGES[self._languages[side]](program), *arguments]
        self._programs.append(Program(command, {"TUTORIAL_PREFIX": self._prefix}))
        return self._programs[-1]

    def receive(self, *programs: tuple[str, ...]) -> list[Program]:
        started = [self.start("receiver", *program) for program in programs]
        for program in started:
            program.says("ready")
        return started

    def send(self, program: str, *arguments: str, says: list[str]) -> None:
        sent = self.start("sender", program, *arguments)
        sent.says(*says)
        sent.ends()

    def clean_up(self) -> None:
        for program in self._programs:
            program.process.kill()
            program.process.wait()
            program.process.stdin.close()
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
        channel = connection.channel()
        for name in ("hello", "task_queue", "rpc_queue"):
            channel.queue_delete(self._prefix + name)
        for name in ("logs", "direct_logs", "topic_logs"):
            channel.exchange_delete(self._prefix + name)
        connection.close()


@pytest.fixture(params=LANGUAGES)
def receiver(request):
    return request.param


@pytest.fixture(params=LANGUAGES)
def sender(request):
    return request.param


@pytest.fixture
def tutorial(sender, receiver):
    tutorial = Tutorial(sender, receiver)
    yield tutorial
    tutorial.clean_up()


def test_hello(tutorial):
    # Before anybody receives: the queue keeps it.
    tutorial.send("send", "early", says=["sent early"])
    receive = tutorial.start("receiver", "receive")
    # Registered first or served first: to the program these are two sides of a race.
    receive.says_in_any_order("ready", "received early")
    tutorial.send("send", "Hello World!", "größer", says=["sent Hello World!", "sent größer"])
    receive.says("received Hello World!", "received größer")
    interrupt(receive)


def test_work_queues(tutorial):
    [slow] = tutorial.receive(("worker",))
    tutorial.send("new_task", "long.", says=["sent long."])
    slow.says("received long., mode 2")
    # One task at a time: a worker that is at work gets no other, however many there are.
    [quick] = tutorial.receive(("worker",))
    tutorial.send("new_task", "a", "b", "c.", says=["sent a", "sent b", "sent c."])
    quick.says(
        "received a, mode 2", "done a", "received b, mode 2", "done b", "received c., mode 2"
    )
    # A task whose worker dies is another worker's.
    slow.process.kill()
    slow.says(None)
    quick.go_on()
    quick.says("done c.", "received long. again, mode 2")
    quick.go_on()
    quick.says("done long.")
    interrupt(quick)


def test_publish_subscribe(tutorial):
    tutorial.send("emit_log", "nobody listens", says=["sent nobody listens"])
    listeners = tutorial.receive(("receive_logs",), ("receive_logs",))
    tutorial.send("emit_log", "one", "two", says=["sent one", "sent two"])
    for listener in listeners:
        listener.says("received one", "received two")
    interrupt(listeners.pop())
    tutorial.send("emit_log", "three", says=["sent three"])
    listeners[0].says("received three")
    interrupt(*listeners)


def test_routing(tutorial):
    errors, everything = tutorial.receive(
        ("receive_logs_direct", "error"), ("receive_logs_direct", "info", "warning", "error")
    )
    tutorial.send(
        *("emit_log_direct", "info", "up", "debug", "hidden", "warning", "hot", "error", "burnt"),
        says=["sent info up", "sent debug hidden", "sent warning hot", "sent error burnt"],
    )
    errors.says("received error burnt")
    everything.says("received info up", "received warning hot", "received error burnt")
    interrupt(errors, everything)


def test_topics(tutorial):
    kernel, critical, everything = tutorial.receive(
        ("receive_logs_topic", "kern.*"),
        ("receive_logs_topic", "*.critical", "#.disk.#"),
        ("receive_logs_topic", "#"),
    )
    logs = {
        "kern.critical": "panic",
        "kern": "too few words",
        "kern.disk.full": "too many for kernel",
        "cron.critical": "late",
        "disk": "alone",
        "kern.info": "last",
    }
    given = [word for log in logs.items() for word in log]
    tutorial.send("emit_log_topic", *given, says=[f"sent {key} {logs[key]}" for key in logs])

    def hears(listener, *keys):
        listener.says(*(f"received {key} {logs[key]}" for key in keys))

    hears(kernel, "kern.critical", "kern.info")
    hears(critical, "kern.critical", "kern.disk.full", "cron.critical", "disk")
    hears(everything, *logs)
    interrupt(kernel, critical, everything)


def test_rpc(tutorial):
    [server] = tutorial.receive(("rpc_server",))
    clients = [
        tutorial.start("sender", "rpc_client", *numbers) for numbers in (("30", "0", "7"), ("90",))
    ]
    clients[0].says("fib(30) = 832040", "fib(0) = 0", "fib(7) = 13")
    clients[1].says("fib(90) = 2880067194370816120")
    for client in clients:
        client.ends()
    server.says_in_any_order("asked for 30", "asked for 0", "asked for 7", "asked for 90")
    interrupt(server)
