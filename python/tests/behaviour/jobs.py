"""Jobs for tests to push, and queues of them that leave nothing on the broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import leveret

Serve = Callable[..., leveret.Server]
THROWAWAY = leveret.QueueOptions(expires=600.0)


@dataclass
class Resize:
    image: str
    width: int


@dataclass
class Row:
    n: int


def resize_queue(name: str = "resize", of: Any = Resize, **options: Any) -> leveret.TaskQueue[Any]:
    return _queue(name, of, options)


def row_queue(name: str = "rows", of: Any = Row, **options: Any) -> leveret.TaskQueue[Any]:
    return _queue(name, of, options)


def _queue(name: str, of: Any, options: dict[str, Any]) -> leveret.TaskQueue[Any]:
    options.setdefault("queue", THROWAWAY)
    options.setdefault("retry_delay", 0.1)
    return leveret.TaskQueue(name, of, **options)
