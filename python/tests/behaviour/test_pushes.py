"""What a push may say about its task, what is refused, and what a queue says about itself."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any

import leveret
import pytest

from .jobs import Resize, Serve
from .jobs import resize_queue as queue
from .rig import Seen


def test_a_job_of_another_type_is_refused_at_the_push(client: leveret.Client) -> None:
    resize = queue()
    client.push(resize, Resize("a", 1))
    for wrong in (Resize("a", "wide"), {"image": "a"}, object(), None):  # type: ignore[arg-type]
        with pytest.raises(leveret.InvalidArgument) as caught:
            client.push(resize, wrong)
        assert caught.value.executed == "no"
        with pytest.raises(leveret.InvalidArgument):
            client.push_all(resize, [Resize("b", 1), wrong])
    assert client.queue_info(resize).ready == 1
    assert client.purge_queue(resize) == 1
    assert client.queue_info(resize) == leveret.QueueInfo(0, 0, 0, 0)


def test_delays(client: leveret.Client, serve: Serve) -> None:
    resize = queue()
    seen: Seen[tuple[str, float]] = Seen()

    @leveret.worker(resize)
    async def handle(job: Resize) -> None:
        seen.add((job.image, time.monotonic()))

    serve(handle)
    begun = time.monotonic()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=0.35)
    client.push(resize, Resize("at", 1), at=soon)
    client.push(resize, Resize("delayed", 1), delay=0.1)
    client.push(resize, Resize("now", 1), delay=0)
    client.push(resize, Resize("past", 1), at=soon - datetime.timedelta(days=1))
    found = dict(seen.wait_for(4))
    assert set(found) == {"now", "past", "delayed", "at"}
    assert found["delayed"] - begun >= 0.1
    # The clock by which it was reckoned is another one.
    assert found["at"] - begun >= 0.3


def test_a_key_is_done_once(client: leveret.Client, serve: Serve, namespace: str) -> None:
    resize = queue()
    seen: Seen[str] = Seen()

    @leveret.worker(resize, concurrency=1)
    def handle(job: Resize) -> None:
        seen.add(job.image)

    with leveret.Server(handle, namespace=namespace, grace=5.0).in_thread():
        client.push(resize, Resize("first", 1), dedup="order-17")
        assert seen.wait() == "first"
    client.push(resize, Resize("twin", 1), dedup="order-17")
    client.push(resize, Resize("other", 1), dedup="order-18")
    client.push(resize, Resize("without", 1))
    serve(handle)
    assert seen.wait_for(2) == ["other", "without"]
    assert seen.empty()


def test_priorities_overtake(client: leveret.Client, serve: Serve) -> None:
    options = leveret.QueueOptions(max_priority=9, expires=600.0)
    resize = queue(queue=options)
    seen: Seen[tuple[str, int | None]] = Seen()
    client.push(resize, Resize("low", 1), priority=1)
    client.with_options(priority=9).push(resize, Resize("high", 1))
    client.with_options(priority=9).push(resize, Resize("middle", 1), priority=5)

    @leveret.worker(resize, concurrency=1, prefetch=1)
    def handle(job: Resize, message: leveret.Message) -> None:
        seen.add((job.image, message.priority))

    serve(handle)
    assert seen.wait_for(3) == [("high", 9), ("middle", 5), ("low", 1)]


def test_a_full_queue_refuses(client: leveret.Client) -> None:
    resize = queue(queue=leveret.QueueOptions(max_length=1, expires=600.0))
    client.push(resize, Resize("one", 1))
    with pytest.raises(leveret.ResourceExhausted):
        client.with_options(timeout=5).push(resize, Resize("two", 1))


def test_a_queue_that_nobody_has_declared(client: leveret.Client, namespace: str) -> None:
    nowhere = queue("nowhere")
    for ask in (client.queue_info, client.purge_queue):
        with pytest.raises(leveret.NoSuchService):
            ask(nowhere)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as client:
            with pytest.raises(leveret.NoSuchService):
                await client.queue_info(nowhere)

    asyncio.run(main())


def test_the_codec_is_the_clients(client: leveret.Client, serve: Serve) -> None:
    blobs = queue("blobs", dict[str, bytes])
    seen: Seen[tuple[Any, str | None, bytes]] = Seen()

    @leveret.worker(blobs)
    def handle(job: dict[str, bytes], message: leveret.Message) -> None:
        seen.add((job, message.content_type, message.body))

    serve(handle)
    client.push(blobs, {"a": b"\x00"})
    assert seen.wait() == ({"a": b"\x00"}, "application/msgpack", b"\x81\xa1a\xc4\x01\x00")
    client.with_options(codec="json").push(blobs, {"a": b"\x00"})
    assert seen.wait() == ({"a": b"\x00"}, "application/json", b'{"a":"AA=="}')
