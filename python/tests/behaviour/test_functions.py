"""What may be a handler besides a plain function, how it gets its message, and how many run."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import leveret
import pytest

from .rig import PATIENCE, Seen

Serve = Callable[..., leveret.Server]
THROWAWAY = leveret.QueueOptions(expires=600.0)
JOBS = leveret.TaskQueue("jobs", queue=THROWAWAY)


@dataclass
class Job:
    n: int


SEEN: Seen[Any] = Seen()


def two(tag: str, job: Job) -> None:
    SEEN.add((tag, job))


async def two_on_the_loop(tag: str, job: Job) -> None:
    SEEN.add((tag, job))


class Mailer:
    # Attributes by which a consumer calls its own.
    settings = None
    source = "a file"

    def __init__(self) -> None:
        self.function = "sending"

    def __call__(self, job: Job) -> None:
        SEEN.add((self.function, job))


class LoopMailer:
    async def __call__(self, job: Job) -> None:
        SEEN.add(("loop", job))


@pytest.mark.parametrize(
    ("handler", "tag"),
    [
        (functools.partial(two, "partial"), "partial"),
        (functools.partial(two_on_the_loop, "partial"), "partial"),
        (Mailer(), "sending"),
        (functools.partial(Mailer()), "sending"),
        (LoopMailer(), "loop"),
    ],
)
def test_what_is_called_like_a_function_is_a_handler(
    client: leveret.Client, serve: Serve, handler: Any, tag: str
) -> None:
    """Of a queue of anything, so that its own hint says what it takes."""
    serve(leveret.worker(JOBS)(handler))
    client.push(JOBS, Job(3))
    assert SEEN.wait() == (tag, Job(3))


def by_name(job: Job, message: leveret.Message | None = None) -> None:
    assert message is not None
    SEEN.add((job, message.attempt))


def by_hint(job: Job, dry: bool = False, *, what: leveret.Message | None = None) -> None:
    assert what is not None
    SEEN.add((job, what.attempt))


def by_position(job: Job, /, about: leveret.Message) -> None:
    SEEN.add((job, about.attempt))


async def by_keyword(job: Job, *, message: leveret.Message) -> None:
    SEEN.add((job, message.attempt))


@pytest.mark.parametrize("handler", [by_name, by_hint, by_position, by_keyword])
def test_a_message_finds_its_parameter(client: leveret.Client, serve: Serve, handler: Any) -> None:
    serve(leveret.worker(JOBS)(handler))
    client.push(JOBS, Job(3))
    assert SEEN.wait() == (Job(3), 1)


def test_messages_of_a_batch_find_their_parameter(client: leveret.Client, serve: Serve) -> None:
    @leveret.worker(JOBS, batch=(1, 0.0))
    def handle(jobs: list[Job], *, of: list[leveret.Message] | None = None) -> None:
        assert of is not None
        SEEN.add((jobs, [one.attempt for one in of]))

    serve(handle)
    client.push(JOBS, Job(3))
    assert SEEN.wait() == ([Job(3)], [1])


def test_as_many_run_as_their_concurrency_says(client: leveret.Client, serve: Serve) -> None:
    """However few processors there are: those of two workers, and a service beside them."""
    queues = [leveret.TaskQueue(name, int, queue=THROWAWAY) for name in ("first", "second")]
    together = threading.Barrier(40)
    done: Seen[int] = Seen()

    def handle(job: int) -> None:
        together.wait(PATIENCE)
        done.add(job)

    @leveret.service("beside")
    class Beside:
        @leveret.rpc
        def ask(self) -> int:
            return 5

    serve(*(leveret.worker(queue, concurrency=20)(handle) for queue in queues), Beside())
    for queue in queues:
        client.push_all(queue, range(19))
    assert client.service("beside").ask() == 5
    for queue in queues:
        client.push(queue, 19)
    assert sorted(done.wait_for(40)) == sorted([*range(20), *range(20)])
