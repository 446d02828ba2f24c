"""The headers that owners write, so that the log itself says what belongs to it. Pure.

Every event carries which command made it: how far the commands were used. Every record of an owner's state topic carries the offset it was
written for: one that stands elsewhere is of a log that was replaced beneath its owner. Read by successors; the first by edges too, for a
message's journey.
"""

from collections.abc import Sequence

Header = tuple[str, bytes]
COMMAND_HEADER = "command"
DUE_HEADER = "due"
OFFSET_BYTES = 8
FINGERPRINT_BYTES = 8


def command_header(commands_offset: int, fingerprint: bytes) -> Header:
    return (COMMAND_HEADER, commands_offset.to_bytes(OFFSET_BYTES, "big") + fingerprint)


def read_command_header(headers: Sequence[Header]) -> tuple[int, bytes] | None:
    """The command's offset and its fingerprint; None if there is no such header or it has another size."""
    for name, value in headers:
        if name == COMMAND_HEADER and len(value) == OFFSET_BYTES + FINGERPRINT_BYTES:
            return int.from_bytes(value[:OFFSET_BYTES], "big"), value[OFFSET_BYTES:]
    return None


def due_header(offset: int) -> Header:
    return (DUE_HEADER, offset.to_bytes(OFFSET_BYTES, "big"))


def read_due_header(headers: Sequence[Header]) -> int | None:
    """The offset that the record was written for; None if it does not say."""
    return next((int.from_bytes(value, "big") for name, value in headers if name == DUE_HEADER), None)
