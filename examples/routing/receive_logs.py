"""Prints the lines of these severities: `python receive_logs.py warning error`."""

import sys

import leveret

logs = leveret.Events.direct("logs.by-severity", str)


@leveret.subscriber(logs, keys=sys.argv[1:], concurrency=1)
def show(line: str, message: leveret.Message) -> None:
    print(f"{message.routing_key}: {line}", flush=True)


if __name__ == "__main__":
    leveret.run(show, ready=lambda: print("ready", flush=True))
