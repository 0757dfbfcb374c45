"""Exceptions: what they say, what they derive from, that they survive pickling and the wire."""

import copy
import pickle
from typing import Any

import leveret
import msgspec
import pytest
from leveret import Code, DomainError, Executed
from leveret._failures import to_exception


class TooLarge(DomainError):
    limit: int
    hint: str = "smaller"


class Pair(DomainError, name="pair", positional=True):
    first: int
    second: bytes


class Bare(DomainError, positional=True):
    value: int


class OwnInit(DomainError):
    limit: int

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit}", limit=limit)


def failure(code: str, message: str = "m", **given: Any) -> Any:
    details = given.get("details")
    return (
        given.get("known", code),
        message,
        given.get("name"),
        None if details is None else msgspec.msgpack.encode(details),
        given.get("executed", "maybe"),
        given.get("retryable", False),
        given.get("retry_after"),
        code,
    )


@pytest.mark.parametrize("code", list(Code))
def test_each_code_has_a_class_that_says_so(code: Code) -> None:
    cls = getattr(leveret, code.value)
    error = cls("it broke")
    assert error.code is code
    assert str(error) == f"{code.value}: it broke"
    assert error.executed is Executed.MAYBE
    assert error.args == ("it broke",)
    assert type(to_exception(failure(code.value))) is cls


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (leveret.InvalidArgument, ValueError),
        (leveret.NoSuchService, LookupError),
        (leveret.NoSuchMethod, LookupError),
        (leveret.DeadlineExceeded, TimeoutError),
        (leveret.Unavailable, ConnectionError),
        (leveret.PermissionDenied, PermissionError),
        (leveret.Unauthenticated, PermissionError),
        (leveret.Unimplemented, NotImplementedError),
    ],
)
def test_built_in_relatives(cls: Any, base: type) -> None:
    with pytest.raises(base, match="gone"):
        raise cls("gone")


def test_retryable_follows_the_code_unless_said() -> None:
    assert leveret.Unavailable("").retryable
    assert not leveret.Internal("").retryable
    assert leveret.Internal("", retry_after=1.5).retryable
    assert not leveret.Unavailable("", retryable=False).retryable


def test_an_unknown_code_stays_readable() -> None:
    error = to_exception(failure("QuotaExceeded", known="Unknown", retryable=True, executed="no"))
    assert type(error) is leveret.Unknown
    assert error.wire_code == "QuotaExceeded"
    assert str(error) == "QuotaExceeded: m"
    assert error.retryable
    assert error.executed == "no"


@pytest.mark.parametrize(
    "error",
    [
        leveret.Unavailable("gone", details={"a": 1}, executed="no", retry_after=2.5),
        leveret.DeadlineExceeded("late"),
        TooLarge("too large", limit=93),
        Pair("two", first=1, second=b"x"),
        OwnInit(5),
        to_exception(failure("QuotaExceeded", known="Unknown", name="n", details=[1])),
    ],
)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])
def test_nothing_is_lost_by_pickling(error: Any, again: Any) -> None:
    twin = again(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert twin.__dict__ == error.__dict__
    assert (twin.executed, twin.retryable) == (error.executed, error.retryable)


def test_a_domain_error_has_fields_and_details() -> None:
    error = TooLarge("n is too large", limit=93)
    assert (error.limit, error.hint) == (93, "smaller")
    assert error.details == {"limit": 93, "hint": "smaller"}
    assert error.name == "TooLarge"
    assert error.code is Code.APPLICATION
    assert str(error) == "Application (TooLarge): n is too large"
    assert Pair("", first=1, second=b"x").details == [1, b"x"]
    assert Pair("", first=1, second=b"x").name == "pair"
    assert Bare("", value=3).details == 3


def test_fields_are_checked() -> None:
    with pytest.raises(TypeError, match="needs its field 'limit'"):
        TooLarge("")
    with pytest.raises(TypeError, match="no field 'size'"):
        TooLarge("", limit=1, size=2)
    with pytest.raises(TypeError, match="every error has an attribute of this name"):

        class Wrong(DomainError):
            message: int  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("cls", "details", "fields"),
    [
        (TooLarge, {"limit": 93, "new": 1}, {"limit": 93, "hint": "smaller"}),
        (Pair, [1, b"x"], {"first": 1, "second": b"x"}),
        (Pair, [1, "eA=="], {"first": 1, "second": b"x"}),
        (Bare, 7, {"value": 7}),
        (OwnInit, {"limit": 5}, {"limit": 5}),
    ],
)
def test_a_declared_domain_error_comes_back(cls: Any, details: Any, fields: Any) -> None:
    error = to_exception(
        failure("Application", name=cls.name, details=details, executed="yes"), {cls.name: cls}
    )
    assert type(error) is cls
    assert {name: getattr(error, name) for name in fields} == fields
    assert (error.message, error.executed) == ("m", "yes")


@pytest.mark.parametrize("details", [{"limit": "93"}, {}, None, 3])
def test_details_that_do_not_fit_leave_a_plain_application_error(details: Any) -> None:
    error = to_exception(
        failure("Application", name="TooLarge", details=details), {"TooLarge": TooLarge}
    )
    assert type(error) is leveret.Application
    assert (error.name, error.details) == ("TooLarge", details)
