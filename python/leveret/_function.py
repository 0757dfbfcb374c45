"""The functions that handle tasks and events, and objects that are called like one."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple, get_args

from ._contract import hints_of
from ._message import Message

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parameters(NamedTuple):
    """The parameters of a handler that are filled."""

    value: inspect.Parameter
    message: inspect.Parameter | None
    """For the message, or the messages of a batch."""
    by_name: bool
    """Whether that one is given by its name."""


def where_of(function: Any) -> str:
    """A function's name, for messages."""
    return getattr(function, "__qualname__", None) or repr(function)


def is_async(function: Any) -> bool:
    """Whether what it returns is to be awaited."""
    return _asks(inspect.iscoroutinefunction, function)


def parameters_of(function: Any) -> Parameters:
    """Which parameters of a handler are filled.

    Raises:
        TypeError: for what cannot be called with these.
    """
    where = where_of(function)
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"a handler is a function, not {function!r}")
    if _asks(inspect.isasyncgenfunction, function) or _asks(inspect.isgeneratorfunction, function):
        raise TypeError(f"{where} yields: a handler returns nothing")
    found = list(inspect.signature(function).parameters.values())
    if found and found[0].name == "self":
        raise TypeError(
            f"{where} is a method of a class: decorate it once there is an object, as in "
            "leveret.worker(queue)(mailer.send)"
        )
    positional = [one for one in found if one.kind in _POSITIONAL]
    needed = [one for one in positional if one.default is one.empty]
    message = needed[1] if len(needed) == 2 else _message_of(function, found[1:])
    stray = [
        one
        for one in found
        if one.kind is one.KEYWORD_ONLY and one.default is one.empty and one is not message
    ]
    if stray or len(needed) not in (1, 2):
        raise TypeError(
            f"{where} takes the task or event, and after it a leveret.Message if it wants one; "
            "other parameters need defaults"
        )
    by_name = message is not None and message not in positional[:2]
    return Parameters(needed[0], message, by_name)


def _message_of(function: Any, others: list[inspect.Parameter]) -> inspect.Parameter | None:
    """A parameter with a default, or to be given by name, that is for the message: it is called
    so, or its hint is `Message`.
    """
    fitting = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [one for one in others if one.kind in fitting]
    for one in named:
        if one.name == "message":
            return one
    if not any(one.annotation is not one.empty for one in named):
        return None
    try:
        hints = hints_of_handler(function)
    except TypeError:
        # A type that is imported for type checkers only. Who reads values by it says so.
        return None
    return next((one for one in named if _speaks_of_messages(hints.get(one.name))), None)


def _speaks_of_messages(hint: Any) -> bool:
    return hint is Message or any(_speaks_of_messages(one) for one in get_args(hint))


def hints_of_handler(function: Any) -> dict[str, Any]:
    """The type hints of a handler.

    Raises:
        TypeError: for a type that is not known.
    """
    return hints_of(_bare(function), where_of(function))


def _asks(question: Any, function: Any) -> bool:
    return question(function) or question(_bare(function))


def _bare(function: Any) -> Any:
    """The function below decorators, in a `functools.partial`, or an object's `__call__`."""
    while True:
        function = inspect.unwrap(function)
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.isroutine(function):
            return function
        else:
            function = type(function).__call__
