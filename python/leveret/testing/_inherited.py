"""What the child of a fork must let go: its copies of the broker's sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection

_EVERYWHERE = ("0.0.0.0", "::")


def close_inherited(listening: Collection[tuple[str, int]]) -> None:
    """Closes this process's copies of all sockets that brokers listen on, and of the connections
    that those have accepted.

    A copy would keep the port taken when the parent closes its own, and clients would not notice
    the end of their connections.
    """
    before = socket.getdefaulttimeout()
    # With one, looking at a socket would change it, for the parent too.
    socket.setdefaulttimeout(None)
    try:
        for name in os.listdir("/dev/fd"):
            try:
                found = socket.socket(fileno=int(name))
            except OSError:
                # No socket, or the descriptor that this list was read through.
                continue
            if _belongs(found, listening):
                found.close()
            else:
                found.detach()
    finally:
        socket.setdefaulttimeout(before)


def _belongs(found: socket.socket, listening: Collection[tuple[str, int]]) -> bool:
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
        return False
    try:
        host, port = found.getsockname()[:2]
    except OSError:
        return False
    return any(port == its and (host == at or at in _EVERYWHERE) for at, its in listening)
