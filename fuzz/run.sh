#!/bin/sh
# Runs a fuzz target without cargo-fuzz and on the stable compiler: `fuzz/run.sh TARGET [LIBFUZZER OPTION]...`, e.g.
# `fuzz/run.sh broker -max_total_time=600`. What it learns is kept in fuzz/corpus/TARGET, what breaks it in fuzz/artifacts;
# seeds/TARGET, where there is one, is read too. With COMPARES=1 comparisons are traced as well: for parsers that finds
# magic numbers, for the sessions, whose steps are made of names already, it only takes time. With ASAN=0 it runs without
# AddressSanitizer, several times as fast: for code without `unsafe`, whose own assertions are what is asked.
set -eu

target=$1
shift
cd "$(dirname "$0")"

flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Ccodegen-units=1 -Cdebug-assertions -Cdebuginfo=1"
if [ "${ASAN:-1}" = 1 ]; then
	flags="$flags -Zsanitizer=address"
else
	export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/plain"
fi
if [ "${COMPARES:-0}" = 1 ]; then
	flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares"
fi
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" cargo build --release --target "$host" --bin "$target"

mkdir -p "corpus/$target" artifacts
set -- "corpus/$target" "$@"
if [ -d "seeds/$target" ]; then
	set -- "$@" "seeds/$target"
fi
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=0:malloc_context_size=4:quarantine_size_mb=16}"
exec "${CARGO_TARGET_DIR:-target}/$host/release/$target" -artifact_prefix=artifacts/ -print_final_stats=1 "$@"
