"""nameko: the service framework on eventlet, called through its standalone proxy.

Its messages are made transient here, as everybody's are. It always has publisher confirms. Many
calls in flight are its `call_async`, whose results are taken in turn.
"""

import contextlib
import signal
import sys
import time
from collections import deque

import kombu
from amqp.exceptions import PreconditionFailed
from nameko.amqp.publish import Publisher
from nameko.constants import AMQP_URI_CONFIG_KEY, MAX_WORKERS_CONFIG_KEY, NON_PERSISTENT
from nameko.rpc import rpc
from nameko.standalone.rpc import ServiceRpcProxy

import harness

Publisher.delivery_mode = NON_PERSISTENT


def config(end):
    # Its prefetch is its number of workers, too.
    return {AMQP_URI_CONFIG_KEY: end.url, MAX_WORKERS_CONFIG_KEY: harness.PREFETCH}


def server(end):
    import eventlet
    import eventlet.event
    from nameko.runners import ServiceRunner

    class Service:
        name = end.queue

        @rpc
        def add_one(self, n):
            return harness.add_one(n)

    stopped = eventlet.event.Event()
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_n(stopped.send))
    runner = ServiceRunner(config(end))
    runner.add_service(Service)
    runner.start()
    harness.ready()
    stopped.wait()
    runner.stop()
    with kombu.Connection(end.url) as connection:
        connection.default_channel.queue_delete(f"rpc-{end.queue}")
        # Every nameko service of this broker shares it.
        with contextlib.suppress(PreconditionFailed):
            connection.default_channel.exchange_delete("nameko-rpc", if_unused=True)


def client(end):
    proxy = ServiceRpcProxy(end.queue, config(end))
    with proxy as service:

        def load(setting, seconds):
            latencies = []
            waiting = deque()
            n = 0
            until = time.perf_counter() + seconds
            while True:
                while len(waiting) < setting.in_flight and (now := time.perf_counter()) < until:
                    waiting.append((n, now, service.add_one.call_async(n)))
                    n += 1
                if not waiting:
                    return latencies
                given, sent, reply = waiting.popleft()
                if reply.result() != given + 1:
                    raise AssertionError("a wrong answer")
                latencies.append(time.perf_counter() - sent)

        harness.measure(end, load)
    with kombu.Connection(end.url) as connection:
        # It would go by itself after five minutes.
        connection.default_channel.queue_delete(proxy._reply_listener.queue.name)


if __name__ == "__main__":
    if "server" in sys.argv:
        import eventlet

        eventlet.monkey_patch()
    harness.main(server=server, client=client)
