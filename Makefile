# `make help` lists the targets. One set of features everywhere, so that nothing is built twice; the demo's programs and
# the Python module are release builds, as users have them.

TARGET := $(or $(CARGO_TARGET_DIR),target)
FEATURES := --all-features
WITH_RABBITMQ = $(TARGET)/debug/with-rabbitmq

.DEFAULT_GOAL := help
.PHONY: help demo programs test lint fmt bench bench-python mutations deps

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: deps programs ## fib called between Rust, Python and Node, on the broker at AMQP_URL or on a private one
	cargo build -p leveret-tests --bin with-rabbitmq
	$(WITH_RABBITMQ) --unless-amqp-url -- sh examples/fib/demo.sh

programs:
	cargo build --release -p leveret-examples $(FEATURES)

test: deps lint programs ## Lint, then every test in every language, on a private broker
	cargo nextest run --no-run --workspace $(FEATURES)
	cargo build --workspace --bins $(FEATURES)
	$(WITH_RABBITMQ) -- tests/run.sh

lint: deps ## Formatting, clippy, rustdoc, ruff, pyright, stubtest
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps $(FEATURES)
	target/venv/bin/ruff check .
	target/venv/bin/ruff format --check .
	target/venv/bin/pyright --pythonpath target/venv/bin/python
	target/venv/bin/python -m mypy.stubtest leveret._leveret --allowlist python/stubtest.txt

fmt: deps ## Formats Rust and Python
	cargo fmt --all
	target/venv/bin/ruff format .

bench: deps ## Benchmarks, on the broker at AMQP_URL or on a private one
	cargo build --workspace --bins $(FEATURES)
	$(WITH_RABBITMQ) --unless-amqp-url -- cargo bench --workspace $(FEATURES)

bench-python: deps ## Leveret's Python beside its peers; BENCH="--rounds 1 --seconds 1" and the like
	cargo build --workspace --bins $(FEATURES)
	benches/python/install.sh
	$(WITH_RABBITMQ) --unless-amqp-url -- target/bench-venv/bin/python benches/python/run.py $(BENCH)

mutations: deps ## Takes promises out of the library one by one: does a test notice?
	CARGO_TARGET_DIR=$(TARGET) tests/mutations/run.sh

deps: ## Installs what demo and test need and the machine lacks
	@tests/install.sh
