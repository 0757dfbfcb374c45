#!/bin/sh
# Every test in every language: first what talks to a broker on RabbitMQ, then everything on the embedded one.
# `make test` builds what this needs.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/target/venv/bin:$PATH"
export PATH
debug=${CARGO_TARGET_DIR:-target}/debug
with_broker=$debug/with-broker
run_story=$debug/run-story

say() { echo "tests: $*" >&2; }

# suite <profile of nextest> <what pytest is to run...>: the same tests for either broker.
suite() {
    profile=$1
    shift
    say "on the broker: $profile"
    "$with_broker" "--$profile" -- sh -euc '
        profile=$1 run_story=$2
        shift 2
        pytest "$@"
        CALLS=5 sh examples/fib/demo.sh
        node --test tests/interop/node/*.test.js
        "$run_story"
        cargo nextest run --workspace --all-features --profile "$profile"
    ' suite "$profile" "$run_story" "$@"
}

cargo test --doc --workspace --all-features --quiet

# Without any the run stops here: `grep` fails. Those of tests/interop want a broker.
node_tests=$(find tests examples \( -name node_modules -o -name target -o -path tests/interop \) -prune -o -type f -print | grep '\.test\.m\?js$')
# shellcheck disable=SC2086
node --test $node_tests

rabbitmq=yes
if tests/rabbitmq-is-there.sh; then
    suite rabbitmq python/tests/behaviour python/tests/test_docs.py tests/tutorials
elif [ "${CI:-}" = true ]; then
    say "RabbitMQ is missing, and CI leaves nothing out"
    exit 1
else
    rabbitmq=no
fi

# Last, so that the run closes with the count of the largest suite.
suite embedded

if [ $rabbitmq = no ]; then
    say "----------------------------------------------------------------------------------------"
    say "NOT RUN: the tests on RabbitMQ, because it is not installed here (apt-get install rabbitmq-server)"
    say "----------------------------------------------------------------------------------------"
fi
