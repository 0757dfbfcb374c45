"""A broker and its process: forks, which copy its sockets, and ends, which it must not hold up."""

from __future__ import annotations

import signal

import pika
import pytest
from behaviour.rig import Scripts

# `-W error` would turn this warning of Python's own, about forks with threads, into an error.
QUIET = "-Wignore:This process:DeprecationWarning"
# A client that is gone at exit has its own second and a half.
SOON = 8.0

SERVICE = """
import errno, socket
import leveret.testing
@leveret.service("math")
class Math:
    @leveret.rpc
    def double(self, n: int) -> int:
        return 2 * n
def fork(child):
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit(0)
    return pid
"""


def test_a_child_uses_the_url_and_nothing_else(scripts: Scripts) -> None:
    lines = scripts.run(
        SERVICE
        + """
broker = leveret.testing.Broker().start()
def child():
    with leveret.connect(broker.url) as client:
        say(client.service("math").double(21))
    try:
        broker.start()
    except leveret.FailedPrecondition as error:
        say(error.executed, "forked" in error.message, broker.url in error.message)
    broker.stop()
    with leveret.testing.Broker() as mine, leveret.connect(mine.url) as client:
        say(client.state, mine.address != broker.address)
# Not by `with`: the child would leave that too, and wait for a thread that it does not have.
serving = leveret.Server(Math(), url=broker.url).in_thread()
serving.__enter__()
os.waitpid(fork(child), 0)
with leveret.connect(broker.url) as client:
    say(client.service("math").double(4))
""",
        QUIET,
    )
    assert lines == ["42", "no True False", "connected True", "8"]


def test_a_child_does_not_keep_the_port_nor_the_connections(scripts: Scripts) -> None:
    lines = scripts.run(
        SERVICE
        + """
socket.setdefaulttimeout(30)
broker = leveret.testing.Broker().start()
there = socket.create_connection(broker.address)
there.sendall(b"AMQP\\0\\0\\x09\\1")
there.recv(7)
other = socket.create_server(("127.0.0.1", 0))
other.settimeout(None)
ready, tell_ready = os.pipe()
wait, let_go = os.pipe()
def child():
    os.write(tell_ready, b"x")
    os.read(wait, 1)
    say("the child ends", other.getsockname()[1] > 0, socket.getdefaulttimeout())
pid = fork(child)
os.read(ready, 1)
address = broker.address
broker.stop()
while there.recv(4096):
    pass
say("the connection ended")
try:
    socket.create_connection(address)
except ConnectionRefusedError:
    say("refused")
broker.start()
say(broker.address == address)
# Both have the same socket: what the child does to it happens here.
say("blocking", os.get_blocking(other.fileno()))
os.write(let_go, b"x")
os.waitpid(pid, 0)
other.close(); there.close(); broker.stop()
""",
        QUIET,
    )
    assert lines == [
        "the connection ended",
        "refused",
        "True",
        "blocking True",
        "the child ends True 30.0",
    ]


def test_forks_while_other_threads_start_and_stop(scripts: Scripts) -> None:
    lines = scripts.run(
        SERVICE
        + """
done = threading.Event()
brokers = [leveret.testing.Broker() for _ in range(2)]
def use(broker):
    while not done.is_set():
        # Now and then at another port: a child may have a copy of the socket for a moment.
        try:
            broker.start()
        except OSError as error:
            assert error.errno == errno.EADDRINUSE
        broker.stop()
users = [threading.Thread(target=use, args=[broker]) for broker in brokers]
for user in users:
    user.start()
def child():
    for broker in brokers:
        broker.stop()
    with leveret.testing.Broker() as mine:
        socket.create_connection(mine.address).close()
for _ in range(20):
    _, status = os.waitpid(fork(child), 0)
    say(status)
done.set()
for user in users:
    user.join()
""",
        QUIET,
    )
    assert lines == ["0"] * 20


