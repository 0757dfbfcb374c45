"""Suites of Rust clients: lapin, amqprs."""

import os
import re
from pathlib import Path

import verdicts
from places import WORK
from sources import from_crates_io, run

from suites.suite import Command, Suite

# Beside the sources and not in our own target/: nothing is shared with them.
TARGET = WORK / "cargo"


def cargo_test(*features: str) -> Command:
    return lambda out: [
        *("cargo", "test", "--offline", "--no-fail-fast", "--test", "*", *features),
        *("--", "--test-threads=1"),
    ]


def build(into: Path, *features: str) -> None:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "CARGO_PROFILE_TEST_DEBUG": "0"}
    run("cargo", "test", "--no-run", "--test", "*", *features, cwd=into, env=environment)


LAPIN = ("--no-default-features", "--features", "tokio,smol")


def fetch_lapin(into: Path) -> None:
    from_crates_io("lapin", "4.12.3", into)
    standalone(into)
    build(into, *LAPIN)


def fetch_amqprs(into: Path) -> None:
    from_crates_io("amqprs", "2.1.5", into)
    standalone(into)
    for file in into.glob("**/*.rs"):
        # The account of the container that its authors test with.
        text = file.read_text()
        file.write_text(text.replace('"user", "bitnami"', '"guest", "guest"'))
    # Only its tests with TLS need it, and it takes minutes to build.
    manifest = into / "Cargo.toml"
    manifest.write_text(
        re.sub(r"\[dev-dependencies\.rustls\]\n(?:[^\[\n].*\n)*", "", manifest.read_text())
    )
    build(into)


def standalone(into: Path) -> None:
    """A workspace of its own, since it lies in the folder of another."""
    with (into / "Cargo.toml").open("a") as manifest:
        manifest.write("\n[workspace]\n")


def rust(name: str, version: str, fetch, command: Command) -> Suite:
    return Suite(
        name,
        version,
        fetch,
        command,
        limit=600,
        variables={
            "CARGO_TARGET_DIR": str(TARGET),
            "CARGO_PROFILE_TEST_DEBUG": "0",
            "AMQP_ADDR": "amqp://guest:guest@127.0.0.1:5672/%2f",
        },
        read=lambda out: verdicts.libtest(out / "output.txt"),
    )


SUITES = [
    rust("lapin", "4.12.3", fetch_lapin, cargo_test(*LAPIN)),
    rust("amqprs", "2.1.5", fetch_amqprs, cargo_test()),
]
