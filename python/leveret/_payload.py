"""What tasks and events carry: values of a type, or bytes as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

from ._checks import text
from ._convert import UNREADABLE, UNSENDABLE, Reader, check, encoder_for
from ._leveret import MSGPACK
from .errors import Executed, InvalidArgument

# A body and its content type, "" for none; or a MessagePack value and None.
Body = tuple[bytes, str | None]

_BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Raw:
    """A body as it travels, for messages of programs that know nothing of Leveret.

    ```python
    thumbnails = leveret.Events.topic("thumbnails", leveret.Raw)
    client.publish(thumbnails, leveret.Raw(png, "image/png"), key="cat")
    ```

    Attributes:
        body: the bytes.
        content_type: what they are, as in AMQP's `content_type`.

    Raises:
        TypeError, ValueError: for other things than bytes and a text.
    """

    body: bytes
    content_type: str | None = None

    def __post_init__(self) -> None:
        try:
            memoryview(self.body)
        except TypeError:
            kind = type(self.body).__name__
            raise TypeError(f"the body of a leveret.Raw is bytes, not {kind}") from None
        if self.content_type is not None:
            text("content_type", self.content_type)


class Carrier(Protocol):
    """A message, alive or dead, as far as its value is concerned."""

    def value(self) -> tuple[bytes, int]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str | None: ...


class Payload:
    """Writes and reads values of one type.

    Raises:
        TypeError: from the constructor, for a type whose objects cannot travel.
    """

    __slots__ = ("_encode", "_reader", "_where", "hint", "raw")

    def __init__(self, hint: Any, where: str) -> None:
        try:
            check(hint)
        except TypeError as error:
            raise TypeError(f"{where}: {error}") from error
        self.hint = hint
        # Left as they are, whatever their content type says.
        self.raw = hint is bytes or hint is Raw
        self._where = where
        self._encode = encoder_for(hint)
        self._reader = Reader(hint)

    def write(self, value: Any) -> Body:
        """A value as the native side takes it. It is read again at once: a mistake is to be told
        to whoever makes it, and not to a worker.

        Raises:
            InvalidArgument: for a value that is not of the type, or cannot be sent.
        """
        if self.raw:
            return self._write_raw(value)
        try:
            body = self._encode(value)
        except UNSENDABLE as error:
            raise self._refused(error) from error
        try:
            self._reader(body, MSGPACK)
        except UNREADABLE as error:
            raise self._refused(error) from error
        return body, None

    def _write_raw(self, value: Any) -> Body:
        if isinstance(value, Raw):
            return bytes(value.body), value.content_type or ""
        if isinstance(value, (bytes, bytearray, memoryview)):
            body = bytes(cast("bytes", value))
            return body, _BYTES if self.hint is bytes else ""
        wanted = "bytes" if self.hint is bytes else "a leveret.Raw"
        raise self._refused(f"expected {wanted}, got {type(value).__name__}")

    def _refused(self, why: object) -> InvalidArgument:
        return InvalidArgument(f"{self._where}: {why}", executed=Executed.NO, retryable=False)

    def read(self, carrier: Carrier) -> Any:
        """The value of a message.

        Raises:
            UNREADABLE: when it is none of the type; the message has the place.
        """
        if not self.raw:
            return self._reader(*carrier.value())
        return carrier.body if self.hint is bytes else Raw(carrier.body, carrier.content_type)
