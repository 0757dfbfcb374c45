"""Publishes a line with its severity: `python emit_log.py error "the disk is full"`."""

import sys

import leveret

logs = leveret.Events.direct("logs.by-severity", str)
severity, line = sys.argv[1:]

# JSON, so that subscribers in any language can read it.
with leveret.connect(codec="json") as client:
    client.publish(logs, line, key=severity)
