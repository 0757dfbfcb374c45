"""Prints the lines about these topics, where `*` is one word and `#` any number of them:
`python receive_logs.py 'kern.*' '*.critical'`.
"""

import sys

import leveret

logs = leveret.Events.topic("logs.by-topic", str)


@leveret.subscriber(logs, keys=sys.argv[1:], concurrency=1)
def show(line: str, message: leveret.Message) -> None:
    print(f"{message.routing_key}: {line}", flush=True)


if __name__ == "__main__":
    leveret.run(show, ready=lambda: print("ready", flush=True))
