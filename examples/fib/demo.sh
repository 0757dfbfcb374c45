#!/bin/sh
# Calls fib from each language in each language, through the broker at AMQP_URL or else a leveret-broker of its own: prints
# the answer with the median time of a call, and how the service's own error reads on the other side. Wants the programs
# built and the module installed (`make demo` does both). Exit code 1 if any answer is wrong.

set -u
cd "$(dirname "$0")/../.." || exit 1
target=${CARGO_TARGET_DIR:-target}
fib=examples/fib
python=target/venv/bin/python
calls=${CALLS:-200}
logs=$(mktemp -d) || exit 1
server=
broker=
failed=0

stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=
}
clean_up() {
  stop_server
  if [ -n "$broker" ]; then
    kill "$broker" 2>/dev/null
    wait "$broker" 2>/dev/null
  fi
  rm -rf "$logs"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_ready <process> <its output> <its name>: returns when it has printed its ready line.
wait_ready() {
  tries=0
  until grep -q ': ready on ' "$2"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$1" 2>/dev/null; then
      echo "$3 did not get ready:" >&2
      cat "$2" >&2
      exit 1
    fi
    sleep 0.1
  done
}

start_server() {
  "$@" >"$logs/server" 2>&1 &
  server=$!
  wait_ready "$server" "$logs/server" "$*"
}

start_broker() {
  "$target/release/leveret-broker" --listen 127.0.0.1:0 >"$logs/broker" 2>&1 &
  broker=$!
  wait_ready "$broker" "$logs/broker" leveret-broker
  AMQP_URL=$(sed -n 's/^leveret-broker: ready on //p' "$logs/broker")
}

# call <language> <options of a text-only server> <n> [more]: runs the client of that language.
call() {
  case $1 in
    Rust) "$target/release/fib-client" $2 "$3" ${4:+--calls "$4"} ;;
    Python) "$python" "$fib/client.py" $2 "$3" ${4:+--calls "$4"} ;;
    Node) node "$fib/client.js" "$3" 10 ${4:+"$4"} ;;
  esac 2>&1
}

# row <server's language> <options for Leveret's clients>
row() {
  for caller in Rust Python Node; do
    answer=$(call $caller "$2" 30 "$calls")
    time=$(printf '%s\n' "$answer" | sed -n 's/^median of .* calls: //p')
    answer=$(printf '%s\n' "$answer" | head -n 1)
    error=$(call $caller "$2" 100)
    verdict=ok
    if [ "$answer" != 'fib(30) = 832040' ] || [ "$error" != 'fib(100) is too large: ask for up to 93' ]; then
      verdict=WRONG
      failed=1
    fi
    printf '%-8s %-8s %-18s %10s   %-41s %s\n' $caller "$1" "$answer" "$time" "$error" $verdict
  done
}

for binary in fib-server fib-client leveret-broker; do
  if [ ! -x "$target/release/$binary" ]; then
    echo "$target/release/$binary is missing: run 'cargo build --release -p leveret-examples -p leveret-broker' first" >&2
    exit 1
  fi
done
if [ ! -d "$fib/node_modules" ]; then
  (cd "$fib" && npm ci --silent --no-audit --no-fund) || exit 1
fi
if ! "$python" -c 'import leveret' 2>/dev/null; then
  echo "$python has no leveret: run 'make deps' first" >&2
  exit 1
fi

[ -n "${AMQP_URL:-}" ] || start_broker
export AMQP_URL

printf '%-8s %-8s %-18s %10s   %s\n' caller server answer 'a call' 'the service'"'"'s own error'
start_server "$target/release/fib-server"
row Rust ''
stop_server

start_server "$python" "$fib/server.py"
row Python ''
stop_server

# Plain Node reads text, so Leveret's clients are told to write it.
start_server node "$fib/server.js"
row Node --text
stop_server

exit "$failed"
