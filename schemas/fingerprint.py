"""What makes two commands the same request: 8 bytes that stand in the event's header and in snapshots. Pure.

Rule 1: the user and what is asked count; the device, the trace and the edge's clock do not, so that a resent command matches.
Rule 2: a field that holds its default is left out, so that a later version's new field does not change the fingerprints of older commands.
Rule 3: what a hook made of a message counts as what its device asked for, so that the device's repeat matches.
"""

from hashlib import blake2b
from typing import get_args

import msgspec

from schemas.commands import Command, CommandBase, EditMessage, SendMessage

FINGERPRINT_BYTES = 8
# these are the edge's word on users' privacy, or a hook's: it may be another one when the same command comes again
_BASE = frozenset({"quiet", "refuse_strangers", "taken", "asked", "veto", *(field.name for field in msgspec.structs.fields(CommandBase))})
_PAYLOADS: dict[type, tuple[tuple[str, object], ...]] = {
    command_type: tuple((field.name, field.default) for field in msgspec.structs.fields(command_type) if field.name not in _BASE)
    for command_type in get_args(Command)
}
_encode = msgspec.msgpack.Encoder().encode


def fingerprint(command: Command) -> bytes:
    """Eight bytes: equal for the same request of the same user, whenever and from wherever it comes."""
    if isinstance(command, SendMessage | EditMessage) and command.asked is not None:
        return command.asked
    asked = [(name, value) for name, default in _PAYLOADS[type(command)] if (value := getattr(command, name)) != default]
    return blake2b(_encode((command.__struct_config__.tag, command.user, asked)), digest_size=FINGERPRINT_BYTES).digest()
