"""Runs the cases of ../cases.json against the interop service, with the broker in AMQP_URL.

`caller.py NAMESPACE SERVER_LANGUAGE [SERVERS]`; prints one line of JSON for each case.
"""

import asyncio
import json
import sys
import time
import typing
import uuid
from collections.abc import Awaitable
from typing import Any

import leveret
import msgspec
from cases import Mismatch, check, ensure, load, plain
from contract import Interop, TooLarge

PATIENCE = 20.0


async def failure(call: Awaitable[Any]) -> leveret.LeveretError:
    try:
        value = await call
    except leveret.LeveretError as error:
        return error
    raise Mismatch(f"answered with {value!r}")


def check_error(expected: dict[str, Any], error: leveret.LeveretError) -> None:
    after = error.retry_after
    found = {
        "code": error.wire_code,
        "executed": str(error.executed),
        "retryable": error.retryable,
        "retry_after_ms": None if after is None else round(after * 1000),
        "name": error.name,
        "details": error.details,
    }
    for key, value in expected.items():
        if key == "mentions":
            ensure(value in error.message, f"{value!r} is not in {error}")
        elif key == "hides":
            ensure(value not in error.message, f"{value!r} is in {error}")
        else:
            check(value, found[key], f"{key} of {error}")


class Scenarios:
    """What takes more than one call, each by its name."""

    def __init__(self, client: leveret.AsyncClient) -> None:
        self.client = client
        self.typed = client.service(Interop)
        self.id = str(uuid.uuid4())

    async def events(self, *expected: str) -> None:
        check(list(expected), await self.typed.events(self.id, len(expected)), "events")

    async def cancel(self) -> None:
        held = self.typed.hold(self.id)
        await self.events("start")
        held.cancel()
        await self.events("start", "stop")

    async def deadline(self) -> None:
        hold = self.client.service(Interop, timeout=1.5).hold
        error = await failure(hold(self.id))
        check_error({"code": "DeadlineExceeded", "executed": "maybe"}, error)
        await self.events("start", "stop")

    async def cast(self) -> None:
        for _ in range(3):
            await self.typed.note(self.id)
        await self.events("note", "note", "note")

    async def cast_to_nobody(self) -> None:
        error = await failure(self.client.service("nobody").note.cast("x"))
        check_error({"code": "NoSuchService", "executed": "no"}, error)

    async def domain(self) -> None:
        error = await failure(self.typed.limited(101))
        ensure(isinstance(error, TooLarge) and error.limit == 100, repr(error))

    async def many(self) -> None:
        numbers = list(range(500))
        check(numbers, await asyncio.gather(*map(self.typed.echo_i64, numbers)))


def call(client: leveret.AsyncClient, case: dict[str, Any]) -> Awaitable[Any]:
    """A call by name, without the contract: what is wrong with it must reach the server."""
    method = client.service(case.get("service", "interop"))[case["method"]]
    arguments = plain(case.get("arguments", {}))
    return method(**arguments) if isinstance(arguments, dict) else method(*arguments)


async def echo(client: leveret.AsyncClient, case: dict[str, Any]) -> Any:
    """A call with the contract, with an argument of the type that it says."""
    hint = typing.get_type_hints(getattr(Interop, case["method"]), include_extras=True)["value"]
    argument = msgspec.convert(plain(case["echo"], as_json=True), hint)
    return await getattr(client.service(Interop), case["method"])(argument)


async def run(client: leveret.AsyncClient, case: dict[str, Any]) -> None:
    options = plain(case.get("options", {}))
    if "trace" in options:
        options["trace"] = leveret.TraceContext(**options["trace"])
    if scenario := case.get("scenario"):
        client = client.with_options(codec=case["codec"], timeout=PATIENCE)
        await getattr(Scenarios(client), scenario.replace(" ", "_"))()
        return
    if expected := case.get("error"):
        # Options that may not be used are told by the call, or by whoever is handed them first.
        async def attempt() -> Any:
            bound = client.with_options(codec=case["codec"], timeout=PATIENCE, **options)
            return await call(bound, case)

        check_error(expected, await failure(attempt()))
        return
    client = client.with_options(codec=case["codec"], timeout=PATIENCE, **options)
    value = await (echo(client, case) if "echo" in case else call(client, case))
    check(case.get("echo", case.get("value")), msgspec.to_builtins(value, str_keys=True))


async def main(namespace: str, server: str, servers: str = "1") -> None:
    size = 4 * 1024 * 1024
    client = leveret.connect_async(namespace=namespace, name="interop", max_message_size=size)
    async with client as client:
        for case in load(server, int(servers)):
            begin, why = time.perf_counter(), None
            try:
                await run(client, case)
            # One case that fails must not keep the others from being run.
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
            took = round((time.perf_counter() - begin) * 1000)
            line = {"case": case["name"], "ok": why is None, "why": why, "ms": took}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
