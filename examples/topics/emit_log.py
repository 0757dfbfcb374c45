"""Publishes a line about something: `python emit_log.py kern.critical "the disk is full"`."""

import sys

import leveret

logs = leveret.Events.topic("logs.by-topic", str)
key, line = sys.argv[1:]

# JSON, so that subscribers in any language can read it.
with leveret.connect(codec="json") as client:
    client.publish(logs, line, key=key)
