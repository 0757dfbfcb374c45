#!/bin/sh
# Puts the test suites of other AMQP clients through RabbitMQ and through the embedded broker, and compares: README.md.
set -eu
exec python3 "$(dirname "$0")/main.py" "$@"
