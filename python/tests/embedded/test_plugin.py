"""The pytest plugin, as it comes with the package: nobody names it."""

from __future__ import annotations

from importlib import metadata

import pytest

# Where the sources are used as they are, without an installed package.
try:
    metadata.distribution("leveret")
    BY_HAND = ()
except metadata.PackageNotFoundError:
    BY_HAND = ("-p", "leveret_pytest")

SERVICE = """
import sys

import pytest

def serve_and_call(url):
    import leveret

    @leveret.service("math")
    class Math:
        @leveret.rpc
        def double(self, n: int) -> int:
            return 2 * n

    with leveret.Server(Math(), url=url).in_thread(), leveret.connect(url) as client:
        return client.service("math").double(21)
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    def run(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(SERVICE + source)
        return pytester.runpytest_subprocess(
            "-Werror", "-p", "no:cacheprovider", *BY_HAND, *arguments
        )

    return run


def test_a_broker_of_the_tests_own(run) -> None:
    run("""
seen = []

@pytest.mark.parametrize("turn", range(3))
def test_double(leveret_broker, turn):
    assert serve_and_call(leveret_broker.url) == 42
    assert all(not broker.running for broker in seen)
    assert leveret_broker.running
    seen.append(leveret_broker)

def test_nothing_is_left():
    assert len(set(seen)) == 3
    assert all(not broker.running for broker in seen)
""").assert_outcomes(passed=4)


def test_one_for_the_session(run) -> None:
    run("""
seen = set()

@pytest.mark.parametrize("turn", range(3))
def test_double(leveret_broker_session, turn):
    assert serve_and_call(leveret_broker_session.url) == 42
    seen.add(leveret_broker_session.url)
    assert len(seen) == 1

def test_it_is_another_one(leveret_broker_session, leveret_broker):
    assert leveret_broker.url != leveret_broker_session.url
""").assert_outcomes(passed=4)


def test_it_costs_nothing_where_nobody_asks(run) -> None:
    run("""
def test_it_is_not_imported():
    assert not [name for name in sys.modules if name.partition(".")[0] in ("leveret", "msgspec")]

def test_until_it_is(leveret_broker):
    assert leveret_broker.running and "leveret" in sys.modules
""").assert_outcomes(passed=2)


def test_the_fixtures_are_listed_with_what_they_are(run) -> None:
    listed = run("", "--fixtures").stdout.str()
    assert "leveret_broker -- " in listed
    assert "leveret_broker_session [session scope] -- " in listed
    assert "A broker of the test's own" in listed
