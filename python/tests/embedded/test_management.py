"""How many tasks are held, by the page that stands in for RabbitMQ's management API."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import leveret
import pytest
from leveret.testing import Broker

jobs = leveret.TaskQueue("jobs", str)


@pytest.fixture
def held(broker: Broker) -> Iterator[threading.Event]:
    """Three tasks in the hands of a worker and two that wait, until it is set."""
    gate, begun = threading.Event(), threading.Semaphore(0)

    @leveret.worker(jobs, concurrency=3)
    def handle(job: str) -> None:
        begun.release()
        gate.wait(30)

    with leveret.connect(broker.url) as client:
        client.push_all(jobs, ["a", "b", "c", "d", "e"])
    with leveret.Server(handle, url=broker.url).in_thread():
        for _ in range(3):
            assert begun.acquire(timeout=30)
        yield gate
        gate.set()


def test_what_workers_hold_is_counted(broker: Broker, held: threading.Event) -> None:
    with leveret.connect(broker.url, management=broker.serve_status()) as client:
        info = client.queue_info(jobs)
        assert (info.ready, info.consumers, info.unacked) == (2, 1, 3)
        held.set()
        end = time.monotonic() + 30
        while client.queue_info(jobs).unacked != 0:
            assert time.monotonic() < end
    with leveret.connect(broker.url) as client:
        assert client.queue_info(jobs) == leveret.QueueInfo(0, 1, 0, 0, None)


def test_in_an_event_loop(broker: Broker, held: threading.Event) -> None:
    async def look() -> leveret.QueueInfo:
        async with leveret.connect_async(broker.url, management=broker.serve_status()) as client:
            return await client.queue_info(jobs)

    assert asyncio.run(look()).unacked == 3


def test_without_an_answer_it_is_unknown(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    page = broker.serve_status()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for api in (
            page.replace("//", "//guest:c4n4ry@"),
            f"http://guest:c4n4ry@127.0.0.1:{silent.getsockname()[1]}",
        ):
            caplog.clear()
            with leveret.connect(broker.url, management=api) as client:
                assert "c4n4ry" not in repr(client)
                client.push(jobs, "a")
                start = time.monotonic()
                for _ in range(2):
                    assert client.queue_info(jobs).unacked is None
                assert time.monotonic() - start < 20
                logged(caplog)
            assert "c4n4ry" not in caplog.text


def logged(caplog: pytest.LogCaptureFixture) -> None:
    """Waits for the one warning."""
    end = time.monotonic() + 30
    while not any(record.levelno == logging.WARNING for record in caplog.records):
        assert time.monotonic() < end
        time.sleep(0.01)
    warnings = [one for one in caplog.records if "cannot be counted" in one.getMessage()]
    assert len(warnings) == 1


def test_a_url_that_makes_no_sense(broker: Broker) -> None:
    for wrong in ("", "rabbit:15672", "amqp://guest:c4n4ry@rabbit"):
        with pytest.raises(leveret.InvalidArgument) as caught:
            leveret.connect(broker.url, management=wrong)
        assert "c4n4ry" not in str(caught.value)
    with pytest.raises(TypeError, match="management is a str"):
        leveret.connect(broker.url, management=15672)  # type: ignore[arg-type]


def test_the_page(broker: Broker) -> None:
    page = broker.serve_status()
    with urllib.request.urlopen(f"{page}/status.txt", timeout=30) as answer:
        assert b"Exchanges: 7" in answer.read()
    with pytest.raises(ValueError, match="not loopback"):
        broker.serve_status("0.0.0.0:0")
    with pytest.raises(OSError, match="in use"):
        broker.serve_status(page.removeprefix("http://"))
    broker.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(page, timeout=30)
    with pytest.raises(leveret.FailedPrecondition):
        broker.serve_status()
