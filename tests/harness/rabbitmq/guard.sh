# Starts a private node and its epmd, and ends both when told to or when whoever started this is gone:
# the owner holds the other end of standard input, and the kernel closes it even after SIGKILL.
# $1: the node's folder. $2: rabbitmq-server. Everything else comes in the environment.
# Standard output belongs to the node alone, so that its owner sees it boot and sees it end.

epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 >/dev/null 2>&1 &
epmd=$!
# Before the node looks for it: finding none it would start one that nobody ends.
until epmd -names >/dev/null 2>&1 || ! kill -0 "$epmd" 2>/dev/null; do sleep 0.02; done

# "detached" makes RabbitMQ's script become the Erlang machine instead of starting it as a child.
detached=true "$2" </dev/null 2>&1 &
node=$!
exec >/dev/null 2>&1

read -r how
if [ "$how" = stop ]; then
    kill -TERM "$node"
    wait "$node"
fi
kill -KILL "$node" "$epmd"
wait
[ -n "$how" ] || rm -rf "$1"
