"""Calls that are ordered by a key: one after another for each key, whoever serves them, and beside
other keys.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import leveret
import pytest

from .rig import Seen, eventually

Serve = Callable[..., leveret.Server]
# Two items in each of four partitions.
ITEMS = "dfbiegac"


@leveret.service("shop", partitions=4)
class Shop(Protocol):
    @leveret.rpc(key="item")
    def buy(self, item: Any, n: int = 0) -> str: ...

    @leveret.rpc(key="item", oneway=True)
    def note(self, item: str, n: int) -> None: ...

    @leveret.rpc
    def count(self) -> int: ...


@leveret.service("shop", partitions=4)
class AsyncShop(Protocol):
    @leveret.rpc(key="item")
    async def buy(self, item: Any, n: int = 0) -> str: ...

    @leveret.rpc(key="item", oneway=True)
    async def note(self, item: str, n: int) -> None: ...

    @leveret.rpc
    async def count(self) -> int: ...


class Stage:
    """What all servers do: which calls have begun and ended, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Any, int]] = []
        self.noted: Seen[tuple[str, int]] = Seen()
        self._lock = threading.Lock()

    def tell(self, what: str, name: str, item: Any, n: int) -> None:
        with self._lock:
            self.events.append((what, name, item, n))

    def assert_in_order(self) -> None:
        """Each begins when the one before it with its key has ended, in the order of sending."""
        for item in ITEMS:
            mine = [(what, n) for what, _, one, n in self.events if one == item]
            numbers = [n for what, n in mine if what == "start"]
            assert numbers == sorted(numbers)
            assert mine == [(what, n) for n in numbers for what in ("start", "end")]


class Till(Shop):
    """Handlers in threads."""

    def __init__(self, name: str, stage: Stage) -> None:
        self.name = name
        self.stage = stage

    def buy(self, item: Any, n: int = 0) -> str:
        self.stage.tell("start", self.name, item, n)
        time.sleep(0.002)
        self.stage.tell("end", self.name, item, n)
        return self.name

    def note(self, item: str, n: int) -> None:
        self.stage.noted.add((item, n))

    def count(self) -> int:
        return 7


class AsyncTill(AsyncShop):
    """Handlers on the event loop."""

    def __init__(self, name: str, stage: Stage) -> None:
        self.name = name
        self.stage = stage

    async def buy(self, item: Any, n: int = 0) -> str:
        self.stage.tell("start", self.name, item, n)
        await asyncio.sleep(0.002)
        self.stage.tell("end", self.name, item, n)
        return self.name

    async def note(self, item: str, n: int) -> None:
        self.stage.noted.add((item, n))

    async def count(self) -> int:
        return 7


@pytest.mark.parametrize("till", [Till, AsyncTill])
def test_calls_with_one_key_run_in_order_on_two_servers(
    serve: Serve, client: leveret.Client, namespace: str, till: Any
) -> None:
    stage = Stage()
    serve(till("one", stage))
    serve(till("two", stage))
    shop = client.service(Shop)
    eventually(lambda: {shop.buy(item) for item in ITEMS} == {"one", "two"}, "both have partitions")

    async def main() -> set[str]:
        async with leveret.connect_async(namespace=namespace, timeout=60) as caller:
            shop = caller.service(AsyncShop)
            # What waits for the reply queue is sent in no order.
            assert await shop.count() == 7
            calls = [shop.buy(item, n) for n in range(1, 20) for item in ITEMS]
            return set(await asyncio.gather(*calls))

    assert asyncio.run(main()) == {"one", "two"}
    stage.assert_in_order()
    # Other keys run beside them: somewhere two have begun and not ended.
    kinds = [what for what, *_ in stage.events]
    assert ("start", "start") in set(itertools.pairwise(kinds))


@pytest.fixture
def stage(serve: Serve) -> Stage:
    """What the one server does."""
    stage = Stage()
    serve(AsyncTill("one", stage))
    return stage


def test_casts_have_keys_too(stage: Stage, client: leveret.Client, namespace: str) -> None:
    shop = client.service(Shop)
    for n in range(5):
        shop.note("a", n)
    untyped = client.service("shop").note.with_options(key=("a", 4))
    for n in range(5, 10):
        untyped.cast("a", n)

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as caller:
            for n in range(10, 15):
                await caller.service(AsyncShop).note("a", n)

    asyncio.run(main())
    assert stage.noted.wait_for(15) == [("a", n) for n in range(15)]


def test_a_call_without_its_key_is_refused(stage: Stage, client: leveret.Client) -> None:
    shop = client.service("shop")
    with pytest.raises(leveret.InvalidArgument) as caught:
        shop.buy("a", 1)
    assert caught.value.executed == "no"
    assert shop.count() == 7
    assert client.service(Shop).count() == 7
    assert stage.events == []


def test_a_key_of_a_service_that_is_only_known_by_name(
    stage: Stage, client: leveret.Client, namespace: str
) -> None:
    buy = client.service("shop").buy
    ordered = buy.with_options(key=("a", 4))
    assert ordered("a", 1) == "one"
    assert ordered.with_options(timeout=5)("a", 2) == "one", "other options keep it"
    with pytest.raises(leveret.InvalidArgument):
        ordered.with_options(key=None)("a", 3)
    # CRC-32 modulo 10 is another queue than modulo 4, if there is one at all.
    with pytest.raises((leveret.InvalidArgument, leveret.NoSuchService)) as caught:
        buy.with_options(key=("item-7", 10))("item-7", 1)
    assert caught.value.executed == "no"

    async def main() -> str:
        async with leveret.connect_async(namespace=namespace) as caller:
            return await caller.service("shop").buy.with_options(key=(7, 4))(7)

    assert asyncio.run(main()) == "one"
    assert [n for what, _, _, n in stage.events if what == "start"] == [1, 2, 0]


def test_what_cannot_be_a_key_is_not_sent(
    stage: Stage, client: leveret.Client, namespace: str
) -> None:
    for wrong in (1.5, None, ["a"]):
        with pytest.raises(leveret.InvalidArgument) as caught:
            client.service(Shop).buy(wrong)
        assert caught.value.executed == "no"

    async def main() -> None:
        async with leveret.connect_async(namespace=namespace) as caller:
            with pytest.raises(leveret.InvalidArgument):
                await caller.service(AsyncShop).buy(1.5)

    asyncio.run(main())
    assert stage.events == []
    assert client.service(Shop).buy(item=True) == "one"


def test_a_key_belongs_to_one_method(client: leveret.Client) -> None:
    typed: Any = client.service(Shop)
    with pytest.raises(TypeError, match="its argument `item`"):
        typed.buy.with_options(key=("a", 4))
    for wrong in (client.with_options, client.service("shop").with_options):
        with pytest.raises(TypeError, match="one method"):
            wrong(key=("a", 4))  # type: ignore[call-arg]
