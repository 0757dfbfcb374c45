"""RPC written on pika's BlockingConnection by hand, the RabbitMQ tutorial's way, but well used.

The server has a prefetch, replies are not acknowledged, and for many calls in flight one thread
publishes the next request as soon as a reply is there. Threads have a connection each, because a
pika connection belongs to one thread. The bodies are text, so the client can call Leveret's server.
"""

import time
from contextlib import ExitStack

import pika

import harness


def server(end, ready):
    connection = pika.BlockingConnection(pika.URLParameters(end.url))
    channel = connection.channel()
    channel.queue_declare(end.queue, auto_delete=True)
    channel.basic_qos(prefetch_count=harness.PREFETCH)

    def on_request(channel, delivery, properties, body):
        answer = str(harness.add_one(int(body))).encode()
        reply = pika.BasicProperties(correlation_id=properties.correlation_id)
        channel.basic_publish("", properties.reply_to, answer, reply)
        channel.basic_ack(delivery.delivery_tag)

    channel.basic_consume(end.queue, on_request)
    ready()
    channel.start_consuming()


class Client:
    def __init__(self, end):
        self.server = end.queue
        self.connection = pika.BlockingConnection(pika.URLParameters(end.url))
        self.channel = self.connection.channel()
        self.replies = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.basic_consume(self.replies, self.on_reply, auto_ack=True)
        self.next_id = 0
        self.waiting = {}
        self.answers = []
        self.again_until = 0.0
        self.latencies = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def publish(self, n):
        self.next_id += 1
        correlation_id = str(self.next_id)
        self.waiting[correlation_id] = (n, time.perf_counter())
        request = pika.BasicProperties(correlation_id=correlation_id, reply_to=self.replies)
        self.channel.basic_publish("", self.server, str(n).encode(), request)

    def on_reply(self, _channel, _delivery, properties, body):
        n, sent = self.waiting.pop(properties.correlation_id)
        if int(body) != n + 1:
            raise AssertionError("a wrong answer")
        answered = time.perf_counter()
        self.latencies.append(answered - sent)
        if answered < self.again_until:
            self.publish(n + 1)

    def call(self, n):
        self.publish(n)
        while self.waiting:
            self.connection.process_data_events(time_limit=None)
        return n + 1

    def pipelined(self, in_flight, seconds):
        self.latencies = []
        self.again_until = time.perf_counter() + seconds
        for n in range(in_flight):
            self.publish(n)
        while self.waiting:
            self.connection.process_data_events(time_limit=None)
        return self.latencies


def client(end):
    with ExitStack() as stack:
        most = max((each.in_flight for each in end.settings if each.threads), default=1)
        clients = [stack.enter_context(Client(end)) for _ in range(most)]

        def load(setting, seconds):
            if setting.threads:
                calls = [each.call for each in clients[: setting.in_flight]]
                return harness.in_threads(calls, seconds)
            return clients[0].pipelined(setting.in_flight, seconds)

        harness.measure(end, load)


if __name__ == "__main__":
    harness.main(server=harness.blocking_server(server), client=client)
