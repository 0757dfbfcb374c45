#!/bin/sh
# Runs a story, or all of them, on the broker at AMQP_URL or else on an embedded one, and compares what it prints with what
# it should: run.sh [STORY [rust | python | node | mixed]]
set -eu
cd "$(dirname "$0")/.."

tests/install.sh demo
# As `make test` builds, so that nothing is built twice.
cargo build --quiet --workspace --all-features --examples --bin run-story
exec "${CARGO_TARGET_DIR:-target}/debug/run-story" "$@"
