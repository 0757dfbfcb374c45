"""Routing: arguments are pairs of a severity and a text."""

import sys

from common import connect, name

connection = connect()
channel = connection.channel()
channel.exchange_declare(name("direct_logs"), "direct")
for severity, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    channel.basic_publish(name("direct_logs"), severity, text)
    print("sent", severity, text)
connection.close()
