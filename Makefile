# `make help` lists the targets. One set of features everywhere, so that nothing is built twice; the demo's programs and
# the Python module are release builds, as users have them.

TARGET := $(or $(CARGO_TARGET_DIR),target)
FEATURES := --all-features
# What benchmarks run on when AMQP_URL names no broker: embedded or rabbitmq.
BROKER := embedded
WITH_BROKER = $(TARGET)/release/with-broker --$(BROKER) --unless-amqp-url

.DEFAULT_GOAL := help
.PHONY: help demo examples flash-sale programs test lint fmt bench bench-python runner soak mutations deps

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: programs ## fib called between Rust, Python and Node, on the broker at AMQP_URL or on an embedded one
	@tests/install.sh demo
	sh examples/fib/demo.sh

examples: ## Every story of examples/ in every language, checked, on the broker at AMQP_URL or on an embedded one
	examples/run.sh

# DATABASE=postgresql: a PostgreSQL of its own, Debian's, instead of SQLite; or DATABASE_URL. SALE="--rounds 1" and the like.
flash-sale: ## A hundred pieces and many more buyers, over HTTP and over a queue: what is sold, how fast, and a picture
	@tests/install.sh flash-sale $(DATABASE)
	cargo build --release -p leveret-flash-sale $(FEATURES)
	$(TARGET)/release/flash-sale $(if $(filter postgresql,$(DATABASE)),--postgresql) $(SALE)

programs:
	cargo build --release -p leveret-examples -p leveret-broker $(FEATURES)

test: deps lint programs ## Lint, then every test in every language, on the embedded broker and on RabbitMQ
	cargo nextest run --no-run --workspace $(FEATURES)
	cargo build --workspace --bins --examples $(FEATURES)
	tests/run.sh

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

bench: runner ## Benchmarks, on the broker at AMQP_URL or on an embedded one; BROKER=rabbitmq for a private RabbitMQ
	$(WITH_BROKER) -- cargo bench --workspace $(FEATURES)

bench-python: runner ## Leveret's Python beside its peers; BENCH="--rounds 1 --seconds 1" and the like
	benches/python/install.sh
	$(WITH_BROKER) -- target/bench-venv/bin/python benches/python/run.py $(BENCH)

# In release: the broker inside of it is part of what is measured.
runner:
	cargo build --release -p leveret-tests --bin with-broker $(FEATURES)

soak: ## The embedded broker under everything at once for SECONDS, an hour unless told: its memory must stay flat
	cargo run --release -p leveret-tests --bin soak $(FEATURES) -- $(SECONDS)

mutations: deps ## Takes promises out of the library one by one: does a test notice?
	CARGO_TARGET_DIR=$(TARGET) tests/mutations/run.sh

deps: ## Installs what lint and test need and the machine lacks
	@tests/install.sh test
