"""What handlers say when they fail, where it is no clean text: it is told all the same, and the
handler's thread or loop goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import leveret
import msgspec
import pytest

from .rig import Seen, eventually

Serve = Callable[..., leveret.Server]
# What `os.fsdecode` makes of a name that is no UTF-8.
BROKEN = os.fsdecode(b"\xff")


class NoText(Exception):
    def __str__(self) -> str:
        raise AttributeError("an attribute that nobody has set")


class Checked(msgspec.Struct):
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise NoText


class OwnReject(leveret.Reject):
    def __init__(self, row: int) -> None:
        self.row = row


class OwnError(leveret.PermissionDenied):
    def __init__(self, row: int) -> None:
        self.row = row


def raising(error: Any) -> Any:
    """A job that names one of these."""
    raise {
        "a reject of an error": lambda: leveret.Reject(KeyError("x")),
        "a reject of nothing": lambda: leveret.Reject(None),
        "a reject of broken text": lambda: leveret.Reject(BROKEN),
        "a reject of no text": lambda: leveret.Reject(NoText()),
        "a reject of one's own": lambda: OwnReject(3),
        "a retry of a number": lambda: leveret.Retry(5),
        "broken text": lambda: OSError(BROKEN),
        "no text": NoText,
    }[error]()


ENDS = {
    "a reject of an error": ("rejected", "'x'"),
    "a reject of nothing": ("rejected", "None"),
    "a reject of broken text": ("rejected", "\\udcff"),
    "a reject of no text": ("rejected", "<unprintable NoText object>"),
    "a reject of one's own": ("rejected", ""),
    "a retry of a number": ("attempts", "5"),
    "broken text": ("attempts", "OSError: \\udcff"),
    "no text": ("attempts", "NoText: <unprintable NoText object>"),
}


@pytest.fixture(params=["def", "async def"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_task_ends_as_its_handler_says(client: leveret.Client, serve: Serve, kind: str) -> None:
    jobs = leveret.TaskQueue("jobs", str, attempts=1, queue=leveret.QueueOptions(expires=600.0))
    if kind == "def":

        @leveret.worker(jobs)
        def handle(job: str) -> None:
            raising(job)
    else:

        @leveret.worker(jobs)
        async def handle(job: str) -> None:
            raising(job)

    # With one thread the second task shows that the first has left it alive.
    serve(handle, threads=1)
    for job in ENDS:
        client.push(jobs, job)
    eventually(lambda: client.queue_info(jobs).dead == len(ENDS), "all of them end")
    letters = client.dead_letters(jobs)
    assert {one.job(): (one.reason, one.error) for one in letters} == ENDS


def test_a_message_is_settled_by_hand_with_any_reason(client: leveret.Client, serve: Serve) -> None:
    jobs = leveret.TaskQueue("jobs", str, attempts=1, queue=leveret.QueueOptions(expires=600.0))

    @leveret.worker(jobs)
    def handle(job: str, message: leveret.Message) -> None:
        (message.reject if job == "reject" else message.retry)(OSError(BROKEN))

    serve(handle, threads=1)
    client.push(jobs, "reject")
    client.push(jobs, "retry")
    eventually(lambda: client.queue_info(jobs).dead == 2, "both end")
    letters = {one.job(): (one.reason, one.error) for one in client.dead_letters(jobs)}
    assert letters == {"reject": ("rejected", "\\udcff"), "retry": ("attempts", "\\udcff")}


@leveret.service("failing")
class Failing:
    @leveret.rpc
    def thread(self, how: str) -> None:
        self.fail(how)

    @leveret.rpc
    async def loop(self, how: str) -> None:
        self.fail(how)

    def fail(self, how: str) -> None:
        if how == "an error":
            raise leveret.InvalidArgument(KeyError("x"))
        if how == "broken text":
            raise leveret.InvalidArgument(BROKEN)
        if how == "no text":
            raise leveret.InvalidArgument(NoText())
        if how == "no clean name":
            error = leveret.InvalidArgument("no")
            error.name = 5
            raise error
        if how == "broken details":
            raise leveret.InvalidArgument("no", details={"name": BROKEN})
        if how == "not initialized":
            raise OwnError(3)
        raise NoText


@pytest.mark.parametrize("method", ["thread", "loop"])
def test_a_call_ends_as_its_handler_says(client: leveret.Client, serve: Serve, method: str) -> None:
    serve(Failing(), threads=1, tracebacks=True)
    call = client.service("failing")[method]

    def ended(how: str) -> tuple[type, str]:
        with pytest.raises(leveret.LeveretError) as caught:
            call(how)
        return type(caught.value), caught.value.message

    assert ended("an error") == (leveret.InvalidArgument, "'x'")
    assert ended("broken text") == (leveret.InvalidArgument, "\\udcff")
    assert ended("no text") == (leveret.InvalidArgument, "<unprintable NoText object>")
    for how in ("no clean name", "broken details", "not initialized", "whatever"):
        assert ended(how)[0] is leveret.Internal, how


def test_no_thread_ends_with_its_handler(
    client: leveret.Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when what tells the log of it fails."""
    from leveret import _handlers

    def broken(*args: object, **kwargs: object) -> None:
        raise SystemExit(3)

    ended: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", ended.append)
    serve(Failing(), threads=1)
    monkeypatch.setattr(_handlers._log, "error", broken)
    for _ in range(3):
        with pytest.raises(leveret.Internal):
            client.service("failing").thread("whatever")
    assert ended == []


def test_what_was_drained_with_a_failure_is_handled(client: leveret.Client, serve: Serve) -> None:
    """A validator of which nothing can be said costs the tasks beside it nothing."""
    jobs = leveret.TaskQueue("jobs", attempts=1, queue=leveret.QueueOptions(expires=600.0))
    seen: Seen[int] = Seen()

    @leveret.worker(jobs)
    async def handle(job: Checked) -> None:
        seen.add(job.value)

    serve(handle)
    client.push_all(jobs, [{"value": value} for value in (1, -1, 2, -2, 3)])
    assert sorted(seen.wait_for(3)) == [1, 2, 3]
    eventually(lambda: client.queue_info(jobs).dead == 2, "the others end")
    errors = {one.error for one in client.dead_letters(jobs)}
    assert errors == {"NoText: <unprintable NoText object>"}
