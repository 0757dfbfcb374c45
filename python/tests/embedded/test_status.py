"""What a broker says that it holds."""

from __future__ import annotations

import dataclasses
import time

import leveret
import pika
import pytest
from leveret.testing import Broker, Status

from .conftest import Math


def test_a_new_broker_is_empty(broker: Broker) -> None:
    status = broker.status()
    assert (status.message_bytes, status.memory_alarm) == (0, False)
    assert (status.queues, status.bindings, status.connections) == ((), (), ())
    kinds = {exchange.name: exchange.kind for exchange in status.exchanges}
    assert kinds[""] == "direct"
    assert kinds["amq.topic"] == "topic"


def test_queues_exchanges_and_bindings(broker: Broker) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    arguments = {"x-message-ttl": 60_000, "x-dead-letter-exchange": "late", "other": True}
    channel.queue_declare("jobs", durable=True, arguments=arguments)
    channel.queue_declare("mine", exclusive=True, auto_delete=True)
    channel.exchange_declare("events", "topic", arguments={"alternate-exchange": "rest"})
    channel.queue_bind("jobs", "events", "job.#")
    for _ in range(3):
        channel.basic_publish("", "jobs", b"hay")
    channel.basic_get("jobs")

    status = broker.status()
    jobs, mine = status.queue("jobs"), status.queue("mine")
    assert jobs is not None
    assert mine is not None
    assert status.queues == (jobs, mine)
    assert dataclasses.asdict(jobs) == {
        "vhost": "/",
        "name": "jobs",
        "durable": True,
        "auto_delete": False,
        "owner": None,
        "arguments": arguments,
        "ready": 2,
        "ready_bytes": 6,
        "unacked": 1,
        "consumers": 0,
    }
    assert (mine.durable, mine.auto_delete) == (False, True)
    assert mine.owner == status.connections[0].handle
    assert status.message_bytes > 0
    (events,) = (exchange for exchange in status.exchanges if exchange.name == "events")
    assert (events.kind, events.durable, events.internal) == ("topic", False, False)
    assert events.arguments == {"alternate-exchange": "rest"}
    bindings = [(one.source, one.destination, one.routing_key) for one in status.bindings]
    assert ("events", "jobs", "job.#") in bindings
    assert status.queue("jobs", vhost="elsewhere") is None
    connection.close()
    assert broker.status().queue("mine") is None


def test_connections_and_channels() -> None:
    with (
        Broker(users={"ann": "s3"}, vhosts=["/", "shop"]) as broker,
        leveret.Server(Math(), url=broker.url, name="server").in_thread(),
        leveret.connect(broker.url_for(user="ann", vhost="shop"), name="ann's") as client,
    ):
        assert client.state == "connected"
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        channel = connection.channel(7)
        channel.confirm_delivery()
        status = broker.status()
        anns, servers = status.connections_of("ann's"), status.connections_of("server")
        assert len(anns) == len(servers) == 2
        assert {(one.user, one.vhost, one.blocked) for one in anns} == {("ann", "shop", False)}
        assert {(one.user, one.vhost) for one in servers} == {("guest", "/")}
        assert sum(channel.consumers for one in servers for channel in one.channels) >= 1
        assert all(0 <= time.time() - one.since < 600 for one in anns)
        handles = [one.handle for one in status.connections]
        assert len(set(handles)) == 5
        (plain,) = (one for one in status.connections if one.name is None)
        host, port = connection._impl._transport._sock.getsockname()
        assert plain.peer == f"{host}:{port}"
        (seven,) = plain.channels
        assert (seven.number, seven.confirms, seven.transaction) == (7, True, False)
        queue = status.queue("math")
        assert queue is not None
        assert queue.consumers == 1
        connection.close()
        assert len(broker.status().connections) == len(status.connections) - 1
        assert status.connections_of("nobody") == ()


def test_it_is_plain_frozen_data(broker: Broker) -> None:
    first, second = broker.status(), broker.status()
    assert first == second
    assert hash(first) == hash(second)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.memory_alarm = True  # type: ignore[misc]
    assert isinstance(first, Status)


def test_a_broker_that_does_not_run_has_none(broker: Broker) -> None:
    broker.stop()
    for lever in (broker.status, broker.restart, broker.suspend, broker.resume, broker.block):
        with pytest.raises(leveret.FailedPrecondition, match="does not run"):
            lever()
