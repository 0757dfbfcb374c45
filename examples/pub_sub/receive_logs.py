"""Prints every line of the log from now on, beside all others who do."""

import leveret

logs = leveret.Events.fanout("logs", str)


# One line after the other, in the order in which they came.
@leveret.subscriber(logs, concurrency=1)
def show(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    leveret.run(show, ready=lambda: print("ready", flush=True))
