"""RPC written on aio-pika by hand, after the tutorial: an exclusive reply queue, a dict of futures.

`client` publishes as aio-pika does by default, with confirms; `client_unconfirmed` and
`server_unconfirmed` without, which is the most that aio-pika gives.
"""

import asyncio
from contextlib import asynccontextmanager

import aio_pika

import harness


def server(confirms):
    @asynccontextmanager
    async def serving(end):
        async with await aio_pika.connect(end.url) as connection:
            channel = await connection.channel(publisher_confirms=confirms)
            await channel.set_qos(prefetch_count=harness.PREFETCH)
            queue = await channel.declare_queue(end.queue, auto_delete=True)

            async def on_request(message):
                answer = aio_pika.Message(
                    str(harness.add_one(int(message.body))).encode(),
                    correlation_id=message.correlation_id,
                )
                await channel.default_exchange.publish(answer, message.reply_to)
                await message.ack()

            await queue.consume(on_request)
            yield

    return harness.asyncio_server(serving)


def client(confirms):
    @asynccontextmanager
    async def calling(end):
        async with await aio_pika.connect(end.url) as connection:
            loop = asyncio.get_running_loop()
            channel = await connection.channel(publisher_confirms=confirms)
            replies = await channel.declare_queue(exclusive=True)
            waiting = {}
            next_id = 0

            async def on_reply(message):
                waiting.pop(message.correlation_id).set_result(message.body)

            await replies.consume(on_reply, no_ack=True)

            async def call(n):
                nonlocal next_id
                next_id += 1
                correlation_id = str(next_id)
                reply = waiting[correlation_id] = loop.create_future()
                request = aio_pika.Message(
                    str(n).encode(), correlation_id=correlation_id, reply_to=replies.name
                )
                await channel.default_exchange.publish(request, end.queue)
                return int(await reply)

            yield call

    return harness.asyncio_client(calling)


if __name__ == "__main__":
    harness.main(
        server=server(confirms=True),
        client=client(confirms=True),
        server_unconfirmed=server(confirms=False),
        client_unconfirmed=client(confirms=False),
    )
