"""Topics: prints the logs of the patterns in its arguments."""

import sys

from common import connect, consume_until_interrupted, name


def received(_channel, delivery, _properties, body):
    print("received", delivery.routing_key, body.decode())


channel = connect().channel()
channel.exchange_declare(name("topic_logs"), "topic")
queue = channel.queue_declare("", exclusive=True).method.queue
for wanted in sys.argv[1:]:
    channel.queue_bind(queue, name("topic_logs"), wanted)
channel.basic_consume(queue, received, auto_ack=True)
consume_until_interrupted(channel)
