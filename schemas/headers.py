"""The header that every event carries: which command made it, so that the log itself says how far the commands were used. Pure.

Written by the conversation owner; read by its successors, and by edges for a message's journey.
"""

from collections.abc import Sequence

Header = tuple[str, bytes]
COMMAND_HEADER = "command"
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
