"""Bytes to frames and back, for both subprotocols."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from warbler.frames import FromDevice, FromEdge

CodecName = Literal["json", "msgpack"]


@dataclass(frozen=True, slots=True)
class Codec:
    """`is_events` tells an `events` frame by its first bytes, for those who want only answers and skip the decoding."""

    subprotocol: str
    text: bool
    encode: Callable[[FromDevice], bytes]
    decode: Callable[[bytes], FromEdge]
    events_prefix: bytes

    def is_events(self, data: bytes) -> bool:
        return data.startswith(self.events_prefix)


JSON = Codec("warbler.v1+json", True, msgspec.json.Encoder().encode, msgspec.json.Decoder(FromEdge).decode, b'{"type":"events"')
MSGPACK = Codec(
    "warbler.v1+msgpack", False, msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(FromEdge).decode, b"\x83\xa4type\xa6events"
)
CODECS: dict[CodecName, Codec] = {"json": JSON, "msgpack": MSGPACK}
