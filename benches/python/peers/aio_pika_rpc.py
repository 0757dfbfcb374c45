"""aio-pika's own RPC pattern, as its documentation shows it: the peer that Leveret is held against.

It asks for publisher confirms (aio-pika's default) and pickles what it sends.
"""

from contextlib import asynccontextmanager

import aio_pika
from aio_pika.patterns import RPC

import harness


async def add_one(*, n):
    return harness.add_one(n)


@asynccontextmanager
async def server(end):
    async with await aio_pika.connect(end.url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=harness.PREFETCH)
        rpc = await RPC.create(channel)
        await rpc.register(end.queue, add_one, auto_delete=True)
        yield


@asynccontextmanager
async def client(end):
    async with await aio_pika.connect(end.url) as connection:
        rpc = await RPC.create(await connection.channel())

        async def call(n):
            return await rpc.call(end.queue, {"n": n})

        yield call


if __name__ == "__main__":
    harness.main(server=harness.asyncio_server(server), client=harness.asyncio_client(client))
