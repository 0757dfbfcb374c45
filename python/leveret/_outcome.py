"""What a handler of tasks or events may say by raising it."""

from __future__ import annotations

from ._checks import seconds
from ._text import text_of


class Retry(Exception):
    """Raised by a handler: another attempt, please. Any other exception means the same, with its
    type and text as the reason; this one leaves no traceback in the log.

    ```python
    raise leveret.Retry("the bank does not answer", after=30)
    ```

    Args:
        reason: for whoever reads the dead letter; the text of what is no str.
        after: seconds until then, to 0.1; by default what the queue says.

    Raises:
        TypeError, ValueError: unless `after` is a number of seconds.
    """

    # Of subclasses that have a constructor of their own too.
    reason: str = ""
    after: float | None = None

    def __init__(self, reason: object = "", *, after: float | None = None) -> None:
        self.reason = text_of(reason)
        super().__init__(self.reason)
        self.after = None if after is None else seconds("after", after)


class Reject(Exception):
    """Raised by a handler: it can never be done. It becomes a dead letter without another attempt.

    ```python
    raise leveret.Reject("there is no such account")
    ```

    Args:
        reason: for whoever reads the dead letter; the text of what is no str.
    """

    reason: str = ""

    def __init__(self, reason: object = "") -> None:
        self.reason = text_of(reason)
        super().__init__(self.reason)


# Where users find them, and where tracebacks say that they are.
for _public in (Retry, Reject):
    _public.__module__ = "leveret"
