"""`python -m leveret.broker`: an AMQP 0-9-1 broker as a program, in memory, nothing to install.

It has the arguments, the environment, the output and the exit codes of the binary
`leveret-broker`.

```sh
python -m leveret.broker --listen 127.0.0.1:5672
```
"""

from __future__ import annotations

import argparse
import errno
import os
import queue
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from ._leveret import __version__
from .testing import Broker
from .testing._broker import escape

__all__ = ["main"]

_NAME = "leveret-broker"
# The arguments make no sense, as `sysexits.h` counts.
_USAGE = 64
# The address cannot be listened on.
_UNAVAILABLE = 69
# How long clients may take to answer the goodbye; a second signal ends it at once.
_GRACE = 5.0

_BEFORE = """\
An in-memory AMQP 0-9-1 broker. Any AMQP 0-9-1 client can use it. Nothing survives its end: durable
queues and persistent messages survive their clients only.
"""
_AFTERWARDS = f"""\
Environment: LEVERET_BROKER_USER and LEVERET_BROKER_PASSWORD, where the options are not given.

It prints one line when it is ready. SIGINT and SIGTERM close the connections in order; the second
one does not wait for them. Exit codes: 0 stopped by a signal, {_USAGE} wrong options,
{_UNAVAILABLE} cannot listen.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, f"{_NAME}: {message}; --help says what can be given\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a broker until SIGINT or SIGTERM.

    ```python
    sys.exit(leveret.broker.main(["--listen", "127.0.0.1:0"]))
    ```

    Args:
        arguments: as on the command line; by default those of the process.

    Returns:
        The exit code.

    Raises:
        SystemExit: for `--help`, `--version` and arguments that make no sense; and at the second
            signal.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    user, password = _login(parser, options.user, options.password)
    host, port = _place(parser, options.listen)
    # Before the line that says it is ready: whoever reads that may send a signal at once.
    signals = _signals()
    try:
        broker = Broker(
            host=host,
            port=port,
            user=user,
            password=password,
            vhosts=options.vhost or ["/"],
            memory_limit=options.memory_limit << 20,
            heartbeat=options.heartbeat,
            max_connections=options.max_connections,
        )
    except (TypeError, ValueError) as wrong:
        parser.error(str(wrong))
    try:
        broker.start()
    except OSError as error:
        hint = ": choose another with --listen" if error.errno == errno.EADDRINUSE else ""
        _tell(f"{error.strerror or error}{hint}")
        return _UNAVAILABLE
    page = None
    if options.status is not None:
        try:
            page = broker.serve_status(options.status)
        except (OSError, ValueError) as error:
            _tell(f"no status page: {error}")
            broker.stop()
            return _USAGE if isinstance(error, ValueError) else _UNAVAILABLE
    _tell("queues and messages are in memory: nothing survives a restart, durable or not")
    shown = broker.url
    if (user, password) != ("guest", "guest"):
        shown = f"amqp://{escape(user)}@{shown.rpartition('@')[2]}"
    print(f"{_NAME}: ready on {shown}", flush=True)
    if page is not None:
        print(f"{_NAME}: status on {page}/", flush=True)
    signals.get()
    broker.stop(grace=_GRACE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_NAME,
        description=_BEFORE,
        epilog=_AFTERWARDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1:5672",
        help="where to listen [127.0.0.1:5672]; port 0 takes a free one",
    )
    add("--user", metavar="NAME", help="the login [guest]")
    add(
        "--password",
        help="its password [guest]; better given in the environment, where other users of the "
        "machine cannot read it",
    )
    add("--vhost", metavar="NAME", action="append", help="a virtual host [/]; can be repeated")
    add(
        "--memory-limit",
        metavar="MIB",
        type=int,
        default=256,
        help="messages held before publishers must wait [256]",
    )
    add(
        "--heartbeat",
        metavar="SECONDS",
        type=int,
        default=60,
        help="proposed to clients; 0 proposes none [60]",
    )
    add(
        "--max-connections",
        metavar="N",
        type=int,
        default=4096,
        help="how many clients at once [4096]",
    )
    add(
        "--status",
        metavar="ADDRESS",
        nargs="?",
        const="127.0.0.1:15672",
        help="a page that shows what is there, as HTML, text and JSON, for this machine alone "
        "[127.0.0.1:15672]",
    )
    add("--version", "-V", action="version", version=f"{_NAME} {__version__}")
    return parser


def _login(
    parser: argparse.ArgumentParser, user: str | None, password: str | None
) -> tuple[str, str]:
    if user is None:
        user = os.environ.get("LEVERET_BROKER_USER")
    if password is None:
        password = os.environ.get("LEVERET_BROKER_PASSWORD")
    if user not in (None, "guest") and password is None:
        parser.error(f"the user '{user}' needs a password")
    return "guest" if user is None else user, "guest" if password is None else password


def _place(parser: argparse.ArgumentParser, listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isdecimal()):
        parser.error(f"--listen needs HOST:PORT, not '{listen}'")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _signals() -> queue.SimpleQueue[int]:
    """What has come of SIGINT and SIGTERM; the second ends the process."""
    # Of the few things that a signal handler may touch.
    came: queue.SimpleQueue[int] = queue.SimpleQueue()
    told = False

    def take(number: int, frame: object) -> None:
        nonlocal told
        if told:
            # Whoever asks twice does not want to wait for clients.
            raise SystemExit(1)
        told = True
        came.put(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, take)
    return came


def _tell(text: str) -> None:
    print(f"{_NAME}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
