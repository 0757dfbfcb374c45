"""The levers, as a test of a service pulls them: what Leveret and another client see of each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import leveret
import pika
import pytest
from behaviour.rig import Probe, eventually
from leveret.testing import Broker, ConnectionStatus
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection


@pytest.fixture
def plain(broker: Broker) -> Iterator[BlockingConnection]:
    connection = BlockingConnection(pika.URLParameters(broker.url))
    yield connection
    if connection.is_open:
        connection.close()


@pytest.fixture
def channel(plain: BlockingConnection) -> BlockingChannel:
    """With a queue `jobs` that is durable."""
    channel = plain.channel()
    channel.queue_declare("jobs", durable=True)
    channel.confirm_delivery()
    return channel


@pytest.fixture
def probe(broker: Broker) -> Iterator[Probe]:
    probe = Probe()
    with leveret.Server(probe, url=broker.url, name="server", grace=1.0).in_thread():
        yield probe
        probe.let_go.set()


@pytest.fixture
def client(broker: Broker) -> Iterator[leveret.Client]:
    # In the place of the one with `math`.
    with leveret.connect(broker.url, name="client", timeout=20) as client:
        yield client


def of(broker: Broker, name: str) -> set[int]:
    """The connections of a client."""
    return {one.handle for one in broker.status().connections_of(name)}


def last(broker: Broker) -> ConnectionStatus:
    return broker.status().connections[-1]


PERSISTENT = pika.BasicProperties(delivery_mode=2)


def ready(broker: Broker) -> int:
    queue = broker.status().queue("jobs")
    assert queue is not None
    return queue.ready


def test_a_dropped_connection_is_made_anew(
    broker: Broker, probe: Probe, client: leveret.Client
) -> None:
    service = client.service("probe")
    ended: list[leveret.LeveretError] = []

    def call() -> None:
        try:
            service.hang("a")
        except leveret.LeveretError as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert probe.started.wait() == "a"
    before = of(broker, "client")
    assert broker.drop_connection("client") == len(before) == 2
    thread.join(20)
    assert [(type(error), error.executed) for error in ended] == [(leveret.Unavailable, "maybe")]
    # Waits for the new connection, inside its deadline.
    assert service.echo("b") == "b"
    assert not of(broker, "client") & before
    assert [broker.drop_connection(handle) for handle in before] == [0, 0]
    assert broker.drop_connection("nobody") == 0


def test_a_closed_connection_is_told_why(
    broker: Broker, plain: BlockingConnection, client: leveret.Client
) -> None:
    handle = broker.status().connections[0].handle
    assert broker.close_connection(handle, "maintenance")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        plain.channel()
    assert caught.value.reply_code == 320
    assert caught.value.reply_text == "CONNECTION_FORCED - maintenance"
    before = of(broker, "client")
    assert broker.close_connections() == 2
    eventually(lambda: len(of(broker, "client")) == 2, "the client connects again")
    assert not of(broker, "client") & before
    # By its name; one of the two may be on its way still.
    assert broker.close_connection("client") > 0
    eventually(lambda: len(of(broker, "client")) == 2, "the client connects again")
    eventually(lambda: client.state == "connected", "the client knows")


def test_a_stalled_connection_goes_on_where_it_was(
    broker: Broker, probe: Probe, client: leveret.Client
) -> None:
    service = client.service("probe")
    assert service.echo(1) == 1
    connections = of(broker, "client")
    assert broker.stall("client") == 2
    with pytest.raises(leveret.DeadlineExceeded):
        service.with_options(timeout=0.3).echo(2)
    assert broker.stall("client", False) == 2
    assert service.echo(3) == 3
    assert of(broker, "client") == connections


def test_a_delayed_connection_is_slow(broker: Broker, probe: Probe, client: leveret.Client) -> None:
    service = client.service("probe")
    assert service.echo(1) == 1
    assert broker.delay("client", 0.4) == 2
    before = time.monotonic()
    assert service.echo(2) == 2
    assert time.monotonic() - before >= 0.4
    assert broker.delay("client", None) == 2
    assert service.echo(3) == 3
    with pytest.raises(ValueError, match="delay"):
        broker.delay("client", -1)


def test_a_closed_channel(broker: Broker, plain: BlockingConnection) -> None:
    channel = plain.channel(5)
    assert broker.close_channel(last(broker), 5, 403, "ACCESS_REFUSED - not today")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare("q")
    assert caught.value.args == (403, "ACCESS_REFUSED - not today")
    assert plain.is_open
    assert not broker.close_channel(last(broker), 6)


def test_a_server_whose_channels_are_closed_serves_on(
    broker: Broker, probe: Probe, client: leveret.Client
) -> None:
    service = client.service("probe")
    assert service.echo(1) == 1
    # The first is there; it opens others in the place of these while they go.
    closed = [
        broker.close_channel(connection, channel.number)
        for connection in broker.status().connections_of("server")
        for channel in connection.channels
    ]
    assert closed[0]

    def answers() -> bool:
        try:
            return service.with_options(timeout=1).echo(2) == 2
        except leveret.DeadlineExceeded:
            # The answer went into the channel just as that was closed.
            return False

    eventually(answers, "it serves on")


def test_a_deleted_queue(broker: Broker, channel: BlockingChannel) -> None:
    cancelled: list[Any] = []
    channel.add_on_cancel_callback(cancelled.append)
    channel.basic_consume("jobs", lambda *_: None)
    assert broker.delete_queue("jobs")
    eventually(
        lambda: channel.connection.process_data_events(0) or bool(cancelled),
        "the consumer is told",
    )
    assert not broker.delete_queue("jobs")
    assert not broker.delete_queue("jobs", vhost="elsewhere")


def test_a_server_whose_queue_is_deleted_declares_it_again(
    broker: Broker, probe: Probe, client: leveret.Client
) -> None:
    assert broker.delete_queue("probe")

    def served() -> bool:
        queue = broker.status().queue("probe")
        return queue is not None and queue.consumers == 1

    eventually(served, "the queue is there again")
    assert client.service("probe").echo(1) == 1


def test_lost_deliveries(
    broker: Broker, probe: Probe, client: leveret.Client, channel: BlockingChannel
) -> None:
    service = client.service("probe")
    assert broker.lose_deliveries("probe")
    with pytest.raises(leveret.DeadlineExceeded):
        service.with_options(timeout=0.3).echo(1)
    assert service.echo(2) == 2

    assert broker.lose_deliveries("jobs", 2)
    for body in (b"1", b"2", b"3"):
        channel.basic_publish("", "jobs", body)
    consumed = channel.consume("jobs", inactivity_timeout=20)
    _, _, body = next(consumed)
    assert body == b"3"
    # What was lost is given out again when the channel ends.
    channel.close()
    assert ready(broker) == 3
    assert not broker.lose_deliveries("nobody")


def test_doubled_deliveries(
    broker: Broker, probe: Probe, client: leveret.Client, channel: BlockingChannel
) -> None:
    assert broker.duplicate_deliveries("jobs")
    channel.basic_publish("", "jobs", b"1")
    consumed = channel.consume("jobs", inactivity_timeout=20)
    first, second = next(consumed), next(consumed)
    assert (first[2], second[2]) == (b"1", b"1")
    assert (first[0].redelivered, second[0].redelivered) == (False, True)
    # A server of Leveret's runs what it gets twice once.
    assert broker.duplicate_deliveries("probe")
    assert client.service("probe").hold.with_options(timeout=0.3).cast("x") is None
    assert client.service("probe").echo(1) == 1
    assert probe.started.wait() == "x"
    assert probe.started.empty()


def test_a_blocked_broker(broker: Broker, probe: Probe, client: leveret.Client) -> None:
    service = client.service("probe")
    assert service.echo(1) == 1
    broker.block()
    assert broker.status().memory_alarm
    # A client may hear of it only when it sends this, and then it waits for an answer.
    with pytest.raises((leveret.DeadlineExceeded, leveret.Unavailable)):
        service.with_options(timeout=0.3).echo(2)
    eventually(lambda: client.state == "blocked", "the client knows")
    assert any(one.blocked for one in broker.status().connections_of("client"))
    with pytest.raises(leveret.Unavailable) as caught:
        service.echo(3)
    assert caught.value.executed == "no"
    broker.block(False)
    assert not broker.status().memory_alarm
    eventually(lambda: client.state == "connected", "the client knows")
    assert service.echo(4) == 4


def test_refused_connections(broker: Broker, client: leveret.Client) -> None:
    broker.refuse()
    with pytest.raises(leveret.Unavailable):
        leveret.connect(broker.url)
    assert client.state == "connected"
    broker.refuse(False)
    leveret.connect(broker.url).close()


@pytest.mark.parametrize("kept", [True, False])
def test_a_restart(broker: Broker, channel: BlockingChannel, kept: bool) -> None:
    channel.queue_declare("transient")
    channel.basic_publish("", "jobs", b"kept", PERSISTENT)
    channel.basic_publish("", "jobs", b"lost")
    broker.restart(keep_durable=kept)
    assert broker.status().connections == ()
    assert [queue.name for queue in broker.status().queues] == ["jobs"] * kept
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        channel.queue_declare("jobs", durable=True)
    again = BlockingConnection(pika.URLParameters(broker.url)).channel()
    assert again.queue_declare("jobs", durable=True).method.message_count == kept
    again.connection.close()


@pytest.mark.parametrize("abrupt", [True, False])
def test_down_and_up_again(
    broker: Broker, probe: Probe, client: leveret.Client, abrupt: bool
) -> None:
    service = client.service("probe")
    assert service.echo(1) == 1
    url = broker.url
    broker.suspend(abrupt=abrupt)
    broker.suspend(abrupt=abrupt)
    assert broker.running
    assert broker.status().connections == ()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(broker.address)
    eventually(lambda: client.state == "reconnecting", "the client knows")
    with pytest.raises(leveret.LeveretError):
        service.with_options(timeout=0.2).echo(2)
    broker.resume()
    broker.resume()
    assert broker.url == url
    assert service.echo(3) == 3


def test_a_port_that_was_taken_meanwhile(broker: Broker) -> None:
    broker.suspend()
    with Broker(port=broker.address[1]):
        with pytest.raises(OSError, match="cannot listen on"):
            broker.resume()
        with pytest.raises(leveret.LeveretError):
            leveret.connect(broker.url_for(user="nobody"))
    broker.resume()
    with leveret.connect(broker.url) as client:
        assert client.state == "connected"


def test_a_suspended_broker_stops_and_starts(broker: Broker) -> None:
    broker.suspend()
    broker.stop()
    assert not broker.running
    with broker, leveret.connect(broker.url) as client:
        assert client.state == "connected"


def test_logins_come_and_go(broker: Broker) -> None:
    assert broker.set_user("ann", "s3")
    with leveret.connect(broker.url_for(user="ann")) as client:
        assert not broker.set_user("ann", "other")
        leveret.connect(broker.url_for(user="ann")).close()
        with pytest.raises(leveret.Unauthenticated):
            leveret.connect(broker.url_for(user="ann", password="s3"))
        assert broker.remove_user("ann")
        assert not broker.remove_user("ann")
        with pytest.raises(leveret.Unauthenticated):
            leveret.connect(broker.url_for(user="ann"))
        assert client.state == "connected"


def test_virtual_hosts_come_and_go(broker: Broker) -> None:
    assert broker.add_vhost("shop")
    assert not broker.add_vhost("shop")
    connection = BlockingConnection(pika.URLParameters(broker.url_for(vhost="shop")))
    connection.channel().queue_declare("q")
    assert broker.status().queue("q", vhost="shop") is not None
    assert broker.remove_vhost("shop")
    assert not broker.remove_vhost("shop")
    assert broker.status().queues == ()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="shop"):
        connection.channel()
