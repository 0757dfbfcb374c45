"""Tasks over Leveret, with nothing turned off: durable queue, persistent, confirmed, retried."""

from contextlib import asynccontextmanager, contextmanager

import leveret

import harness


def queue(end):
    # What is left of a run goes with its queue.
    options = leveret.QueueOptions(expires=harness.UNUSED)
    return leveret.TaskQueue(end.queue, int, queue=options)


@asynccontextmanager
async def worker(end):
    @leveret.worker(queue(end), concurrency=harness.AHEAD)
    async def work(n: int) -> None:
        harness.add_one(n)

    async with leveret.Server(work, url=end.url):
        yield


@asynccontextmanager
async def pusher(end):
    tasks = queue(end)
    async with await leveret.connect_async(end.url) as client:

        async def push(n):
            await client.push(tasks, n)
            return n + 1

        yield push


@contextmanager
def blocking_pusher(end):
    tasks = queue(end)
    with leveret.connect(end.url) as client:

        def push(n):
            client.push(tasks, n)
            return n + 1

        yield push


if __name__ == "__main__":
    harness.main(
        worker=harness.asyncio_server(worker),
        pusher=harness.asyncio_client(pusher),
        blocking_pusher=harness.blocking_client(blocking_pusher),
    )
