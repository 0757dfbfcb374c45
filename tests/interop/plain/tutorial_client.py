"""Behaves on the wire as the RPC client of RabbitMQ's Python tutorial does.

No type, no content type, no expiration, not mandatory; prints the answer's body.
"""

import os
import sys
import uuid

import pika


def main():
    url = os.environ.get("AMQP_URL", "amqp://127.0.0.1:5672/%2f")
    n = sys.argv[1] if len(sys.argv) > 1 else "30"
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    own_queue = channel.queue_declare("", exclusive=True).method.queue
    correlation_id = str(uuid.uuid4())
    answers = []

    def receive(_channel, _delivery, properties, body):
        if properties.correlation_id == correlation_id:
            answers.append(body)

    channel.basic_consume(own_queue, receive, auto_ack=True)
    properties = pika.BasicProperties(reply_to=own_queue, correlation_id=correlation_id)
    channel.basic_publish("", "rpc_queue", n, properties)
    while not answers:
        connection.process_data_events(time_limit=None)
    print(int(answers[0]))
    connection.close()


if __name__ == "__main__":
    main()
