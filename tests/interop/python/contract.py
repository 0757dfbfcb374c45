"""The contract of the interop service, for both its ends; ../README.md says what methods do."""

import datetime
import enum
import uuid
from typing import Annotated, Any, Protocol

import leveret
import msgspec

U8 = Annotated[int, msgspec.Meta(ge=0, le=255)]
U64 = Annotated[int, msgspec.Meta(ge=0)]


class Color(enum.Enum):
    RED = "Red"
    GREEN = "Green"


# Python has no type of its own for variants with data: it is a name, or a map of one entry.
Shape = str | dict[str, Any]


class Item(msgspec.Struct):
    id: U64
    name: str
    photo: bytes
    tags: list[str]
    note: str | None = None


class Seen(msgspec.Struct):
    """What a handler saw of its context."""

    service: str
    method: str
    metadata: dict[str, str]
    traceparent: str | None
    tracestate: str | None
    baggage: str | None
    caller: str | None
    message_id: str | None
    redelivered: bool
    millis_left: int | None


class Survived(msgspec.Struct):
    redelivered: bool


class TooLarge(leveret.DomainError):
    limit: int


@leveret.service("interop", errors=[TooLarge])
class Interop(Protocol):
    @leveret.rpc
    async def echo_any(self, value: Any) -> Any: ...
    @leveret.rpc
    async def echo_bool(self, value: bool) -> bool: ...
    @leveret.rpc
    async def echo_bytes(self, value: bytes) -> bytes: ...
    @leveret.rpc
    async def echo_color(self, value: Color) -> Color: ...
    @leveret.rpc
    async def echo_f32(self, value: float) -> float: ...
    @leveret.rpc
    async def echo_f64(self, value: float) -> float: ...
    @leveret.rpc
    async def echo_i64(self, value: int) -> int: ...
    @leveret.rpc
    async def echo_item(self, value: Item) -> Item: ...
    @leveret.rpc
    async def echo_list(self, value: list[int]) -> list[int]: ...
    @leveret.rpc
    async def echo_map(self, value: dict[str, int]) -> dict[str, int]: ...
    @leveret.rpc
    async def echo_nested(self, value: list[list[str | None]]) -> list[list[str | None]]: ...
    @leveret.rpc
    async def echo_optional(self, value: int | None) -> int | None: ...
    @leveret.rpc
    async def echo_shape(self, value: Shape) -> Shape: ...
    @leveret.rpc
    async def echo_string(self, value: str) -> str: ...
    @leveret.rpc
    async def echo_time(self, value: datetime.datetime) -> datetime.datetime: ...
    @leveret.rpc
    async def echo_tuple(self, value: tuple[int, str, bool]) -> tuple[int, str, bool]: ...
    @leveret.rpc
    async def echo_u64(self, value: U64) -> U64: ...
    @leveret.rpc
    async def echo_u8(self, value: U8) -> U8: ...
    @leveret.rpc
    async def echo_uuid(self, value: uuid.UUID) -> uuid.UUID: ...

    @leveret.rpc
    async def big(self, length: int) -> str: ...
    @leveret.rpc
    async def context(self) -> Seen: ...
    @leveret.rpc
    async def crash(self) -> None: ...
    @leveret.rpc
    async def die(self) -> Survived: ...
    @leveret.rpc
    async def events(self, id: str, count: int) -> list[str]: ...
    @leveret.rpc
    async def fail(
        self,
        code: str,
        message: str | None = None,
        executed: str | None = None,
        retryable: bool | None = None,
        retry_after_ms: int | None = None,
        details: Any = None,
    ) -> None: ...
    @leveret.rpc
    async def hold(self, id: str) -> None: ...
    @leveret.rpc
    async def join(self, words: list[str], separator: str | None = None) -> str: ...
    @leveret.rpc
    async def length(self, text: str) -> int: ...
    @leveret.rpc
    async def limited(self, number: U64) -> U64: ...
    @leveret.rpc
    async def nan(self) -> float: ...
    @leveret.rpc(oneway=True)
    async def note(self, id: str) -> None: ...
    @leveret.rpc
    async def nothing(self) -> None: ...
    @leveret.rpc
    async def relay(self) -> Seen: ...
    @leveret.rpc
    async def subtract(self, minuend: int, subtrahend: int) -> int: ...
