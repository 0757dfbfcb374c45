"""Texts for others: what they are made of may be anything that a program raises."""

from __future__ import annotations


def text_of(value: object) -> str:
    """What a value says, as text that can travel: with an escape for what is no Unicode, as in the
    name of a file (`os.fsdecode`). Never fails, whatever the value does when it is asked.

    >>> text_of(KeyError("x"))
    "'x'"
    """
    try:
        text = str(value)
    except Exception:
        text = f"<unprintable {type(value).__name__} object>"
    return text.encode(errors="backslashreplace").decode()
