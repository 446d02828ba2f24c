"""A conversation as the record that is kept of it, or the records where it has many members; and back. Pure.

Rule: restore(snapshot(state), all its parts) == state, and folding on from it gives what folding from the beginning gives.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas.errors import Undecodable
from schemas.records import CommandFloor, ConversationMembersPart, ConversationSnapshot, MemberState, RecentCommand
from store.standing import rehold
from streams.conversations.parts import PARTS, Parts
from streams.conversations.standings import packed_standing, unpacked_standing
from streams.conversations.state import READ_MARK, Conversation, Memory

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[RecentCommand]).decode


def packed(commands: Iterable[RecentCommand]) -> bytes:
    """The bytes of a snapshot's `remembered`."""
    return _encode(list(commands))


def snapshot(state: Conversation, events_offset: int) -> ConversationSnapshot:
    """The state after the event at `events_offset` of its partition: all of it, or what is not kept in parts."""
    whole = state.parts is None
    return ConversationSnapshot(
        tenant=state.tenant,
        conversation_id=state.conversation_id,
        events_offset=events_offset,
        conversation_kind=state.kind,
        title=state.title,
        head_seq=state.head_seq,
        head_ordinal=state.head_ordinal,
        head_at_ms=state.head_at_ms,
        call_seq=state.call_seq,
        members=tuple(state.members.values()) if whole else (),
        remembered=packed((*state.recent, *state.marks)),
        floors=tuple(CommandFloor(user, command_id) for user, command_id in state.floors.items()) if whole else (),
        parts=0 if whole else PARTS,
        standing=packed_standing(state.standing, with_spoke=whole),
    )


class KeptUsers(Struct, frozen=True, array_like=True):
    """What a part has of its users, as MessagePack."""

    members: list[tuple[str, str, int, int, int]]
    floors: list[tuple[str, bytes]]
    spoke: list[tuple[str, int]]


_decode_users = msgspec.msgpack.Decoder(KeptUsers).decode


def members_part(state: Conversation, part: int) -> ConversationMembersPart:
    """One part as it is now; users of whom nothing is left are forgotten."""
    assert state.parts is not None
    users = state.parts.users[part]
    members = [msgspec.structs.astuple(state.members[user]) for user in users if user in state.members]
    floors = [(user, state.floors[user]) for user in users if user in state.floors]
    spoke = [(user, state.standing.spoke[user]) for user in users if user in state.standing.spoke]
    users.intersection_update([*(member[0] for member in members), *(user for user, _ in floors), *(user for user, _ in spoke)])
    return ConversationMembersPart(
        tenant=state.tenant,
        conversation_id=state.conversation_id,
        part=part,
        head_seq=state.head_seq,
        users=_encode(KeptUsers(members, floors, spoke)),
    )


def restore(kept: ConversationSnapshot, parts: Iterable[ConversationMembersPart] = ()) -> Conversation:
    """The state that was kept, by any version, with all of its parts; it shares no mutable part with the records.

    Raises: Undecodable, also where a part is missing.
    """
    state = _head(kept)
    if kept.parts:
        _lay_parts(state, {part.part: part for part in parts}, kept.parts)
    return state


def _lay_parts(state: Conversation, kept: dict[int, ConversationMembersPart], count: int) -> None:
    if count != PARTS or len(kept) != count:
        raise Undecodable(f"{len(kept)} of {count} parts of {state.conversation_id}; this release knows {PARTS}")
    state.parts = Parts()
    floors: list[tuple[str, bytes]] = []
    spoke: list[tuple[str, int]] = []
    for part in kept.values():
        try:
            users = _decode_users(part.users)
        except msgspec.DecodeError as exc:
            raise Undecodable(f"part {part.part} of {state.conversation_id}: {exc}") from exc
        state.members.update((member[0], MemberState(*member)) for member in users.members)
        floors += users.floors
        spoke += users.spoke
    # both in the order of their times, as they were noted: the oldest are looked at first, to be forgotten
    state.floors.update(sorted(floors, key=lambda floor: floor[1]))
    state.standing.spoke.update(sorted(spoke, key=lambda said: said[1]))
    state.parts.learn((*state.members, *state.floors, *state.standing.spoke))
    rehold(state.standing)


def _head(kept: ConversationSnapshot) -> Conversation:
    remembered = _remembered(kept)
    return Conversation(
        tenant=kept.tenant,
        conversation_id=kept.conversation_id,
        title=kept.title,
        standing=unpacked_standing(kept),
        head_seq=kept.head_seq,
        head_ordinal=kept.head_ordinal,
        head_at_ms=kept.head_at_ms,
        call_seq=kept.call_seq,
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
