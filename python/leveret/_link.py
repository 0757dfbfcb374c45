"""A connection as clients hold it: shared by all their views, with one lane for each event loop
that calls.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any
from weakref import WeakKeyDictionary

import leveret._leveret as _leveret

from ._leveret import Forked
from ._life import opened
from ._loop import Lane, forked, queue_of


class Link:
    """A native connection and its lanes."""

    __slots__ = ("__weakref__", "_lanes", "connection", "lane", "name")

    def __init__(self, connection: _leveret.Connection, settings: dict[str, Any]) -> None:
        self.connection = connection
        self.name: str = settings.get("name") or settings["urls"][0].rpartition("@")[2]
        self._lanes: WeakKeyDictionary[AbstractEventLoop, Lane] = WeakKeyDictionary()
        # The one that was used last, which spares most calls the look-up.
        self.lane: Lane | None = None
        opened(self)

    def closing(self) -> None:
        """Notes that the calls under way are about to fail, and that this is meant."""
        for lane in self._lanes.values():
            lane.closed = True

    def lane_of(self, loop: AbstractEventLoop) -> Lane:
        """The lane for calls made in a loop.

        Raises:
            FailedPrecondition: in the child of a fork.
        """
        lane = self._lanes.get(loop)
        if lane is None:
            try:
                lane = self._lanes[loop] = Lane(self.connection, loop, queue_of(loop))
            except Forked as error:
                raise forked() from error
        self.lane = lane
        return lane
