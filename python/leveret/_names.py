"""Names on the wire: what they may be (docs/protocol.md, "Names and queues"), and what a class is
called there when nobody says.
"""

from __future__ import annotations

import re
from typing import cast

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_RESERVED = ("amq.", "leveret.")
# Before a capital that follows a small letter or a digit, and before the last of several capitals
# if a small letter comes next.
_WORD = re.compile(r"(?<=[^A-Z_])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def check_name(what: str, name: str, longest: int = 100) -> str:
    """The name itself.

    Raises:
        TypeError, ValueError: when it may not be used.
    """
    if not isinstance(cast("object", name), str):
        raise TypeError(f"a {what} name is a str, not {type(name).__name__}")
    fits = _NAME.fullmatch(name) is not None and len(name) <= longest
    if not fits or name.startswith(_RESERVED):
        raise ValueError(
            f"{name!r} is no {what} name: 1 to {longest} of A-Z a-z 0-9 _ . -, not amq.* or "
            "leveret.*"
        )
    return name


def snake_case(name: str) -> str:
    """`HttpGateway` and `HTTPGateway` become `http_gateway`, as in the Rust macro."""
    return _WORD.sub("_", name).lower()
