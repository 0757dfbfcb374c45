"""What a call can end in. One class for each code of the protocol, so that `except` reads like the
table of errors in `docs/protocol.md`; every one says whether the method ran (`executed`) and
whether trying again may help.

The classes also derive from the built-in exception that means the same, so that code which expects
a `TimeoutError` or a `ConnectionError` needs to know nothing of Leveret.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any, ClassVar

from ._error import Code, Executed, LeveretError

__all__ = [
    "Aborted",
    "Application",
    "Cancelled",
    "Code",
    "DeadlineExceeded",
    "DomainError",
    "Executed",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "LeveretError",
    "NoSuchMethod",
    "NoSuchService",
    "PermissionDenied",
    "ResourceExhausted",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
]


class InvalidArgument(LeveretError, ValueError):
    """The arguments do not fit the method, or an option cannot be sent.

    ```python
    try:
        math.fib("30")
    except leveret.InvalidArgument as error:  # or ValueError
        print(error.message)  # argument `n`: expected `int`, got `str`
    ```
    """

    code = Code.INVALID_ARGUMENT


class NoSuchService(LeveretError, LookupError):
    """No server has ever declared the queue of this service.

    ```python
    try:
        client.service("mth").fib(30)
    except leveret.NoSuchService as error:  # or LookupError
        print(error.executed)  # no
    ```
    """

    code = Code.NO_SUCH_SERVICE


class NoSuchMethod(LeveretError, LookupError):
    """The service has no method of this name.

    ```python
    try:
        client.service("math").fob(30)
    except leveret.NoSuchMethod as error:  # or LookupError
        print(error.message)  # lists those that there are
    ```
    """

    code = Code.NO_SUCH_METHOD


class DeadlineExceeded(LeveretError, TimeoutError):
    """The deadline passed first.

    ```python
    try:
        math.with_options(timeout=0.5).fib(30)
    except TimeoutError:
        value = None
    ```
    """

    code = Code.DEADLINE_EXCEEDED


class Cancelled(LeveretError):
    """The caller gave the call up. Not `asyncio.CancelledError`, which is what a cancelled task
    sees.

    ```python
    except leveret.Cancelled as error:  # not by this program: its own calls just end
        log.info("gave up: %s", error.message)
    ```
    """

    code = Code.CANCELLED


class Unavailable(LeveretError, ConnectionError):
    """The broker or the service cannot be reached.

    ```python
    try:
        client.service("math", fail_fast=True).fib(30)
    except ConnectionError as error:
        if error.executed == "no":  # safe to send again
            ...
    ```
    """

    code = Code.UNAVAILABLE


class ResourceExhausted(LeveretError):
    """A limit was reached: a size, calls in flight, a full queue.

    ```python
    raise leveret.ResourceExhausted("too many orders", retry_after=2.5)  # in a handler
    ```
    """

    code = Code.RESOURCE_EXHAUSTED


class PermissionDenied(LeveretError, PermissionError):
    """The caller is known and may not do this.

    ```python
    raise leveret.PermissionDenied("not yours", details={"owner": "ann"})  # in a handler
    ```
    """

    code = Code.PERMISSION_DENIED


class Unauthenticated(LeveretError, PermissionError):
    """The caller is not known.

    ```python
    cx = leveret.context()  # in a handler
    if cx is None or cx.user is None:
        raise leveret.Unauthenticated("log in to the broker under your own name")
    ```
    """

    code = Code.UNAUTHENTICATED


class FailedPrecondition(LeveretError):
    """The system is not in a state that allows the call.

    ```python
    raise leveret.FailedPrecondition("the shop is closed", executed="no")  # in a handler
    ```
    """

    code = Code.FAILED_PRECONDITION


class Aborted(LeveretError):
    """Given up, because going on could have run the method twice.

    ```python
    except leveret.Aborted as error:
        assert error.executed == "maybe"  # look whether it has happened before sending it again
    ```
    """

    code = Code.ABORTED


class Unimplemented(LeveretError, NotImplementedError):
    """The peer does not support what was asked of it.

    ```python
    raise NotImplementedError  # in a handler becomes leveret.Unimplemented for the caller
    ```
    """

    code = Code.UNIMPLEMENTED


class Internal(LeveretError):
    """The service is broken: its handler raised, or its result cannot be sent or read.

    ```python
    except leveret.Internal as error:
        print(error.message)  # the handler raised ValueError; the server's log has the reason
    ```
    """

    code = Code.INTERNAL


class Unknown(LeveretError):
    """A code that this version does not know; `wire_code` has it.

    ```python
    except leveret.Unknown as error:
        print(error.wire_code)
    ```
    """

    code = Code.UNKNOWN


class Application(LeveretError):
    """An error that the service defines; `name` and `details` say which. See `DomainError`.

    ```python
    except leveret.Application as error:  # of a service whose errors were not declared
        print(error.name, error.details)  # TooLarge {'limit': 93}
    ```
    """

    code = Code.APPLICATION


class DomainError(Application):
    """An error of your own. Its annotations are its fields; they travel as `details`.

    ```python
    class TooLarge(leveret.DomainError):
        limit: int

    raise TooLarge("n is too large", limit=93)
    ```

    The name on the wire is the class's; `class TooLarge(leveret.DomainError, name="too_large")`
    changes it. With `positional=True` the fields travel without their names: as an array, or bare
    if there is only one.

    Callers that declare the class (`errors=[TooLarge]`) catch it as it was raised.

    Raises:
        TypeError: for a field that is missing, unknown, or named like an attribute of every error.
    """

    # Filled by `__init_subclass__`.
    positional: ClassVar[bool] = False
    field_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls, *, name: str | None = None, positional: bool | None = None, **others: Any
    ) -> None:
        super().__init_subclass__(**others)
        cls.name = name or cls.__name__
        if positional is not None:
            cls.positional = positional
        fields = list(cls.field_names)
        for field, hint in _own_annotations(cls).items():
            if field.startswith("_") or "ClassVar" in str(hint):
                continue
            if field in _TAKEN:
                raise TypeError(
                    f"{cls.__name__}.{field}: every error has an attribute of this name; "
                    "call the field something else"
                )
            if field not in fields:
                fields.append(field)
        cls.field_names = tuple(fields)

    def __init__(
        self,
        message: object = "",
        *,
        executed: Executed | str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, executed=executed, retryable=retryable, retry_after=retry_after)
        self.take_fields(fields)

    def take_fields(self, fields: dict[str, Any]) -> None:
        """Sets the fields, and `details` with them. For `leveret` itself."""
        known = self.field_names
        for name in fields:
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no field {name!r}")
        for name in known:
            if name in fields:
                setattr(self, name, fields[name])
            elif not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} needs its field {name!r}")
        values = {name: getattr(self, name) for name in known}
        if not self.positional:
            self.details = values or None
        elif len(values) == 1:
            self.details = next(iter(values.values()))
        else:
            self.details = list(values.values()) or None


def _own_annotations(cls: type) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        # Names that are defined further down must not fail here.
        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


_TAKEN = frozenset(
    {"args", "code", "details", "errno", "executed", "field_names", "filename", "message", "name"}
    | {"positional", "received", "retry_after", "retryable", "said_executed", "said_retryable"}
    | {"strerror", "take_fields", "wire_code", "with_traceback", "add_note"}
)
