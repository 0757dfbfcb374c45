"""Prints the documents that have all of these headers, or any:
`python receive.py all format=pdf type=report`.
"""

import sys

import leveret

documents = leveret.Events.headers("documents", str)
how, *arguments = sys.argv[1:]
wanted = dict(argument.split("=") for argument in arguments)


@leveret.subscriber(
    documents,
    all=wanted if how == "all" else None,
    any=wanted if how == "any" else None,
    concurrency=1,
)
def show(title: str, message: leveret.Message) -> None:
    print(f"{title} ({message.headers['type']}, {message.headers['format']})", flush=True)


if __name__ == "__main__":
    leveret.run(show, ready=lambda: print("ready", flush=True))
