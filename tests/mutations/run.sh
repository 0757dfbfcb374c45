#!/usr/bin/env bash
# Takes one promise at a time out of the library and sees whether the test named for it notices: run.sh [NN...]
# Works on a copy; status 0 when every mutation is caught, 1 when one is not, 2 when it could not be tried.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

die() {
    echo "mutations: $*" >&2
    exit 2
}

wanted() {
    local patch=$1 number
    shift
    [ $# -eq 0 ] && return 0
    for number in "$@"; do
        # "1" and "01" alike.
        [[ $number =~ ^[0-9]+$ ]] || die "$number is not a number of a mutation"
        [ "$((10#$number))" -eq "$((10#${patch%%-*}))" ] && return 0
    done
    return 1
}

patches=() promises=() binaries=() tests=()
while IFS=$'\t' read -r patch promise binary test; do
    [[ $patch == '' || $patch == '#'* ]] && continue
    [ -n "$test" ] && [ -f "$here/$patch.patch" ] || die "the line of $patch in table.tsv is wrong"
    if wanted "$patch" "$@"; then
        patches+=("$patch") promises+=("$promise") binaries+=("$binary") tests+=("$test")
    fi
done <"$here/table.tsv"
for file in "$here"/*.patch; do
    grep -q "^$(basename "$file" .patch)"$'\t' "$here/table.tsv" || die "$(basename "$file") is not in table.tsv"
done
[ ${#patches[@]} -gt 0 ] || die "no such mutation"

scratch=$(mktemp -d)
current=
finish() {
    # The broker of a run that is interrupted goes down with it.
    if [ -n "$current" ]; then
        kill "$current" 2>/dev/null && wait "$current" || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

copy=$scratch/copy
mkdir "$copy"
# What is tracked, as it lies there now: changes that are not committed are part of the question.
(cd "$root" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    tar -c --null -T - -f -) | tar -x -m -C "$copy"
# Cargo tells builds of one package apart by their place in the workspace and by times, not by the workspace's place:
# in a folder that is shared with other builds, mutated ones would pass for theirs. So this is a folder of its own, and
# the copy above is younger than whatever an earlier run has left there.
if [ -n "${CARGO_TARGET_DIR:-}" ]; then
    mkdir -p "$CARGO_TARGET_DIR/mutations"
    CARGO_TARGET_DIR=$(cd "$CARGO_TARGET_DIR/mutations" && pwd)
else
    CARGO_TARGET_DIR=$scratch/target
fi
export CARGO_TARGET_DIR
# Nobody debugs these builds, and without the tables each takes half the time.
export CARGO_PROFILE_DEV_DEBUG=0
cd "$copy"

mkdir "$scratch/untouched"
cp -R core "$scratch/untouched/core"

# The tests of one build, with those of the repository's features, so that nothing but the library is built anew.
selection() {
    local binary
    for binary in $(printf '%s\n' "$@" | sort -u); do
        printf '%s\n' --test "$binary"
    done
}

build() {
    cargo nextest run --no-run --workspace --all-features "$@" >"$scratch/log" 2>&1
}

# In the background and waited for, so that a signal is heard at once.
run() {
    local expression=$1 status=0
    shift
    "$scratch/with-broker" -- cargo nextest run --workspace --all-features --profile mutations "$@" \
        -E "$expression" >"$scratch/log" 2>&1 &
    current=$!
    wait "$current" || status=$?
    current=
    return "$status"
}

expression() {
    echo "(binary(=$1) & test(=$2))"
}

restore() {
    local file
    sed -n 's|^+++ b/||p' "$1" | while IFS= read -r file; do
        # Newer than any build, or cargo would take the mutated one for it.
        cp "$scratch/untouched/$file" "$file" && touch "$file"
    done
}

reason() {
    if grep -q '^ *TIMEOUT ' "$scratch/log"; then
        echo "the test did not end"
    else
        # The last: handlers panic before, where that is what is tested.
        grep -A 1 "panicked at" "$scratch/log" | tail -n 2 | sed '1s/.*panicked at/at/; s/^ *//' | paste -s -d ' '
    fi
}

# Sets `verdict` to what became of a mutation.
try() {
    local patch=$here/$1.patch binary=$2 test=$3 status=0
    if ! patch -p1 -F3 -s -N --dry-run <"$patch" >"$scratch/log" 2>&1; then
        verdict=does-not-apply
        return
    fi
    patch -p1 -F3 -s -N --no-backup-if-mismatch <"$patch"
    if ! build --test "$binary"; then
        verdict=does-not-build
    else
        run "$(expression "$binary" "$test")" --test "$binary" || status=$?
        case $status in
        0) verdict=MISSED ;;
        # nextest's own number for tests that failed; any other is something else that went wrong.
        100) verdict=caught ;;
        *) verdict="failed-with-$status" ;;
        esac
    fi
    restore "$patch"
}

all=
for i in "${!patches[@]}"; do
    all+="${all:+ | }$(expression "${binaries[$i]}" "${tests[$i]}")"
done
mapfile -t selected < <(selection "${binaries[@]}")
echo "mutations: ${#patches[@]} to try; first the named tests as they are" >&2
build "${selected[@]}" || { cat "$scratch/log" >&2; die "the library does not build"; }
# A copy, because the mutated builds replace it.
cp "$CARGO_TARGET_DIR/debug/with-broker" "$scratch/with-broker"
run "$all" "${selected[@]}" || { cat "$scratch/log" >&2; die "the named tests must pass unpatched"; }
expected=$(for i in "${!patches[@]}"; do echo "${binaries[$i]} ${tests[$i]}"; done | sort -u | wc -l)
# nextest is content with an expression of which one part matches nothing.
grep -Eq " $expected tests? run: $expected passed" "$scratch/log" ||
    { cat "$scratch/log" >&2; die "a test in table.tsv does not exist"; }

verdicts=() failed=0
for i in "${!patches[@]}"; do
    verdict=
    try "${patches[$i]}" "${binaries[$i]}" "${tests[$i]}"
    verdicts+=("$verdict")
    if [ "$verdict" = caught ]; then
        # What the test said, so that one can see whether it failed for the right reason.
        echo "mutations: ${patches[$i]}: caught: $(reason)" >&2
    else
        failed=1
        echo "mutations: ${patches[$i]}: $verdict" >&2
        tail -n 40 "$scratch/log" >&2
    fi
done

{
    for i in "${!patches[@]}"; do
        printf '%s\t%s\t%s\n' "${verdicts[$i]}" "${patches[$i]}" "${binaries[$i]} ${tests[$i]}"
    done
} | expand -t 16,52
exit "$failed"
