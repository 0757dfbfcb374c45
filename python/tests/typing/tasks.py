"""What a type checker makes of tasks and events: read by pyright in strict mode, never run.

A queue and events know their type, so that a wrong job and a handler of another type are reported
where they are written.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import leveret
from typing_extensions import assert_type


@dataclass
class Resize:
    image: str
    width: int


resize = leveret.TaskQueue("resize", Resize, attempts=3, kind="quorum")
anything = leveret.TaskQueue("anything")
maybe: leveret.TaskQueue[int | None] = leveret.TaskQueue("maybe", int | None)
logs = leveret.Events.topic("logs", Resize)
lists = leveret.Events.fanout("lists", list[int])
blobs = leveret.TaskQueue("blobs", leveret.Raw)
assert_type(resize, leveret.TaskQueue[Resize])
assert_type(anything, leveret.TaskQueue[Any])
assert_type(logs, leveret.Events[Resize])
assert_type(lists, leveret.Events[list[int]])
leveret.TaskQueue("resize", Resize, atempts=3)  # pyright: ignore[reportCallIssue]
leveret.TaskQueue("resize", Resize, kind="lazy")  # pyright: ignore[reportCallIssue, reportArgumentType]


def blocking(client: leveret.Client) -> None:
    job = Resize("cat.png", 200)
    assert_type(client.push(resize, job), str)
    client.push(resize, job, at=datetime.now(timezone.utc), priority=5, dedup="a", key=7)
    client.push(resize, "job")  # pyright: ignore[reportArgumentType]
    client.push(resize, job, dealy=5)  # pyright: ignore[reportCallIssue]
    client.push(anything, {"any": "thing"})
    client.push(maybe, None)
    client.push(blobs, leveret.Raw(b"a", "image/png"))
    assert_type(client.push_all(resize, [job]), list[str])
    client.push_all(resize, [1])  # pyright: ignore[reportArgumentType]
    assert_type(client.publish(logs, job, key="a", headers={"a": 1, "b": True}), str)
    client.publish(logs, 5)  # pyright: ignore[reportArgumentType]
    client.publish(lists, [1, 2])
    info = client.queue_info(resize)
    assert_type(info, leveret.QueueInfo)
    assert_type(info.ready, int)
    assert_type(client.purge_queue(resize), int)
    for letter in client.dead_letters(resize):
        assert_type(letter, leveret.DeadLetter[Resize])
        assert_type(letter.job(), Resize)
        assert_type(letter.died_at, datetime | None)
        assert_type(letter.error, str | None)
        letter.retry()
    for event, message in client.listen(logs, keys=["a.*"], rate=(5, 1.0)):
        assert_type(event, Resize)
        assert_type(message, leveret.Message)
    client.listen(resize)  # pyright: ignore[reportArgumentType]
    client.listen(logs, key=["a"])  # pyright: ignore[reportCallIssue]


async def awaiting(client: leveret.AsyncClient) -> None:
    job = Resize("cat.png", 200)
    assert_type(await client.push(resize, job), str)
    await client.push(resize, 5)  # pyright: ignore[reportArgumentType]
    assert_type(client.push(resize, job), leveret.CallFuture[str])
    assert_type(await client.push_all(resize, [job]), list[str])
    assert_type(await client.publish(logs, job), str)
    assert_type(await client.queue_info(resize), leveret.QueueInfo)
    assert_type(await client.purge_queue(resize), int)
    async for letter in client.dead_letters(resize):
        assert_type(letter.job(), Resize)
        await letter.discard()
    async with client.listen(logs, keys=["a.*"]) as listening:
        async for event, message in listening:
            assert_type(event, Resize)
            await message.ack()


@leveret.worker(resize, concurrency=4, rate=(10, 1.0))
def handle(job: Resize) -> None:
    if job.width == 0:
        raise leveret.Reject("there is nothing left of it")
    raise leveret.Retry("later", after=2)


@leveret.worker(resize)
async def with_message(job: Resize, message: leveret.Message) -> None:
    assert_type(message.attempt, int)
    assert_type(message.headers, Mapping[str, str | int | float | bool])
    assert_type(message.ack(), Awaitable[None])
    await message.retry("why", after=1)


@leveret.worker(resize, batch=(100, 1.0))
def batch(jobs: list[Resize]) -> None: ...


@leveret.subscriber(logs, keys=["a.*"], durable="audit", batch=(10, 0.5))
async def events(lines: list[Resize], messages: list[leveret.Message]) -> None: ...


@leveret.subscriber(lists)
def on_list(numbers: list[int]) -> None: ...


@leveret.worker(resize)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
def wrong_type(job: int) -> None: ...


@leveret.worker(resize)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
def wrong_message(job: Resize, message: int) -> None: ...


@leveret.worker(resize, batch=(10, 1.0))  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
def no_list(job: Resize) -> None: ...


@leveret.subscriber(logs, keys=["#"])  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
def wrong_event(line: str) -> None: ...


leveret.worker(resize, concurency=1)  # pyright: ignore[reportCallIssue]
leveret.worker(logs)  # pyright: ignore[reportArgumentType]


async def serving(message: leveret.Message) -> None:
    assert_type(handle(Resize("a", 1)), None)
    await with_message(Resize("a", 1), message)
    handle("a")  # pyright: ignore[reportArgumentType]
    async with leveret.Server(handle, with_message, batch, events, on_list) as server:
        assert_type(server, leveret.Server)
    leveret.run(handle, grace=1)
