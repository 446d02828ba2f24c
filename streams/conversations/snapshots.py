"""A conversation as the record that is kept of it, and back. Pure.

Rule: restore(snapshot(state)) == state, and folding on from it gives what folding from the beginning gives.
"""

from collections.abc import Iterable

import msgspec

from schemas.errors import Undecodable
from schemas.records import CommandFloor, ConversationSnapshot, RecentCommand
from streams.conversations.standings import packed_standing, unpacked_standing
from streams.conversations.state import READ_MARK, Conversation, Memory

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[RecentCommand]).decode


def packed(commands: Iterable[RecentCommand]) -> bytes:
    """The bytes of a snapshot's `remembered`."""
    return _encode(list(commands))


def snapshot(state: Conversation, events_offset: int) -> ConversationSnapshot:
    """The whole state, after the event at `events_offset` of its partition."""
    return ConversationSnapshot(
        tenant=state.tenant,
        conversation_id=state.conversation_id,
        events_offset=events_offset,
        conversation_kind=state.kind,
        title=state.title,
        head_seq=state.head_seq,
        head_ordinal=state.head_ordinal,
        head_at_ms=state.head_at_ms,
        members=tuple(state.members.values()),
        remembered=packed((*state.recent, *state.marks)),
        floors=tuple(CommandFloor(user, command_id) for user, command_id in state.floors.items()),
        standing=packed_standing(state.standing),
    )


def restore(kept: ConversationSnapshot) -> Conversation:
    """The state that was kept, by any version; it shares no mutable part with the record. Raises: Undecodable."""
    remembered = _remembered(kept)
    return Conversation(
        tenant=kept.tenant,
        conversation_id=kept.conversation_id,
        title=kept.title,
        standing=unpacked_standing(kept),
        head_seq=kept.head_seq,
        head_ordinal=kept.head_ordinal,
        head_at_ms=kept.head_at_ms,
        recent=Memory(entry for entry in remembered if entry.message != READ_MARK),
        marks=Memory(entry for entry in remembered if entry.message == READ_MARK),
        floors={floor.user: floor.command_id for floor in kept.floors},
    )


def _remembered(kept: ConversationSnapshot) -> list[RecentCommand]:
    if not kept.remembered:
        return [RecentCommand(*msgspec.structs.astuple(entry)) for entry in kept.recent]
    try:
        return _decode(kept.remembered)
    except msgspec.DecodeError as exc:
        raise Undecodable(f"remembered commands of {kept.conversation_id}: {exc}") from exc
