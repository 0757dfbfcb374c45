"""Serves the interop contract with Leveret: `server.py NAMESPACE`, with the broker in AMQP_URL."""

import asyncio
import datetime
import math
import os
import signal
import sys
import uuid
from collections import defaultdict
from typing import Any

import leveret
from contract import U8, U64, Color, Interop, Item, Seen, Shape, Survived, TooLarge

LIMIT = 100
NAMESPACE = sys.argv[1] if len(sys.argv) > 1 else ""
SETTINGS = {"namespace": NAMESPACE, "name": "interop-python", "max_message_size": 1024 * 1024}


class Served(Interop):
    def __init__(self) -> None:
        self.happened: dict[str, list[str]] = defaultdict(list)
        self.changed = asyncio.Condition()

    async def tell(self, id: str, event: str) -> None:
        async with self.changed:
            self.happened[id].append(event)
            self.changed.notify_all()

    async def echo_any(self, value: Any) -> Any:
        return value

    async def echo_bool(self, value: bool) -> bool:
        return value

    async def echo_bytes(self, value: bytes) -> bytes:
        return value

    async def echo_color(self, value: Color) -> Color:
        return value

    async def echo_f32(self, value: float) -> float:
        return value

    async def echo_f64(self, value: float) -> float:
        return value

    async def echo_i64(self, value: int) -> int:
        return value

    async def echo_item(self, value: Item) -> Item:
        return value

    async def echo_list(self, value: list[int]) -> list[int]:
        return value

    async def echo_map(self, value: dict[str, int]) -> dict[str, int]:
        return value

    async def echo_nested(self, value: list[list[str | None]]) -> list[list[str | None]]:
        return value

    async def echo_optional(self, value: int | None) -> int | None:
        return value

    async def echo_shape(self, value: Shape) -> Shape:
        return value

    async def echo_string(self, value: str) -> str:
        return value

    async def echo_time(self, value: datetime.datetime) -> datetime.datetime:
        return value

    async def echo_tuple(self, value: tuple[int, str, bool]) -> tuple[int, str, bool]:
        return value

    async def echo_u64(self, value: U64) -> U64:
        return value

    async def echo_u8(self, value: U8) -> U8:
        return value

    async def echo_uuid(self, value: uuid.UUID) -> uuid.UUID:
        return value

    async def big(self, length: int) -> str:
        return "x" * length

    async def context(self) -> Seen:
        cx = leveret.context()
        assert cx is not None
        trace, left = cx.trace, cx.time_left
        return Seen(
            service=cx.service,
            method=cx.method,
            metadata=dict(cx.metadata),
            traceparent=trace and trace.traceparent,
            tracestate=trace and trace.tracestate,
            baggage=trace and trace.baggage,
            caller=cx.caller,
            message_id=cx.message_id,
            redelivered=cx.redelivered,
            millis_left=None if left is None else int(left * 1000),
        )

    async def crash(self) -> None:
        raise ValueError("carrot-secret")

    async def die(self) -> Survived:
        cx = leveret.context()
        assert cx is not None
        if not cx.redelivered:
            os.kill(os.getpid(), signal.SIGKILL)
        return Survived(redelivered=True)

    async def events(self, id: str, count: int) -> list[str]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.happened[id]) >= count)
            return self.happened[id]

    async def fail(
        self,
        code: str,
        message: str | None = None,
        executed: str | None = None,
        retryable: bool | None = None,
        retry_after_ms: int | None = None,
        details: Any = None,
    ) -> None:
        more: dict[str, Any] = {"executed": executed, "retryable": retryable, "details": details}
        if retry_after_ms is not None:
            more["retry_after"] = retry_after_ms / 1000
        error = getattr(leveret, code)
        raise error(message or "as you wish", **{k: v for k, v in more.items() if v is not None})

    async def hold(self, id: str) -> None:
        await self.tell(id, "start")
        try:
            await asyncio.Event().wait()
        finally:
            await self.tell(id, "stop")

    async def join(self, words: list[str], separator: str | None = None) -> str:
        return (" " if separator is None else separator).join(words)

    async def length(self, text: str) -> int:
        return len(text)

    async def limited(self, number: U64) -> U64:
        if number > LIMIT:
            raise TooLarge(f"{number} is above {LIMIT}", limit=LIMIT)
        return number

    async def nan(self) -> float:
        return math.nan

    async def note(self, id: str) -> None:
        await self.tell(id, "note")

    async def nothing(self) -> None: ...

    async def relay(self) -> Seen:
        # Asks for an hour: what it gets is what its own caller left it.
        async with leveret.connect_async(**SETTINGS) as client:
            return await client.service(Interop, timeout=3600).context()

    async def subtract(self, minuend: int, subtrahend: int) -> int:
        return minuend - subtrahend


if __name__ == "__main__":
    leveret.run(Served(), ready=lambda: print("ready", flush=True), **SETTINGS)
