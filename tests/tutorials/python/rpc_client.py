"""RPC: asks for all Fibonacci numbers in its arguments at once, and prints them in that order."""

import sys
import uuid

import pika
from common import connect, name

connection = connect()
channel = connection.channel()
replies = channel.queue_declare("", exclusive=True).method.queue
answers = {}


def received(_channel, _delivery, properties, body):
    answers[properties.correlation_id] = body.decode()


channel.basic_consume(replies, received, auto_ack=True)
asked = {str(uuid.uuid4()): n for n in sys.argv[1:]}
for correlation_id, n in asked.items():
    how = pika.BasicProperties(reply_to=replies, correlation_id=correlation_id)
    channel.basic_publish("", name("rpc_queue"), n, how)
while answers.keys() != asked.keys():
    connection.process_data_events(time_limit=None)
for correlation_id, n in asked.items():
    print(f"fib({n}) = {answers[correlation_id]}")
connection.close()