def test_multiprocessing(scripts: Scripts) -> None:
    assert scripts.run(
        SERVICE
        + """
import multiprocessing
def work(n):
    with leveret.connect(broker.url) as client:
        return client.service("math").double(n)
with leveret.testing.Broker() as broker, leveret.Server(Math(), url=broker.url).in_thread():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        say(pool.map(work, range(4)))
        pool.close()
        pool.join()
""",
        QUIET,
    ) == ["[0, 2, 4, 6]"]


@pytest.mark.parametrize(
    "left",
    [
        "",
        "client = leveret.connect(broker.url)",
        """
import pika
silent = pika.BlockingConnection(pika.URLParameters(broker.url))
""",
        """
serving = leveret.Server(Math(), url=broker.url).in_thread()
serving.__enter__()
client = leveret.connect(broker.url)
say(client.service("math").double(1))
""",
        """
async def main():
    global at
    async with leveret.testing.Broker() as other:
        at = time.monotonic()
        sys.exit(0)
asyncio.run(main())
""",
        "others = [leveret.testing.Broker().start() for _ in range(50)]",
    ],
    ids=["alone", "client", "silent", "server", "loop", "many"],
)
def test_the_interpreter_ends_with_a_broker(scripts: Scripts, left: str) -> None:
    program = scripts.start(
        SERVICE
        + """
import atexit
atexit.register(lambda: say("took", time.monotonic() - at < 1))
broker = leveret.testing.Broker().start()
"""
        + left
        + "\nat = time.monotonic()\n",
        # What is left open on purpose warns for itself.
        "-Wignore:unclosed:ResourceWarning",
    )
    lines = program.end_well(SOON)
    assert lines[-1:] == ["took True"]


def test_clients_elsewhere_hear_of_the_end(scripts: Scripts) -> None:
    program = scripts.start(
        SERVICE
        + """
broker = leveret.testing.Broker().start()
say(broker.url)
sys.stdin.readline()
"""
    )
    connection = pika.BlockingConnection(pika.URLParameters(program.line()))
    program.tell()
    program.end_well(SOON)
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="shutdown"):
        connection.process_data_events(0)


def test_it_says_nothing_of_its_own_accord(scripts: Scripts) -> None:
    program = scripts.start(
        SERVICE
        + """
with leveret.testing.Broker() as broker, leveret.connect(broker.url):
    # From here on what is said is listened to.
    with leveret.testing.Broker(max_connections=0) as other:
        with socket.create_connection(other.address) as connection:
            say(connection.recv(1))
# The line that comes last has been passed on when this one was.
with leveret.testing.Broker() as broker:
    client = leveret.connect(broker.url)
    broker.drop_connection(broker.status().connections[0])
    while client.state == "connected":
        time.sleep(0.01)
    client.close()
""",
        "-Wignore:unclosed:ResourceWarning",
    )
    program.end(SOON)
    said = [line for line in program.stderr.splitlines() if line]
    assert [line for line in said if "connection was lost" not in line] == []
    assert said


def test_a_thread_that_uses_it_to_the_end(scripts: Scripts) -> None:
    program = scripts.start(
        SERVICE
        + """
broker = leveret.testing.Broker().start()
def use():
    while True:
        with leveret.testing.Broker() as other:
            other.url
threading.Thread(target=use, daemon=True).start()
sys.stdin.readline()
"""
    )
    program.tell()
    program.end(SOON)
    assert "Fatal Python error" not in program.stderr
    assert program.process.returncode == 0


def test_ctrl_c_interrupts_a_stop_that_waits(scripts: Scripts) -> None:
    program = scripts.start(
        SERVICE
        + """
import pika
broker = leveret.testing.Broker().start()
silent = pika.BlockingConnection(pika.URLParameters(broker.url))
before = time.monotonic()
try:
    say("stopping")
    broker.stop(grace=600)
except KeyboardInterrupt:
    say("interrupted", time.monotonic() - before < 60)
""",
        "-Wignore:unclosed:ResourceWarning",
    )
    assert program.line() == "stopping"
    program.send_signal(signal.SIGINT)
    assert program.end_well(SOON) == ["interrupted True"]
