#!/bin/sh
# Whether a RabbitMQ is installed that the tests can start nodes of; `tests/harness/install.rs` looks in the same places.
[ -n "${LEVERET_RABBITMQ_SBIN:-}" ] || ls /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server >/dev/null 2>&1 ||
    command -v rabbitmq-server >/dev/null
