#!/bin/sh
# Runs a story, or all of them, on the broker at AMQP_URL or else on an embedded one, and compares what it prints with what
# it should: run.sh [STORY [rust | python | node | mixed]]
set -eu
cd "$(dirname "$0")/.."

tests/install.sh demo
cargo build --quiet --all-features -p leveret-examples --examples
cargo build --quiet --all-features -p leveret-tests --bin run-story
exec "${CARGO_TARGET_DIR:-target}/debug/run-story" "$@"
