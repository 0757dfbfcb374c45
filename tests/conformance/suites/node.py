"""Suites of Node clients: amqplib."""

from pathlib import Path

from places import SHIMS
from sources import from_npm, run

from suites.suite import Suite


def fetch_amqplib(into: Path) -> None:
    from_npm("amqplib", "2.2.0", into)
    run("npm", "install", "--omit=dev", "--silent", "--no-audit", "--no-fund", cwd=into)


SUITES = [
    # The last release whose package has the tests.
    Suite(
        "amqplib",
        "2.2.0",
        fetch_amqplib,
        lambda out: [
            # One file at a time: they use the same queues. Its own limit is a second for a test.
            *("node", "--test", "--test-concurrency=1", "--test-timeout=10000"),
            *(f"--test-reporter={SHIMS / 'verdicts_reporter.mjs'}",),
            *(f"--test-reporter-destination={out / 'verdicts.tsv'}",),
            *("--test-reporter=spec", "--test-reporter-destination=stdout"),
            *("test/channel_api.test.js", "test/callback_api.test.js", "test/connect.test.js"),
        ],
        limit=180,
        variables={"URL": "amqp://127.0.0.1:5672"},
    ),
]
