"""Does tasks, one at a time: each dot in a task is a second of work, or `DOT_MS` milliseconds."""

import os
import time

import leveret

DOT = int(os.environ.get("DOT_MS", "1000")) / 1000

dots = leveret.TaskQueue("dots", str)


# One at a time: whoever is free gets the next one.
@leveret.worker(dots, concurrency=1)
def work(task: str) -> None:
    time.sleep(task.count(".") * DOT)
    print(f"done {task}", flush=True)


if __name__ == "__main__":
    leveret.run(work, ready=lambda: print("ready", flush=True))
