"""Publish/subscribe: each argument to everybody who listens."""

import sys

from common import connect, name

connection = connect()
channel = connection.channel()
channel.exchange_declare(name("logs"), "fanout")
for text in sys.argv[1:]:
    channel.basic_publish(name("logs"), "", text)
    print("sent", text)
connection.close()
