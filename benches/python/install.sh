#!/bin/sh
# Installs what benches/python measures into venvs of its own: the peers, and Leveret from this tree.
# A peer that does not install is left out here, and the benchmark says so in its table.
set -eu
cd "$(dirname "$0")/../.."

say() { echo "install: $*" >&2; }

install() {
    venv=$1
    shift
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

peers() {
    venv=$1
    requirements=$2
    if cmp -s "$requirements" "$venv/installed.txt" && "$venv/bin/python" -c "" 2>/dev/null; then
        return
    fi
    say "the peers of $requirements into $venv"
    python3 -m venv --clear "$venv"
    if install "$venv" -r "$requirements"; then
        cp "$requirements" "$venv/installed.txt"
        return
    fi
    # One by one, then, and all again the next time.
    grep -v '^#' "$requirements" | while read -r peer; do
        install "$venv" "$peer" || say "left out: $peer"
    done
}

peers target/bench-venv benches/python/requirements.txt
peers target/bench-venv-kiwipy benches/python/requirements-kiwipy.txt

say "Leveret of this tree, in release"
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" install target/bench-venv . || say "left out: leveret"
