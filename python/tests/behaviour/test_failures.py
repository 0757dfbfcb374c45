"""Errors on both sides: every class and every code, what handlers raise by mistake, and errors of
one's own, with what they say about `executed` and `retryable`.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any, Protocol

import leveret
import pytest

from .rig import Probe, Scripts

Serve = Callable[..., leveret.Server]


class TooLarge(leveret.DomainError):
    limit: int
    near: list[int] = []  # noqa: RUF012 - a field's default, as users write it


class Bare(leveret.DomainError, name="bare", positional=True):
    data: bytes


class Two(leveret.DomainError, positional=True):
    a: int
    b: str


class Plain(leveret.DomainError):
    """Without fields."""


class Custom(leveret.DomainError):
    """With a constructor of its own."""

    n: int

    def __init__(self, n: int) -> None:
        super().__init__(f"custom {n}", n=n)


ERRORS = [TooLarge, Bare, Two, Plain, Custom]
SYSTEM = [
    getattr(leveret, code.value)
    for code in leveret.Code
    if code not in (leveret.Code.APPLICATION, leveret.Code.UNKNOWN)
]


@leveret.service("failing", errors=ERRORS)
class Failing:
    @leveret.rpc
    async def fail(self, name: str) -> None:
        raise getattr(leveret, name)("no", details={"a": [1, b"\x00"]}, retry_after=1.5)

    @leveret.rpc
    def fail_in_def(self, name: str) -> None:
        raise getattr(leveret, name)("no", details={"a": [1, b"\x00"]}, retryable=True)

    @leveret.rpc
    async def domain(self, which: int) -> None:
        raise [
            TooLarge("too large", limit=93, near=[92]),
            Bare("bare", data=b"\x00\xff"),
            Two("two", a=1, b="b"),
            Plain("plain"),
            Custom(7),
        ][which]

    @leveret.rpc
    def mistake(self, what: str) -> Any:
        secret = "password"
        if what == "result":
            return object()
        if what == "exit":
            raise SystemExit(secret)
        if what == "not implemented":
            raise NotImplementedError(secret)
        if what == "bad details":
            raise leveret.Aborted(details=object())
        raise {"key": KeyError, "value": ValueError}[what](secret)

    @leveret.rpc
    async def mistake_async(self, what: str) -> Any:
        return self.mistake(what)


class Said(Protocol):
    @leveret.rpc
    def domain(self, which: int) -> None: ...


leveret.service("failing", errors=ERRORS)(Said)


@pytest.fixture
def failing(serve: Serve, client: leveret.Client) -> leveret.Proxy:
    serve(Failing())
    return client.service("failing")


@pytest.mark.parametrize("method", ["fail", "fail_in_def"])
def test_every_code_has_a_class_and_arrives_as_it(failing: leveret.Proxy, method: str) -> None:
    assert len(SYSTEM) == 13
    for cls in SYSTEM:
        with pytest.raises(cls, match="no") as caught:
            failing[method](cls.__name__)
        error = caught.value
        assert type(error) is cls
        assert (error.code, error.wire_code) == (cls.__name__, cls.__name__)
        assert error.message == "no"
        assert str(error) == f"{cls.__name__}: no"
        assert error.details == {"a": [1, b"\x00"]}
        assert error.retryable, method
        assert error.retry_after == (1.5 if method == "fail" else None)


BUILT_IN = {
    leveret.InvalidArgument: ValueError,
    leveret.NoSuchService: LookupError,
    leveret.NoSuchMethod: LookupError,
    leveret.DeadlineExceeded: TimeoutError,
    leveret.Unavailable: ConnectionError,
    leveret.PermissionDenied: PermissionError,
    leveret.Unauthenticated: PermissionError,
    leveret.Unimplemented: NotImplementedError,
}


def test_they_are_what_python_would_raise() -> None:
    for cls, built_in in BUILT_IN.items():
        assert issubclass(cls, built_in)
        # `except OSError` in between must not confuse their state.
        error = cls("text", details={"a": 1})
        assert (error.args, str(error), error.details) == (
            ("text",),
            f"{cls.__name__}: text",
            {"a": 1},
        )


def test_errors_of_one_s_own(client: leveret.Client, failing: leveret.Proxy) -> None:
    for service in (client.service(Said), client.service("failing", errors=ERRORS)):
        with pytest.raises(TooLarge, match="too large") as large:
            service.domain(0)
        assert (large.value.limit, large.value.near) == (93, [92])
        assert large.value.code == leveret.Code.APPLICATION
        assert large.value.name == "TooLarge"
        assert str(large.value) == "Application (TooLarge): too large"
        assert large.value.executed == "yes"
        assert not large.value.retryable
        with pytest.raises(Bare) as bare:
            service.domain(1)
        assert bare.value.data == b"\x00\xff"
        with pytest.raises(Two) as two:
            service.domain(2)
        assert (two.value.a, two.value.b) == (1, "b")
        with pytest.raises(Plain):
            service.domain(3)
        with pytest.raises(Custom, match="custom 7") as custom:
            service.domain(4)
        assert custom.value.n == 7


def test_errors_that_the_caller_does_not_know(failing: leveret.Proxy) -> None:
    with pytest.raises(leveret.Application) as caught:
        failing.domain(0)
    assert type(caught.value) is leveret.Application
    assert caught.value.name == "TooLarge"
    assert caught.value.details == {"limit": 93, "near": [92]}
    with pytest.raises(leveret.Application) as bare:
        failing.domain(1)
    assert bare.value.details == b"\x00\xff"


def test_errors_of_another_shape_are_not_lost(client: leveret.Client, failing: Any) -> None:
    class Other(leveret.DomainError, name="TooLarge"):
        something_else: int

    with pytest.raises(leveret.Application) as caught:
        client.service("failing", errors=[Other]).domain(0)
    assert not isinstance(caught.value, Other)
    assert caught.value.details == {"limit": 93, "near": [92]}


MISTAKES = ["key", "value", "not implemented", "result", "bad details"]


@pytest.mark.parametrize(
    ("method", "what"),
    [
        *(("mistake", what) for what in MISTAKES),
        *(("mistake_async", what) for what in MISTAKES),
        # In the event loop this ends the server, as it is meant to.
        ("mistake", "exit"),
    ],
)
def test_mistakes_are_told_to_the_log_and_not_to_the_caller(
    failing: leveret.Proxy, caplog: pytest.LogCaptureFixture, method: str, what: str
) -> None:
    kind = leveret.Unimplemented if what == "not implemented" else leveret.Internal
    with caplog.at_level(logging.ERROR, "leveret"), pytest.raises(kind) as caught:
        failing[method](what)
    assert "password" not in f"{caught.value} {caught.value.details}"
    assert caught.value.details is None
    assert caught.value.executed in ("maybe", "yes")
    assert not caught.value.retryable
    if what != "bad details":
        assert "failing." + method in caplog.text
    if what in ("key", "value", "exit", "not implemented"):
        assert "password" in caplog.text, "the log has the reason"
        assert type(caught.value).__name__ != "KeyError"


def test_tracebacks_for_those_who_want_them(serve: Serve, client: leveret.Client) -> None:
    serve(Failing(), tracebacks=True)
    with pytest.raises(leveret.Internal) as caught:
        client.service("failing").mistake("key")
    assert "KeyError: 'password'" in caught.value.details["traceback"]


def test_an_error_of_a_call_inside_says_the_truth_about_the_outer_one(
    serve: Serve, client: leveret.Client
) -> None:
    service = leveret.Service("outer")

    @service.rpc
    def lets_through() -> None:
        client.service("nobody").method()

    @service.rpc
    def wraps() -> None:
        try:
            client.service("nobody").method()
        except leveret.NoSuchService as error:
            raise TooLarge("chained", limit=1) from error

    serve(service)
    outer = client.service("outer", errors=[TooLarge])
    with pytest.raises(leveret.NoSuchService) as caught:
        outer.lets_through()
    # The inner call never began; the outer one did.
    assert caught.value.executed == "maybe"
    with pytest.raises(TooLarge) as chained:
        outer.wraps()
    assert chained.value.executed == "yes"


def test_what_is_not_there(client: leveret.Client, probe: Probe) -> None:
    with pytest.raises(leveret.NoSuchService, match="nobody") as caught:
        client.service("nobody").method()
    assert caught.value.executed == "no"
    with pytest.raises(leveret.NoSuchMethod, match="nothing") as missing:
        client.service("probe").nothing(1)
    assert missing.value.executed == "no"
    with pytest.raises(leveret.InvalidArgument, match="value") as unknown:
        client.service("probe").echo(valu=1)
    assert unknown.value.executed == "no"


def test_errors_survive_a_pickle(failing: leveret.Proxy, client: leveret.Client) -> None:
    for which in range(5):
        with pytest.raises(leveret.Application) as caught:
            client.service(Said).domain(which)
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert str(again) == str(caught.value)
        assert vars(again) == vars(caught.value)
    with pytest.raises(leveret.Aborted) as system:
        failing.fail("Aborted")
    assert vars(pickle.loads(pickle.dumps(system.value))) == vars(system.value)


def test_errors_cross_processes(scripts: Scripts, probe: Probe, tmp_path: Any) -> None:
    """`concurrent.futures` sends what a worker raises as a pickle."""
    (tmp_path / "worker.py").write_text(
        "import os, leveret\n"
        "class Mine(leveret.DomainError):\n"
        "    n: int\n"
        "def call(method):\n"
        "    if method == 'mine':\n"
        "        raise Mine('text', n=7)\n"
        "    with leveret.connect(namespace=os.environ['LEVERET_TEST_NAMESPACE']) as client:\n"
        "        return client.service('probe')[method](1)\n"
    )
    lines = scripts.run(
        """
        import multiprocessing, worker
        from concurrent.futures import ProcessPoolExecutor
        if __name__ == "__main__":
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                say(pool.submit(worker.call, "echo").result())
                for method in ("nothing", "mine"):
                    try:
                        pool.submit(worker.call, method).result()
                    except leveret.LeveretError as error:
                        say(type(error).__name__, error.executed, error.details)
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert lines == ["1", "NoSuchMethod no None", "Mine maybe {'n': 7}"]
