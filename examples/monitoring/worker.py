"""Works reports off, one a second and three at once, however many come, and writes them by batches.
`SECOND_MS` makes its seconds shorter.
"""

import os
import threading
import time

import leveret
from contract import Report, reports, rows

SECOND = int(os.environ.get("SECOND_MS", "1000")) / 1000

client = leveret.connect()

# Stands for a service that finds the line of source, and falls over when it is hurried.
source_maps = threading.BoundedSemaphore(3)


@leveret.worker(reports, rate=(1, SECOND), concurrency=3)
def look_up(report: Report) -> None:
    if not source_maps.acquire(blocking=False):
        print("overloaded", flush=True)
        raise leveret.Retry("overloaded")
    print(f"{report.page}: {report.message}", flush=True)
    time.sleep(4 * SECOND)
    source_maps.release()
    # Only when the row is safe is the report done.
    client.push(rows, report)


@leveret.worker(rows, batch=(3, 10.0))
def write(batch: list[Report]) -> None:
    print(f"wrote {len(batch)} rows", flush=True)


if __name__ == "__main__":
    with client:
        leveret.run(look_up, write, ready=lambda: print("ready", flush=True))
