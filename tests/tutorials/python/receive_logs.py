"""Publish/subscribe: prints all logs from now on, through a queue of its own."""

from common import connect, consume_until_interrupted, name


def received(_channel, _delivery, _properties, body):
    print("received", body.decode())


channel = connect().channel()
channel.exchange_declare(name("logs"), "fanout")
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, name("logs"))
channel.basic_consume(queue, received, auto_ack=True)
consume_until_interrupted(channel)
