"""RPC: answers with the Fibonacci number that it is asked for."""

import pika
from common import connect, consume_until_interrupted, name


def fib(n):
    before, here = 0, 1
    for _ in range(n):
        before, here = here, before + here
    return before


def answer(channel, delivery, properties, body):
    print("asked for", body.decode())
    reply = pika.BasicProperties(correlation_id=properties.correlation_id)
    channel.basic_publish("", properties.reply_to, str(fib(int(body))), reply)
    channel.basic_ack(delivery.delivery_tag)


channel = connect().channel()
channel.queue_declare(name("rpc_queue"))
channel.basic_qos(prefetch_count=1)
channel.basic_consume(name("rpc_queue"), answer)
consume_until_interrupted(channel)
