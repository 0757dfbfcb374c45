"""Publishes each argument as a line of the log: `python emit_log.py "a line" "another"`."""

import sys

import leveret

logs = leveret.Events.fanout("logs", str)

# JSON, so that subscribers in any language can read it.
with leveret.connect(codec="json") as client:
    for line in sys.argv[1:]:
        client.publish(logs, line)
        print(f"published {line}", flush=True)
