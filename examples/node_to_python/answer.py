"""Reads letters to Python, and answers them into the queue of whoever has written."""

from dataclasses import dataclass

import leveret


@dataclass
class Letter:
    sender: str
    text: str


def letters_to(whom: str) -> leveret.TaskQueue[Letter]:
    return leveret.TaskQueue(f"letters.{whom}", Letter)


# Node reads JSON.
client = leveret.connect(codec="json")


@leveret.worker(letters_to("python"))
def answer(letter: Letter) -> None:
    print(f"{letter.sender} writes: {letter.text}", flush=True)
    # The letter is done only when its answer is safe.
    client.push(letters_to(letter.sender), Letter("python", f"{letter.text} indeed"))


if __name__ == "__main__":
    with client:
        leveret.run(answer, ready=lambda: print("ready", flush=True))
