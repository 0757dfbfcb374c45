"""Publishes a document with headers that say what it is:
`python send.py "the budget" format=pdf type=report`.
"""

import sys

import leveret

documents = leveret.Events.headers("documents", str)
title, *headers = sys.argv[1:]

# JSON, so that subscribers in any language can read it.
with leveret.connect(codec="json") as client:
    client.publish(documents, title, headers=dict(header.split("=") for header in headers))
