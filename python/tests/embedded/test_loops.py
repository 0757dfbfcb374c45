"""The broker in programs with an event loop, which it must not hold up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import aio_pika
import leveret
import pika
import uvloop
from leveret.testing import Broker

from .conftest import Math


async def longest_pause(of: asyncio.Event) -> float:
    """For how long the loop did nothing else, until told."""
    longest, last = 0.0, time.monotonic()
    while not of.is_set():
        await asyncio.sleep(0)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


def silent_client(broker: Broker) -> pika.BlockingConnection:
    """One that does not read: nobody calls it."""
    return pika.BlockingConnection(pika.URLParameters(broker.url))


def hang_up(connection: pika.BlockingConnection) -> None:
    with contextlib.suppress(pika.exceptions.AMQPError):
        connection.process_data_events(0)


async def serve_and_call(broker: Broker) -> int:
    async with (
        leveret.Server(Math(), url=broker.url),
        leveret.connect_async(broker.url) as client,
    ):
        return await client.service("math").fib(30)


async def use() -> None:
    async with Broker() as broker:
        assert broker.running
        assert await serve_and_call(broker) == 832040
    assert not broker.running


def test_async_with() -> None:
    asyncio.run(use(), debug=True)


def test_uvloop() -> None:
    uvloop.run(use())


def test_one_broker_for_loop_after_loop() -> None:
    broker = Broker()
    for _ in range(3):

        async def main() -> None:
            async with broker:
                assert await serve_and_call(broker) == 832040

        asyncio.run(main())


def test_the_loop_runs_on_while_a_silent_client_is_waited_for() -> None:
    async def main() -> None:
        done = asyncio.Event()
        watching = asyncio.create_task(longest_pause(done))
        async with Broker() as broker:
            connection = await asyncio.to_thread(silent_client, broker)
            left = time.monotonic()
        assert time.monotonic() - left > 0.3
        done.set()
        assert await watching < 0.3
        hang_up(connection)

    asyncio.run(main())


def test_a_cancelled_stop_goes_on() -> None:
    async def main() -> None:
        broker = Broker().start()
        connection = await asyncio.to_thread(silent_client, broker)
        address = broker.address

        async def leave() -> None:
            await broker.__aexit__(None, None, None)

        leaving = asyncio.create_task(leave())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        # The same port again: what stops is waited for.
        assert await asyncio.to_thread(lambda: broker.start().address) == address
        await broker.__aexit__(None, None, None)
        hang_up(connection)

    asyncio.run(main())


def test_started_again_while_it_stops() -> None:
    async def main() -> None:
        broker = Broker().start()
        address = broker.address
        for _ in range(100):
            leaving = asyncio.create_task(broker.__aexit__(None, None, None))
            await asyncio.sleep(0)
            leaving.cancel()
            assert broker.start().address == address
        broker.stop()

    asyncio.run(main())


def test_another_thread_stops_it_too() -> None:
    async def main() -> None:
        broker = Broker()
        async with broker:
            stopping = [threading.Thread(target=broker.stop) for _ in range(4)]
            for thread in stopping:
                thread.start()
        assert not broker.running
        for thread in stopping:
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()

    asyncio.run(main())


def test_aio_pika() -> None:
    async def main() -> None:
        async with Broker() as broker, await aio_pika.connect(broker.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("hello")
            await channel.default_exchange.publish(
                aio_pika.Message(b"hay", delivery_mode=2), routing_key=queue.name
            )
            message = await queue.get()
            assert message is not None
            assert message.body == b"hay"
            await message.ack()

    asyncio.run(main())
