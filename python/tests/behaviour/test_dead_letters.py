"""What becomes of tasks that are given up."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import leveret
import pytest

from .jobs import Resize, Serve
from .jobs import resize_queue as queue
from .rig import Seen, eventually


@pytest.mark.parametrize("style", ["def", "async def"])
def test_dead_letters_are_read_retried_and_discarded(
    client: leveret.Client, serve: Serve, style: str
) -> None:
    resize = queue(attempts=2)
    seen: Seen[int] = Seen()
    works = False

    @leveret.worker(resize)
    def in_thread(job: Resize, message: leveret.Message) -> None:
        seen.add(message.attempt)
        if not works:
            raise ValueError(f"broken {job.image}")

    @leveret.worker(resize)
    async def on_loop(job: Resize, message: leveret.Message) -> None:
        in_thread(job, message)

    serve(in_thread if style == "def" else on_loop)
    before = datetime.datetime.now(datetime.timezone.utc)
    pushed = {client.push(resize, Resize(name, 1)) for name in ("a", "b", "c")}
    assert sorted(seen.wait_for(6)) == [1, 1, 1, 2, 2, 2]
    eventually(lambda: client.queue_info(resize).dead == 3, "three dead letters")

    letters = {letter.job().image: letter for letter in client.dead_letters(resize)}
    assert {letter.id for letter in letters.values()} == pushed
    for name, letter in letters.items():
        assert (letter.reason, letter.attempts) == ("attempts", 2)
        assert letter.error == f"ValueError: broken {name}"
        # To the millisecond.
        assert letter.died_at is not None
        assert letter.died_at > before - datetime.timedelta(milliseconds=1)
    works = True
    letters["a"].retry()
    assert seen.wait() == 1
    letters["b"].discard()
    for done in (letters["a"].retry, letters["b"].retry, letters["b"].discard):
        with pytest.raises(leveret.FailedPrecondition):
            done()
    # Nobody holds the third any more: it is a dead letter still.
    del letters, letter, done
    eventually(lambda: client.queue_info(resize).dead == 1, "one dead letter left")
    assert [left.job().image for left in client.dead_letters(resize)] == ["c"]


def test_dead_letters_on_a_loop(namespace: str, serve: Serve) -> None:
    resize = queue(attempts=1)
    seen: Seen[str] = Seen()
    works = False

    @leveret.worker(resize)
    async def handle(job: Resize) -> None:
        if not works:
            raise leveret.Reject("no such image")
        seen.add(job.image)

    serve(handle)

    async def main() -> None:
        nonlocal works
        async with leveret.connect_async(namespace=namespace) as client:
            await client.push_all(resize, [Resize("a", 1), Resize("b", 1)])
            while (await client.queue_info(resize)).dead < 2:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
            works = True
            async for letter in client.dead_letters(resize):
                assert (letter.reason, letter.error) == ("rejected", "no such image")
                if letter.job().image == "a":
                    await letter.retry()
                else:
                    await letter.discard()
                with pytest.raises(leveret.FailedPrecondition):
                    await letter.retry()
            assert await asyncio.to_thread(seen.wait) == "a"
            assert (await client.queue_info(resize)).dead == 0
            assert await client.purge_queue(resize) == 0

    asyncio.run(main())


def test_what_does_not_fit_the_type_is_undecodable(client: leveret.Client, serve: Serve) -> None:
    resize = queue()
    seen: Seen[Resize] = Seen()

    @leveret.worker(resize)
    def handle(job: Resize) -> None:
        seen.add(job)

    serve(handle)
    anything, raw = queue(of=Any), queue(of=leveret.Raw)
    client.push(anything, {"image": "a", "width": "wide"})
    client.push(raw, leveret.Raw(b"\xc1", "application/msgpack"))
    client.push(raw, leveret.Raw(b"{", "application/json"))
    client.push(raw, leveret.Raw(b"\x89PNG", "image/png"))
    client.push(raw, leveret.Raw(b'{"image": "foreign", "width": 3}', "application/json"))
    assert seen.wait() == Resize("foreign", 3)
    eventually(lambda: client.queue_info(resize).dead == 4, "four dead letters")
    letters = {letter.body: letter for letter in client.dead_letters(resize)}
    assert {letter.reason for letter in letters.values()} == {"undecodable"}
    assert {letter.attempts for letter in letters.values()} == {1}
    for letter in letters.values():
        with pytest.raises(leveret.InvalidArgument):
            letter.job()
    errors = [letter.error or "" for letter in letters.values()]
    assert any("$.width" in error for error in errors), errors
    assert "image/png" in (letters[b"\x89PNG"].error or "")
    assert letters[b"{"].content_type == "application/json"
    assert seen.empty()


def test_a_task_expires(client: leveret.Client) -> None:
    resize = queue()
    client.push(resize, Resize("late", 1), expires=0.05)
    eventually(lambda: client.queue_info(resize).dead == 1, "a dead letter")
    (letter,) = client.dead_letters(resize)
    assert (letter.reason, letter.attempts, letter.error) == ("expired", 0, None)
    assert letter.job() == Resize("late", 1)
