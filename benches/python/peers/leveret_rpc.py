"""Leveret, with nothing turned off: confirms, mandatory publishes, deadlines, acknowledgements.

`server_async` runs handlers on the event loop, `server_threads` in its thread pool. The method is
the default one, so that a client which knows only text can call it.
"""

from contextlib import asynccontextmanager, contextmanager

import leveret

import harness


@asynccontextmanager
async def serving(end, service):
    server = leveret.Server(
        service,
        url=end.url,
        concurrency=harness.PREFETCH,
        queue=leveret.QueueOptions(auto_delete=True),
    )
    async with server:
        yield


def server_async(end):
    service = leveret.Service(end.queue)

    @service.rpc(default=True)
    async def add_one(n: int) -> int:
        return harness.add_one(n)

    return serving(end, service)


def server_threads(end):
    service = leveret.Service(end.queue)

    @service.rpc(default=True)
    def add_one(n: int) -> int:
        return harness.add_one(n)

    return serving(end, service)


@asynccontextmanager
async def client_async(end):
    async with await leveret.connect_async(end.url) as client:
        yield client.service(end.queue).add_one


@contextmanager
def client_blocking(end):
    with leveret.connect(end.url) as client:
        yield client.service(end.queue).add_one


if __name__ == "__main__":
    harness.main(
        server_async=harness.asyncio_server(server_async),
        server_threads=harness.asyncio_server(server_threads),
        client_async=harness.asyncio_client(client_async),
        client_blocking=harness.blocking_client(client_blocking),
    )
