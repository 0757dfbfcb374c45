"""A pytest plugin: what aiormq's suite takes from a container, of the broker that runs already."""

import os
from types import SimpleNamespace

import pytest
from yarl import URL


@pytest.fixture(scope="session")
def rabbitmq_container() -> SimpleNamespace:
    # Nothing listens on the port for TLS: the tests that want it are left out.
    return SimpleNamespace(host="127.0.0.1", ports={"5672/tcp": 5672, "5671/tcp": 5671})


@pytest.fixture(scope="session")
def amqp_direct_url() -> URL:
    return URL(os.environ["AMQP_URL"]).with_path("//")
