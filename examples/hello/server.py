"""The smallest service: one method. Ctrl-C stops it in order."""

import leveret
from contract import Greeter


class English(Greeter):
    def hello(self, name: str) -> str:
        return f"Hello, {name}!"


if __name__ == "__main__":
    leveret.run(English(), ready=lambda: print("ready", flush=True))
