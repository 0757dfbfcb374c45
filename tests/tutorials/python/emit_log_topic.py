"""Topics: arguments are pairs of a key and a text."""

import sys

from common import connect, name

connection = connect()
channel = connection.channel()
channel.exchange_declare(name("topic_logs"), "topic")
for key, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    channel.basic_publish(name("topic_logs"), key, text)
    print("sent", key, text)
connection.close()
