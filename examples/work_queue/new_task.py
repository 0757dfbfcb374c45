"""Pushes a task for each argument: `python new_task.py "First task ." "Second task .."`."""

import sys

import leveret

dots = leveret.TaskQueue("dots", str)

# JSON, so that workers in any language can read it.
with leveret.connect(codec="json") as client:
    for task in sys.argv[1:]:
        # Returns when the broker has promised to keep it.
        client.push(dots, task)
        print(f"pushed {task}", flush=True)
