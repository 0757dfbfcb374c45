"""Reads cases.json for the Python caller, and compares what was expected with what came.

The notation is that of ../README.md; values are compared in the form that JSON has for them.
"""

import base64
import json
import math
from pathlib import Path
from typing import Any

CODECS = ["msgpack", "json"]


def load(server: str, servers: int) -> list[dict[str, Any]]:
    """The cases of this pair of languages, each with one codec and its full name."""
    path = Path(__file__).parent.parent / "cases.json"
    found = []
    for case in json.loads(path.read_text(encoding="utf-8")):
        unable = {*case.get("not", {}), *case.get("not_caller", {})}
        if case.get("servers", 1) != servers or "python" in unable or server in case.get("not", {}):
            continue
        for codec in case.get("codecs", CODECS):
            found.append({**case, "name": f"{case['name']}, {codec}", "codec": codec})
    return found


def plain(marked: Any, *, as_json: bool = False) -> Any:
    """Makes the value of its notation; `as_json` leaves bytes as base64."""
    match marked:
        case {"$int": digits}:
            return int(digits)
        case {"$bytes": text}:
            return text if as_json else base64.b64decode(text)
        case {"$repeat": text, "times": times}:
            return text * times
        case {"$nan": True}:
            return math.nan
        case dict():
            return {key: plain(value, as_json=as_json) for key, value in marked.items()}
        case list():
            return [plain(item, as_json=as_json) for item in marked]
    return marked


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Mismatch(Exception):
    """What was expected, and what came instead."""


def ensure(good: object, why: str) -> None:
    if not good:
        raise Mismatch(why)


def check(expected: Any, found: Any, at: str = "value") -> None:
    """Raises Mismatch where they differ. A field without a value may be nil or missing."""
    match expected:
        case {"$any": "string"}:
            same = isinstance(found, str)
        case {"$at_most": most}:
            same = is_number(found) and found <= most
        case {"$nan": True}:
            same = isinstance(found, float) and math.isnan(found)
        case {"$int": _} | {"$bytes": _} | {"$repeat": _}:
            value = plain(expected, as_json=True)
            same = type(found) is type(value) and found == value
        case dict() if isinstance(found, dict):
            for key in {**expected, **found}:
                check(expected.get(key), found.get(key), f"{at}.{key}")
            return
        case list() if isinstance(found, (list, tuple)) and len(found) == len(expected):
            for index, (one, other) in enumerate(zip(expected, found, strict=True)):
                check(one, other, f"{at}[{index}]")
            return
        case _ if is_number(expected):
            same = is_number(found) and found == expected
        case _:
            same = type(found) is type(expected) and found == expected
    ensure(same, f"{at}: expected {expected!r}, found {found!r:.200}")
