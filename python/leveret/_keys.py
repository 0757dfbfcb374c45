"""Keys, which order calls and tasks: their text decides the partition, so every language must write
the same one.
"""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterable
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from ._checks import pair
from ._convert import to_plain

# What orders calls and tasks.
Key = str | int | bool | UUID | Enum

DEFAULT_PARTITIONS = 16
# Every partition costs the broker two queues.
MOST_PARTITIONS = 1024


def key_text(key: Any) -> str:
    """The text of a key, as it travels.

    Raises:
        TypeError: for what is no key.
    """
    plain = key
    if isinstance(key, (str, int, Enum, UUID)) and type(key) not in (str, int, bool):
        plain = to_plain(key)
    if type(plain) is str:
        return plain
    if type(plain) is bool:
        return "true" if plain else "false"
    if type(plain) is int:
        return str(plain)
    kind = type(key).__name__
    raise TypeError(f"a key is a str, int, bool, UUID or an enum of those, not {kind}")


def key_option(given: Any) -> tuple[str, int] | None:
    """Checks the option `key` of a call.

    Raises:
        TypeError, ValueError: unless it is a key and a number of partitions, or None.
    """
    if given is None:
        return None
    key, partitions = pair("key", given, "(key, partitions)")
    text = key_text(key)
    # Refuses lone surrogates, which no call could send.
    text.encode()
    return text, check_partitions(partitions)


def check_partitions(count: Any) -> int:
    """Checks how many partitions a service has.

    Raises:
        TypeError: unless it is an int from 1 to 1024.
    """
    if type(count) is not int or not 1 <= count <= MOST_PARTITIONS:
        raise TypeError(f"a service has 1 to {MOST_PARTITIONS} partitions, not {count!r}")
    return count


def check_key_name(where: str, key: str, names: Iterable[str]) -> None:
    """Checks that a key is one of the parameters.

    Raises:
        TypeError: if it is not.
    """
    known = list(names)
    if key in known:
        return
    if not known:
        raise TypeError(f"{where}: a key is one of the parameters, and there are none: add one")
    raise TypeError(
        f"{where}: there is no parameter {key!r} to be the key: write one of {', '.join(known)}"
    )


def check_key_hint(where: str, key: str, hint: Any) -> None:
    """Refuses what is certainly no key; of other types only their values tell.

    Raises:
        TypeError: for floats, collections, bytes and what may be None.
    """
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    kind = typing.get_origin(hint) or hint
    wrong = isinstance(kind, type) and issubclass(kind, (float, memoryview, Collection))
    # A str is a collection too.
    wrong = wrong and not issubclass(kind, str)
    if wrong or hint is type(None) or type(None) in typing.get_args(hint):
        raise TypeError(
            f"{where}: argument `{key}` cannot be a key: a key is a str, int, bool, UUID or an "
            "enum of those"
        )
