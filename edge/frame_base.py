"""What both files of frames are made of. Pure."""

from typing import Annotated

from msgspec import Meta, Struct

Code = str
# what a device counts with: larger or negative numbers are no seq of ours, and neither JavaScript nor Cassandra could hold them
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
DeviceId = Annotated[str, Meta(max_length=128)]  # it stands in every event of the device


class CommandFrame(Struct, frozen=True, kw_only=True, tag_field="type"):
    id: str  # UUIDv7, chosen by the device; a retry uses the same one
    conversation: str
