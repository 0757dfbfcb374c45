"""Calls fib in plain Python: `plain_client.py 30 [seconds]`.

The body is text, as in the RabbitMQ tutorials, so any fib server understands it:
Leveret's, server.js, plain_server.py or the tutorials' own.
"""

import json
import math
import os
import sys
import time
import uuid

import pika
from no_broker import reason
from pika.exceptions import AMQPError, UnroutableError

BROKER = os.environ.get("AMQP_URL", "amqp://127.0.0.1:5672/%2f")
QUEUE = "rpc_queue"


class CallError(Exception):
    """The call failed; the text begins with the code."""


def call(n, seconds):
    deadline = time.monotonic() + seconds
    parameters = pika.URLParameters(BROKER)
    # Every wait ends at the deadline: connecting too, and a broker that blocks publishers.
    parameters.stack_timeout = parameters.blocked_connection_timeout = seconds
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    # With confirms, a request that no queue takes raises an error at once.
    channel.confirm_delivery()
    reply_queue = channel.queue_declare("", exclusive=True).method.queue
    correlation_id = str(uuid.uuid4())
    replies = []

    def on_reply(_channel, _delivery, properties, body):
        if properties.correlation_id == correlation_id:
            replies.append((properties, body))

    channel.basic_consume(reply_queue, on_reply, auto_ack=True)
    left = deadline - time.monotonic()
    if left <= 0:
        raise CallError(f"DeadlineExceeded: no connection within {seconds:g} s")
    request = pika.BasicProperties(
        correlation_id=correlation_id,
        message_id=correlation_id,
        reply_to=reply_queue,
        # The broker drops the request when nobody waits for it any more.
        expiration=str(max(1, math.ceil(left * 1000))),
    )
    try:
        channel.basic_publish("", QUEUE, n.encode(), request, mandatory=True)
    except UnroutableError:
        raise CallError(f"NoSuchService: there is no queue {QUEUE}; start a server first") from None

    while not replies:
        left = deadline - time.monotonic()
        if left <= 0:
            raise CallError(f"DeadlineExceeded: no answer within {seconds:g} s")
        connection.process_data_events(time_limit=left)
    connection.close()
    properties, body = replies[0]
    if properties.type == "leveret.error":
        error = json.loads(body)
        raise CallError(f"{error['code']}: {error['message']}")
    return body.decode()


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: plain_client.py <n> [seconds]")
    n = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) == 3 else 10.0
    try:
        print(f"fib({n}) = {call(n, seconds)}")
    except CallError as error:
        sys.exit(str(error))
    except (AMQPError, OSError) as error:
        sys.exit(f"Unavailable: {reason(error)}")


if __name__ == "__main__":
    main()
