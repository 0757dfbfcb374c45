"""What the service looks like, for its server and for its clients."""

from typing import Protocol

import leveret


@leveret.service("greeter")
class Greeter(Protocol):
    """Says hello."""

    @leveret.rpc
    def hello(self, name: str) -> str:
        """A greeting for whoever is named."""
        ...
