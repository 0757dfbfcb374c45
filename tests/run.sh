#!/bin/sh
# Every test in every language; `with-rabbitmq` runs it with a broker in AMQP_URL.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/target/venv/bin:$PATH"
export PATH

files() {
    find "$@" \( -name node_modules -o -name target -o -name .git \) -prune -o -type f -print 2>/dev/null
}

cargo test --doc --workspace --all-features --quiet

pytest

# Without any the run stops here: `grep` fails.
node_tests=$(files tests examples | grep '\.test\.m\?js$')
# shellcheck disable=SC2086
node --test $node_tests

CALLS=5 sh examples/fib/demo.sh

# Last, so that the run closes with the count of the largest suite.
cargo nextest run --workspace --all-features "$@"
