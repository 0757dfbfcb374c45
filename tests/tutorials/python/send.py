"""Hello: puts its arguments into a queue, one message each."""

import sys

from common import connect, name

connection = connect()
channel = connection.channel()
channel.queue_declare(name("hello"))
for text in sys.argv[1:]:
    channel.basic_publish("", name("hello"), text)
    print("sent", text)
connection.close()
