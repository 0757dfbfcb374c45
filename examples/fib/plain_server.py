"""The fib service in plain Python: no Leveret code, only pika.

It reads and writes text, as the RabbitMQ tutorials do, and refuses what it cannot read
with the error reply of docs/protocol.md.
"""

import contextlib
import json
import os
import re
import signal
import sys

import pika
from no_broker import reason
from pika.exceptions import AMQPError, ChannelClosedByBroker

BROKER = os.environ.get("AMQP_URL", "amqp://127.0.0.1:5672/%2f")
QUEUE = "rpc_queue"
LARGEST = 93


class Refusal(Exception):
    """Becomes an error reply."""

    def __init__(self, code, message, **fields):
        super().__init__(message)
        self.reply = {
            "code": code,
            "message": message,
            "executed": "no",
            "retryable": False,
            **fields,
        }


def log(message):
    print(f"plain_server.py: {message}", flush=True)


def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def answer(body, properties):
    version = (properties.headers or {}).get("leveret-v", 1)
    if version != 1:
        raise Refusal("Unimplemented", "this server speaks version 1")
    if properties.content_encoding:
        raise Refusal("Unimplemented", "content encodings are not supported")
    if not (properties.content_type or "text/plain").lower().startswith("text/"):
        raise Refusal(
            "InvalidArgument",
            "this server reads text only: send text/plain or no content type",
        )
    if properties.type not in (None, "", "fib"):
        raise Refusal("NoSuchMethod", "the only method is fib")

    if not re.fullmatch(rb"0|[1-9][0-9]{0,18}", body.strip()):
        raise Refusal("InvalidArgument", "n must be a whole number, 0 or larger")
    n = int(body)
    if n > LARGEST:
        raise Refusal(
            "Application",
            f"fib({n}) does not fit 64 bits: the largest n is {LARGEST}",
            name="TooLarge",
            details={"max": LARGEST},
            executed="yes",
        )
    result = fib(n)
    log(f"fib({n}) = {result}")
    return str(result)


def on_request(channel, delivery, properties, body):
    if not properties.reply_to or (properties.type or "").startswith("leveret."):
        log("dropped a message that wants no answer or is not a request")
        channel.basic_ack(delivery.delivery_tag)
        return
    reply = pika.BasicProperties(
        correlation_id=properties.correlation_id,
        type="leveret.reply",
        content_type="text/plain",
    )
    try:
        text = answer(body, properties)
    except Refusal as refusal:
        error = refusal.reply
        # An earlier delivery may have run on a server that died: "no" would be a guess.
        if delivery.redelivered and error["executed"] == "no":
            error["executed"] = "maybe"
        log(f"refused: {error['code']}: {error['message']}")
        text = json.dumps(error)
        reply.type, reply.content_type = "leveret.error", "application/json"
    channel.basic_publish("", properties.reply_to, text.encode(), reply)
    # After the reply: if this process dies in between, another server answers.
    channel.basic_ack(delivery.delivery_tag)


def adopt_or_create(connection):
    """Look first: to declare a queue as another kind than it is, is an error.

    Every error closes its channel, so each look has a channel that nobody else needs.
    """
    try:
        probe = connection.channel()
        probe.queue_declare(QUEUE, passive=True)
        probe.close()
    except ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True)
        channel.close()
        return "created"
    return "adopted"


def remove_unused(connection):
    # The broker says no when another server uses it, when it holds requests, and always
    # when it is a quorum queue, which a virtual host may have as its default.
    with contextlib.suppress(AMQPError):
        connection.channel().queue_delete(QUEUE, if_unused=True, if_empty=True)


def main():
    connection = pika.BlockingConnection(pika.URLParameters(BROKER))
    found = adopt_or_create(connection)
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(QUEUE, on_request)

    stopping = False

    def stop(_signal, _frame):
        nonlocal stopping
        if not stopping:
            stopping = True
            connection.add_callback_threadsafe(channel.stop_consuming)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    log(f"ready on {QUEUE} ({found})")
    channel.start_consuming()
    channel.close()
    if found == "created":
        remove_unused(connection)
    if connection.is_open:
        connection.close()
    # The consumer also ends when somebody deletes the queue: not a clean stop.
    return 0 if stopping else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AMQPError as error:
        sys.exit(f"plain_server.py: {reason(error)}")
