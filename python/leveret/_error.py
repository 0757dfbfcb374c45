"""The base of all errors, and the two enums that say what kind it is and whether the method ran."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ._text import text_of


class Code(str, Enum):
    """What kind of failure it was.

    >>> Code.NO_SUCH_SERVICE == "NoSuchService"
    True
    """

    INVALID_ARGUMENT = "InvalidArgument"
    NO_SUCH_SERVICE = "NoSuchService"
    NO_SUCH_METHOD = "NoSuchMethod"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    CANCELLED = "Cancelled"
    UNAVAILABLE = "Unavailable"
    RESOURCE_EXHAUSTED = "ResourceExhausted"
    PERMISSION_DENIED = "PermissionDenied"
    UNAUTHENTICATED = "Unauthenticated"
    FAILED_PRECONDITION = "FailedPrecondition"
    ABORTED = "Aborted"
    UNIMPLEMENTED = "Unimplemented"
    INTERNAL = "Internal"
    UNKNOWN = "Unknown"
    APPLICATION = "Application"

    def __str__(self) -> str:
        return self.value


class Executed(str, Enum):
    """Whether the method ran.

    `NO` is a promise that it never began, `YES` that it ran to its end; `MAYBE` is everything else.

    >>> Executed.NO == "no"
    True
    """

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"

    def __str__(self) -> str:
        return self.value


_RETRYABLE = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.ABORTED})


class LeveretError(Exception):
    """Why a call failed; the base of all of Leveret's exceptions.

    A handler that raises one answers with it:

    ```python
    raise leveret.PermissionDenied("not yours", details={"owner": "ann"}, retryable=False)
    ```

    Attributes:
        message: what is wrong, for a person.
        code: the kind of failure.
        wire_code: the code as it was received; differs from `code` where that is `UNKNOWN`.
        name: the name of a domain error, else None.
        details: data for a program, decoded; its shape belongs to `name`.
        retry_after: seconds to wait before another try, if the service said so.
    """

    code: Code = Code.UNKNOWN
    message: str
    name: str | None = None
    wire_code: str
    details: Any = None
    retry_after: float | None = None

    def __init__(
        self,
        message: object = "",
        *,
        details: Any = None,
        executed: Executed | str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = text_of(message)
        super().__init__(self.message)
        self.wire_code = self.code.value
        self.details = details
        self.retry_after = retry_after
        self.said_executed = None if executed is None else Executed(executed)
        self.said_retryable = True if retryable is None and retry_after is not None else retryable
        self.received = False

    # What whoever raised the error said; None leaves it to the code, and in a handler to the
    # server.
    said_executed: Executed | None
    said_retryable: bool | None
    received: bool

    @property
    def executed(self) -> Executed:
        """Whether the method ran. An error that says nothing counts as `MAYBE`."""
        return self.said_executed or Executed.MAYBE

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.code in _RETRYABLE if self.said_retryable is None else self.said_retryable

    def __str__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        return f"{self.wire_code}{name}: {self.message}"

    # By state and not by arguments: subclasses have other constructors, and `OSError` its own idea
    # of both.
    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__.copy())


def _restored(
    cls: type[LeveretError], args: tuple[Any, ...], state: dict[str, Any]
) -> LeveretError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


# Where users find them, and where tracebacks and pickles say that they are.
for _public in (Code, Executed, LeveretError):
    _public.__module__ = "leveret.errors"
