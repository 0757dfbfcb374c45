"""Tasks on pika's BlockingConnection by hand, RabbitMQ's tutorial with confirms.

It pushes one at a time, since its publish waits for the confirm.
"""

from contextlib import contextmanager

import pika

import harness


def open_channel(end):
    connection = pika.BlockingConnection(pika.URLParameters(end.url))
    channel = connection.channel()
    arguments = {"x-expires": harness.UNUSED * 1000}
    channel.queue_declare(end.queue, durable=True, arguments=arguments)
    return connection, channel


def worker(end, ready):
    _, channel = open_channel(end)
    channel.basic_qos(prefetch_count=harness.AHEAD)

    def work(channel, delivery, _properties, body):
        harness.add_one(int(body))
        channel.basic_ack(delivery.delivery_tag)

    channel.basic_consume(end.queue, work)
    ready()
    channel.start_consuming()


@contextmanager
def pusher(end):
    connection, channel = open_channel(end)
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)

    def push(n):
        channel.basic_publish("", end.queue, str(n).encode(), persistent, mandatory=True)
        return n + 1

    yield push
    connection.close()


if __name__ == "__main__":
    harness.main(worker=harness.blocking_server(worker), pusher=harness.blocking_client(pusher))
