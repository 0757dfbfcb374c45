"""Work queues: takes one task at a time and acknowledges it when it is done.

Where the tutorial's worker sleeps a second for each dot of a task, this one reads a line of its
standard input: who runs it decides how long the work takes.
"""

import sys

from common import connect, consume_until_interrupted, name


def work(channel, delivery, properties, body):
    task = body.decode()
    again = " again" if delivery.redelivered else ""
    print(f"received {task}{again}, mode {properties.delivery_mode}")
    for _ in range(task.count(".")):
        sys.stdin.readline()
    print("done", task)
    channel.basic_ack(delivery.delivery_tag)


channel = connect().channel()
channel.queue_declare(name("task_queue"), durable=True)
channel.basic_qos(prefetch_count=1)
channel.basic_consume(name("task_queue"), work)
consume_until_interrupted(channel)
