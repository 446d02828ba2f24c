"""What both files of frames are made of."""

from msgspec import Struct

Code = str


class CommandFrame(Struct, frozen=True, kw_only=True, tag_field="type"):
    id: str  # UUIDv7, chosen by the device; a retry uses the same one
    conversation: str
