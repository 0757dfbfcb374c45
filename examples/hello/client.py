"""Calls the service once: `python client.py World`."""

import sys

import leveret
from contract import Greeter

name = sys.argv[1] if len(sys.argv) > 1 else "World"

with leveret.connect() as client:
    print(client.service(Greeter).hello(name))
