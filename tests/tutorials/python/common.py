"""What the programs share: where the broker is, names that two runs do not share, a good end."""

import os
import signal

import pika


def connect() -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))


def name(plain: str) -> str:
    return os.environ.get("TUTORIAL_PREFIX", "") + plain


def consume_until_interrupted(channel) -> None:
    """The consumers are registered by now: says so, and serves them until Ctrl-C."""
    # As an exception, it would come in the middle of an acknowledgement.
    signal.signal(
        signal.SIGINT,
        lambda *_: channel.connection.add_callback_threadsafe(channel.stop_consuming),
    )
    print("ready")
    channel.start_consuming()
    channel.connection.close()
