"""Behaves on the wire as the RPC server of RabbitMQ's Python tutorial does.

RPC_QUEUE_KIND says what the queue is declared as: transient (what the tutorial did for
most of its life), durable or quorum (what newer editions do).
"""

import os

import pika

ARGUMENTS = {
    "transient": {},
    "durable": {"durable": True},
    "quorum": {"durable": True, "arguments": {"x-queue-type": "quorum"}},
}


def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def serve(channel, delivery, request, body):
    # A body that is no number ends the program, as it does the tutorial's.
    n = int(body)
    print(f"serving fib({n})", flush=True)
    reply = pika.BasicProperties(correlation_id=request.correlation_id)
    channel.basic_publish("", request.reply_to, str(fib(n)), reply)
    channel.basic_ack(delivery.delivery_tag)


def main():
    url = os.environ.get("AMQP_URL", "amqp://127.0.0.1:5672/%2f")
    kind = os.environ.get("RPC_QUEUE_KIND", "transient")
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.queue_declare("rpc_queue", **ARGUMENTS[kind])
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume("rpc_queue", serve)
    print("tutorial_server.py: ready on rpc_queue", flush=True)
    channel.start_consuming()


if __name__ == "__main__":
    main()
