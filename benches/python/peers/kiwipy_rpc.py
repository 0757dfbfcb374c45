"""kiwipy: remote procedure calls over aio-pika, as AiiDA has them, on its asyncio communicator.

It encodes with YAML unless told otherwise; here with JSON, which is a great deal faster.
"""

import json
from contextlib import asynccontextmanager

from kiwipy.rmq import communicator

import harness


def encode(value):
    return json.dumps(value).encode()


def connect(end):
    # Testing mode: exchanges go away with the last who uses them.
    return communicator.async_connect(
        end.url,
        message_exchange=f"{end.queue}.messages",
        task_exchange=f"{end.queue}.tasks",
        task_queue=f"{end.queue}.tasks",
        encoder=encode,
        decoder=json.loads,
        testing_mode=True,
    )


@asynccontextmanager
async def server(end):
    async def add_one(_communicator, n):
        return harness.add_one(n)

    async with await connect(end) as end_point:
        await end_point.add_rpc_subscriber(add_one, end.queue)
        yield


@asynccontextmanager
async def client(end):
    async with await connect(end) as end_point:

        async def call(n):
            return await (await end_point.rpc_send(end.queue, n))

        yield call


if __name__ == "__main__":
    harness.main(server=harness.asyncio_server(server), client=harness.asyncio_client(client))
