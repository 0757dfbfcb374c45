"""Work queues: persistent tasks for a durable queue, one for each argument."""

import sys

import pika
from common import connect, name

connection = connect()
channel = connection.channel()
channel.queue_declare(name("task_queue"), durable=True)
persistent = pika.BasicProperties(delivery_mode=2)
for task in sys.argv[1:]:
    channel.basic_publish("", name("task_queue"), task, persistent)
    print("sent", task)
connection.close()
