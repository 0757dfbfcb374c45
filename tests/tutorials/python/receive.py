"""Hello: prints what comes out of the queue, acknowledged on delivery."""

from common import connect, consume_until_interrupted, name


def received(_channel, _delivery, _properties, body):
    print("received", body.decode())


channel = connect().channel()
channel.queue_declare(name("hello"))
channel.basic_consume(name("hello"), received, auto_ack=True)
consume_until_interrupted(channel)
