"""A broker from start to stop: where it listens, who may log in, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time

import leveret
import pika
import pytest
from behaviour.rig import eventually
from leveret.testing import Broker

from .conftest import Math


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def threads() -> int:
    """Those of the process that Python does not know of among them."""
    return len(os.listdir("/proc/self/task"))


def test_a_service_is_called_through_it(client: leveret.Client) -> None:
    assert client.service("math").fib(30) == 832040
    with pytest.raises(leveret.NoSuchMethod):
        client.service("math").fob(30)
    with pytest.raises(leveret.NoSuchService):
        client.service("nobody").fib(30)


def test_many_at_once_know_nothing_of_each_other() -> None:
    brokers = [Broker().start() for _ in range(20)]
    try:
        assert len({broker.address for broker in brokers}) == 20
        first, second = brokers[:2]
        with leveret.Server(Math(), url=first.url).in_thread():
            with leveret.connect(first.url) as client:
                assert client.service("math").fib(30) == 832040
            with leveret.connect(second.url) as client, pytest.raises(leveret.NoSuchService):
                client.service("math").fib(30)
    finally:
        for broker in brokers:
            broker.stop()
    assert all(refuses(broker._address) for broker in brokers)


def test_start_and_stop_may_be_repeated() -> None:
    broker = Broker()
    broker.stop()
    assert not broker.running
    assert broker.start() is broker
    address = broker.address
    assert broker.start().address == address
    assert broker.running
    broker.stop()
    broker.stop()
    assert not broker.running
    assert refuses(address)


def test_nothing_of_it_is_left_after_a_stop() -> None:
    # What is made once in a process has been made.
    Broker().start().stop()
    before, descriptors = threads(), len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        with Broker() as broker:
            socket.create_connection(broker.address).close()
            assert threads() == before + 1
        assert threads() == before
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_broker_that_nobody_holds_any_more_ends() -> None:
    broker = Broker().start()
    address = broker.address
    with socket.create_connection(address) as left:
        left.settimeout(20)
        del broker
        # It may have been accepted, or not yet.
        with contextlib.suppress(ConnectionResetError):
            assert left.recv(1) == b""
    # Nobody can be asked any more.
    eventually(lambda: refuses(address), "the port is closed")


def test_started_again_it_is_where_it_was_and_empty() -> None:
    broker = Broker().start()
    url = broker.url
    with leveret.connect(url, timeout=20) as client:
        with leveret.Server(Math(), url=url).in_thread():
            assert client.service("math").fib(30) == 832040
        broker.stop()
        broker.start()
        assert broker.url == url
        with pytest.raises(leveret.NoSuchService):
            client.service("math").fib(30)
        with leveret.Server(Math(), url=url).in_thread():
            assert client.service("math").fib(30) == 832040
    broker.stop()


def test_a_stopped_broker_says_so() -> None:
    broker = Broker()
    for _ in range(2):
        with pytest.raises(leveret.FailedPrecondition, match="does not run: call `start"):
            broker.url  # noqa: B018
        with pytest.raises(leveret.FailedPrecondition) as caught:
            broker.address  # noqa: B018
        assert (caught.value.executed, caught.value.retryable) == ("no", False)
        assert repr(broker).endswith("not running>")
        with broker:
            assert broker.url == f"amqp://guest:guest@127.0.0.1:{broker.address[1]}/%2f"
            assert repr(broker) == f"<leveret.testing.Broker on 127.0.0.1:{broker.address[1]}>"


def test_a_port_that_is_taken() -> None:
    with Broker() as first:
        second = Broker(port=first.address[1])
        with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:") as caught:
            second.start()
        assert caught.value.errno == errno.EADDRINUSE
        assert not second.running
    with second:
        assert second.address == first._address


def test_an_address_that_is_not_here() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:") as caught:
        Broker(host="192.0.2.1").start()
    assert caught.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError, match=r"cannot listen on no-such-host\.invalid:"):
        Broker(host="no-such-host.invalid").start()


def test_names_and_ipv6_are_addresses_too() -> None:
    with Broker(host="localhost") as broker, leveret.connect(broker.url) as client:
        assert client.state == "connected"
    with Broker(host="::1") as broker:
        assert broker.address[0] == "::1"
        assert "@[::1]:" in broker.url
        with socket.create_connection(broker.address) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            assert connection.recv(1) == b"\x01"


def test_logins_and_virtual_hosts() -> None:
    odd = "a/b:c@d e%é"
    with Broker(user=odd, password=odd, users={"ann": "s3"}, vhosts=[odd, "shop"]) as broker:
        for url in (
            broker.url,
            broker.url_for(user="ann"),
            broker.url_for(vhost="shop"),
            broker.url_for(user="ann", password="s3", vhost="shop"),
        ):
            with leveret.connect(url) as client:
                assert client.state == "connected"
            pika.BlockingConnection(pika.URLParameters(url)).close()
        for url in (
            broker.url_for(password="wrong"),
            broker.url_for(user="nobody"),
            broker.url_for(user="guest", password="guest"),
        ):
            with pytest.raises(leveret.Unauthenticated):
                leveret.connect(url)
        with pytest.raises(leveret.LeveretError, match="vhost"):
            leveret.connect(broker.url_for(vhost="/"))


def test_limits_are_passed_on() -> None:
    with Broker(heartbeat=7, frame_max=8192, channel_max=3, max_connections=1) as broker:
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        params = connection._impl.params
        assert (params.heartbeat, params.frame_max, params.channel_max) == (7, 8192, 3)
        with socket.create_connection(broker.address) as second:
            second.settimeout(20)
            assert second.recv(1) == b""
        connection.close()


def test_a_full_memory_blocks_publishers() -> None:
    with Broker(memory_limit=10_000) as broker:
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        blocked: list[object] = []
        connection.add_on_connection_blocked_callback(lambda *what: blocked.append(what))
        channel = connection.channel()
        channel.queue_declare("q")
        channel.basic_publish("", "q", b"x" * 20_000)
        end = time.monotonic() + 20
        while not blocked and time.monotonic() < end:
            connection.process_data_events(0.1)
        assert blocked
        # Its own socket is not read any more.
        other = pika.BlockingConnection(pika.URLParameters(broker.url))
        other.channel().queue_purge("q")
        other.close()
        connection.close()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"port": -1}, ValueError),
        ({"port": 65536}, ValueError),
        ({"port": "5672"}, TypeError),
        ({"memory_limit": -1}, ValueError),
        ({"memory_limit": 1.5}, TypeError),
        ({"heartbeat": 65536}, ValueError),
        ({"channel_max": True}, TypeError),
        ({"vhosts": "shop"}, TypeError),
        ({"vhosts": []}, TypeError),
        ({"prot": 1}, TypeError),
    ],
)
def test_what_no_broker_can_have(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        Broker(**arguments)  # type: ignore[arg-type]
    with Broker() as broker, pytest.raises(ValueError, match="grace"):
        broker.stop(grace=-1)


def test_a_client_that_does_not_answer_is_waited_for_a_moment_only(broker: Broker) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    before = time.monotonic()
    broker.stop(grace=0.2)
    assert 0.15 < time.monotonic() - before < 5
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="320"):
        connection.channel()


def test_threads_start_and_stop_it_together() -> None:
    broker = Broker()
    seen: list[str] = []
    barrier = threading.Barrier(8)

    def use() -> None:
        for _ in range(50):
            barrier.wait(20)
            seen.append(broker.start().url)
            barrier.wait(20)
            broker.stop()
            assert not broker.running

    users = [threading.Thread(target=use) for _ in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
    assert len(seen) == 400
    assert len(set(seen)) == 1
