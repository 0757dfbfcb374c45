"""Tasks on aio-pika by hand: durable queue, persistent, confirmed as it does by default."""

from contextlib import asynccontextmanager

import aio_pika

import harness


def declare(channel, end):
    arguments = {"x-expires": harness.UNUSED * 1000}
    return channel.declare_queue(end.queue, durable=True, arguments=arguments)


@asynccontextmanager
async def worker(end):
    async with await aio_pika.connect(end.url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=harness.AHEAD)

        async def work(message):
            harness.add_one(int(message.body))
            await message.ack()

        await (await declare(channel, end)).consume(work)
        yield


@asynccontextmanager
async def pusher(end):
    async with await aio_pika.connect(end.url) as connection:
        channel = await connection.channel()
        await declare(channel, end)

        async def push(n):
            task = aio_pika.Message(str(n).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(task, end.queue)
            return n + 1

        yield push


if __name__ == "__main__":
    harness.main(worker=harness.asyncio_server(worker), pusher=harness.asyncio_client(pusher))
