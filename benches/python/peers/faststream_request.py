"""FastStream: `broker.request` to a subscriber.

A request holds a lock until its answer is there, so calls of one client go one after the other,
however many are made. Publishes without confirms, which are its default: it is the quicker for it.
"""

import logging
from contextlib import asynccontextmanager

from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

import harness


def connect(end):
    channel = Channel(prefetch_count=harness.PREFETCH, publisher_confirms=False)
    return RabbitBroker(end.url, default_channel=channel, log_level=logging.DEBUG)


@asynccontextmanager
async def server(end):
    broker = connect(end)

    @broker.subscriber(RabbitQueue(end.queue, auto_delete=True))
    async def add_one(n: int) -> int:
        return harness.add_one(n)

    async with broker:
        await broker.start()
        yield


@asynccontextmanager
async def client(end):
    async with connect(end) as broker:

        async def call(n):
            reply = await broker.request(n, end.queue)
            return await reply.decode()

        yield call


if __name__ == "__main__":
    harness.main(server=harness.asyncio_server(server), client=harness.asyncio_client(client))
