"""Checks of single options, whose errors name the option and what it may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

# What numbers of 16 and 32 bits hold, in which some options travel.
MOST_16 = 0xFFFF
MOST_32 = 0xFFFFFFFF


def seconds(key: str, value: Any) -> float:
    """Checks a duration.

    Raises:
        TypeError, ValueError: unless it is a finite number that is not negative.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{key} is a number of seconds, not {kind_of(value)}")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{key} is a number of seconds, not {value!r}")
    return float(value)


def whole(key: str, value: Any, most: int | None = None) -> int:
    """Checks a count.

    Raises:
        TypeError, ValueError: unless it is an int from 1, to the most that there may be.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{key} is a whole number, not {kind_of(value)}")
    if value < 1:
        raise ValueError(f"{key} is at least 1, not {value}")
    if most is not None and value > most:
        raise ValueError(f"{key} is at most {most:,}, not {value:,}")
    return value


def small(key: str, value: Any) -> int | None:
    """Checks a priority.

    Raises:
        TypeError: unless it is an int from 0 to 255, or None.
    """
    if value is not None and not (isinstance(value, int) and 0 <= value <= 255):
        raise TypeError(f"{key} is a whole number from 0 to 255, not {value!r}")
    return value


def text(key: str, value: Any) -> str:
    """Checks a text.

    Raises:
        TypeError, ValueError: unless it is a str that can travel.
    """
    if not isinstance(value, str):
        raise TypeError(f"{key} is a str, not {kind_of(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{key} is no Unicode and cannot be sent: {value!r}") from error
    return value


def choice(key: str, value: Any, choices: tuple[str, ...]) -> str:
    """Checks one of several.

    Raises:
        TypeError: for what is none of them.
    """
    if value not in choices:
        raise TypeError(f"{key} is one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def flag(key: str, value: Any) -> bool:
    """Checks a switch.

    Raises:
        TypeError: unless it is True or False.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{key} is True or False, not {kind_of(value)}")
    return value


def pair(key: str, value: Any, what: str) -> tuple[Any, Any]:
    """Checks that there are two.

    Raises:
        TypeError: unless there are.
    """
    if not isinstance(value, (tuple, list)) or len(cast("Sequence[Any]", value)) != 2:
        raise TypeError(f"{key} is a pair {what}, not {kind_of(cast('object', value))}")
    first, second = cast("Sequence[Any]", value)
    return first, second


def unless_none(key: str, value: Any, check: Callable[[str, Any], object]) -> None:
    """Checks what may be left out."""
    if value is not None:
        check(key, value)


def kind_of(value: object) -> str:
    """What it is, for messages."""
    return type(value).__name__
