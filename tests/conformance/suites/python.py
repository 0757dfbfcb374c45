"""Suites of Python clients: aiormq, aio-pika, kombu, py-amqp, pika."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from places import SHIMS
from sources import DEBIAN, VENV, from_pypi

from suites.suite import Command, Suite


def pytest(*arguments: str, seconds: int = 60) -> Command:
    """With our plugin, and without what would run a failed test again until it passes."""
    return lambda out: [
        *(
            str(VENV / "bin/python"),
            "-m",
            "pytest",
            "-p",
            "verdicts_plugin",
            "-p",
            "no:cacheprovider",
        ),
        *(f"--timeout={seconds}", f"--basetemp={out}/tmp", "-q", "-rfE", "--tb=short", *arguments),
    ]


def variables(**more: str) -> dict[str, str]:
    # The suite's own copy of the client, and not the installed one, is what its tests are for.
    return {"PYTHONPATH": f"{SHIMS}:.", "PYTHONDONTWRITEBYTECODE": "1", **more}


def without(option: str, tests: Sequence[str]) -> list[str]:
    return [f"{option}={test}" for test in tests]


def fetch_aio_pika(into: Path) -> None:
    from_pypi("aio-pika", "10.2.1", into)
    shutil.copy(SHIMS / "docker_client.py", into / "tests/docker_client.py")


SUITES = [
    Suite(
        "aiormq",
        "7.2.4",
        lambda into: from_pypi("aiormq", "7.2.4", into),
        # Without TLS, which the embedded broker does not speak.
        pytest(
            *("-p", "container_fixtures", "tests", "-k", "not amqps"),
            *without("--deselect", ["tests/test_connection.py::test_ssl_context"]),
            *without(
                "--deselect",
                ["tests/test_connection.py::test_ssl_verification_fails_without_trusted_ca"],
            ),
        ),
        limit=600,
        variables=variables(),
    ),
    Suite(
        "aio-pika",
        "10.2.1",
        fetch_aio_pika,
        # Without TLS, and without the tests that restart the broker's container.
        pytest(
            *("tests", "--ignore=tests/test_amqps.py"),
            *("-k", "not stop_app and not kill and not survives_broker_restart"),
        ),
        limit=900,
        variables=variables(),
    ),
    Suite(
        "kombu",
        "5.7.0",
        lambda into: from_pypi("kombu", "5.7.0", into),
        pytest("t/integration/test_py_amqp.py"),
        limit=300,
        variables=variables(),
    ),
    Suite(
        "py-amqp",
        "5.4.2",
        lambda into: from_pypi("amqp", "5.4.2", into),
        pytest("t/integration/test_rmq.py", "-k", "not tls"),
        limit=120,
        variables=variables(),
    ),
    Suite(
        "pika",
        "1.3.2",
        lambda into: DEBIAN.source("python-pika", "1.3.2-1", into),
        pytest(
            *(
                "tests/acceptance/blocking_adapter_test.py",
                "tests/acceptance/async_adapter_tests.py",
            ),
            "tests/acceptance/enforce_one_basicget_test.py",
            # Broken themselves, and what they leave running keeps the run from ending.
            *("-k", "not DisconnectDuringConnection and not SuddenBroker and not ConnectionLost"),
            # The suite has no configuration of its own, and must not find ours.
            *("-c", os.devnull, "--rootdir=."),
        ),
        limit=900,
        variables=variables(),
    ),
    Suite(
        "amqpstorm",
        "3.1.4",
        lambda into: from_pypi("amqpstorm", "3.1.4", into),
        # Without what wants the management plugin or TLS.
        pytest(
            *("-p", "amqpstorm_cleaning", "amqpstorm/tests/functional"),
            "--ignore=amqpstorm/tests/functional/management",
            *("--ignore=amqpstorm/tests/functional/ssl", "-c", os.devnull, "--rootdir=."),
            "--ignore=amqpstorm/tests/functional/test_web_based.py",
        ),
        limit=300,
        variables=variables(
            AMQP_HOST="127.0.0.1",
            AMQP_USERNAME="guest",
            AMQP_PASSWORD="guest",
            AMQP_URI="amqp://guest:guest@127.0.0.1:5672/%2F",
            AMQP_HTTP_URL="http://127.0.0.1:15672",
        ),
    ),
    Suite(
        "rabbitpy",
        "3.0.2",
        lambda into: from_pypi("rabbitpy", "3.0.2", into),
        pytest("tests/test_integration.py", "tests/integration", "-c", os.devnull, "--rootdir=."),
        limit=180,
        variables=variables(RABBITMQ_URL="amqp://guest:guest@127.0.0.1:5672/%2F"),
    ),
]
