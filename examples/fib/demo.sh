#!/bin/sh
# Calls fib across languages through the broker at AMQP_URL and prints who understood whom. Wants fib-server
# and fib-client built (cargo build -p leveret-examples). Exit code 1 if any answer is wrong.

set -u
cd "$(dirname "$0")/../.." || exit 1
target=${CARGO_TARGET_DIR:-target}
export AMQP_URL="${AMQP_URL:-amqp://127.0.0.1:5672/%2f}"

fib=examples/fib
python=target/venv/bin/python
want='fib(30) = 832040'
logs=$(mktemp -d) || exit 1
server=
failed=0

stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=
}
clean_up() {
  stop_server
  rm -rf "$logs"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_server <name> <command...>: returns when it has printed its ready line.
start_server() {
  name=$1
  shift
  "$@" >"$logs/server" 2>&1 &
  server=$!
  tries=0
  until grep -q "^$name: ready on rpc_queue" "$logs/server"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
      echo "$name did not get ready:" >&2
      cat "$logs/server" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# call <server's name> <client's name> <command...>
call() {
  to=$1
  from=$2
  shift 2
  if answer=$("$@" 2>&1) && [ "$answer" = "$want" ]; then
    verdict=ok
  else
    verdict=WRONG
    failed=1
  fi
  printf '%-18s %-18s %-20s %s\n' "$from" "$to" "$answer" "$verdict"
}

for binary in fib-server fib-client; do
  if [ ! -x "$target/debug/$binary" ]; then
    echo "$target/debug/$binary is missing: run 'cargo build -p leveret-examples' first" >&2
    exit 1
  fi
done
if [ ! -d "$fib/node_modules" ]; then
  (cd "$fib" && npm ci --silent --no-audit --no-fund) || exit 1
fi
if ! "$python" -c 'import pika' 2>/dev/null; then
  [ -x "$python" ] || python3 -m venv target/venv || exit 1
  "$python" -m pip install --quiet --disable-pip-version-check -r "$fib/requirements.txt" || exit 1
fi

printf '%-18s %-18s %-20s\n' client server answer
start_server fib-server "$target/debug/fib-server"
call Rust Rust "$target/debug/fib-client" 30
call Rust 'Node (amqplib)' node "$fib/client.js" 30
call Rust 'Node (msgpack)' node "$fib/client_msgpack.js" 30
call Rust 'Python (pika)' "$python" "$fib/plain_client.py" 30
stop_server

start_server server.js node "$fib/server.js"
call 'Node (amqplib)' 'Rust, as text' "$target/debug/fib-client" --text 30
stop_server

start_server plain_server.py "$python" "$fib/plain_server.py"
call 'Python (pika)' 'Rust, as text' "$target/debug/fib-client" --text 30
stop_server

exit "$failed"
