"""A pytest plugin: amqpstorm's suite tidies up after each test over AMQP, and not over HTTP."""

import os

from amqpstorm import UriConnection
from amqpstorm.tests.functional import utility


def clean(names: list[str], queue: bool = False, exchange: bool = False) -> None:
    with UriConnection(os.environ["AMQP_URI"]) as connection, connection.channel() as channel:
        for name in names:
            if queue:
                channel.queue.delete(name)
            if exchange:
                channel.exchange.delete(name)


utility.clean = clean
