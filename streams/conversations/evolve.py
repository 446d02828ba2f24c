"""A conversation after one more fact: never refuses, never looks at a clock. Pure.

Called by the owner for its own events and, at a take-over, for those in the log; both ways give the same state.
Rule 1: who sends a message has read up to it, and who joins has read what was there before (`store.views` says the same).
Rule 2: a command is forgotten by age only when its id is too old to be taken again, and by count only into its user's floor.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from schemas import events
from schemas.ids import ms_of
from schemas.records import MemberState, RecentCommand
from streams.conversations.rules import Rules
from streams.conversations.state import MESSAGE, OTHER, READ_MARK, RECALLED, Conversation, Memory


def evolve(state: Conversation | None, event: events.Event, fingerprint: bytes, rules: Rules) -> Conversation:
    """The state after the event; the argument may be changed in place and must not be used again.

    Shape: the event is the creation where there is no state, else its seq follows the head's.
    Raises: ValueError for a first event that is no creation, or a command id that is no UUID: no owner writes those.
    """
    if state is None:
        state = _created(event)
    state.head_seq = event.seq
    state.head_ordinal = event.ordinal
    state.head_at_ms = event.at_ms
    apply = _APPLY.get(type(event))
    if apply is not None:
        apply(state, event)
    _remember(state, event, fingerprint)
    _forget(state, event.at_ms, rules)
    return state


def _created(event: events.Event) -> Conversation:
    if not isinstance(event, events.ConversationCreated):
        raise ValueError(f"event {event.event_id} is the first of its conversation and does not create it")
    state = Conversation(event.tenant, event.conversation_id, event.conversation_kind, event.title)
    state.members = {member.user: MemberState(member.user, member.role, event.seq, event.seq, event.ordinal) for member in event.members}
    return state


def _message_sent(state: Conversation, event: events.MessageSent) -> None:
    member = state.members.get(event.user)
    if member is not None:
        state.members[member.user] = MemberState(member.user, member.role, member.joined_seq, event.seq, event.ordinal)


def _read_marked(state: Conversation, event: events.ReadMarked) -> None:
    member = state.members.get(event.user)
    if member is not None and event.up_to_seq > member.read_seq:
        state.members[member.user] = MemberState(member.user, member.role, member.joined_seq, event.up_to_seq, event.up_to_ordinal)


def _member_added(state: Conversation, event: events.MemberAdded) -> None:
    state.members[event.member] = MemberState(event.member, event.role, event.seq, event.seq, event.ordinal)


def _member_left(state: Conversation, event: events.MemberLeft) -> None:
    state.members.pop(event.user, None)


def _member_removed(state: Conversation, event: events.MemberRemoved) -> None:
    state.members.pop(event.member, None)


def _role_changed(state: Conversation, event: events.RoleChanged) -> None:
    member = state.members.get(event.member)
    if member is not None:
        state.members[member.user] = MemberState(member.user, event.role, member.joined_seq, member.read_seq, member.read_ordinal)


def _renamed(state: Conversation, event: events.ConversationRenamed) -> None:
    state.title = event.title


def _message_recalled(state: Conversation, event: events.MessageRecalled) -> None:
    sent = state.message_at(event.target_seq)
    if sent is not None:
        recalled = RecentCommand(sent.command_id, sent.fingerprint, sent.seq, sent.ordinal, sent.at_ms, sent.author, RECALLED)
        state.recent.replace(recalled)


# The other events change only the head: edited texts and reactions are the timeline's, not the owner's.
_APPLY: dict[type[Any], Callable[[Conversation, Any], None]] = {
    events.MessageSent: _message_sent,
    events.ReadMarked: _read_marked,
    events.MemberAdded: _member_added,
    events.MemberLeft: _member_left,
    events.MemberRemoved: _member_removed,
    events.RoleChanged: _role_changed,
    events.ConversationRenamed: _renamed,
    events.MessageRecalled: _message_recalled,
}


def _remember(state: Conversation, event: events.Event, fingerprint: bytes) -> None:
    command_id = bytes.fromhex(event.command_id.replace("-", ""))
    mark = isinstance(event, events.ReadMarked)
    memory = state.marks if mark else state.recent
    if command_id in memory:
        return  # a later event of the same command: a repeat is answered with the first
    member = state.members.get(event.user)
    author = event.user if member is None else member.user  # one string object for all of a member's commands
    message = MESSAGE if isinstance(event, events.MessageSent) else READ_MARK if mark else OTHER
    memory.add(RecentCommand(command_id, fingerprint, event.seq, event.ordinal, event.at_ms, author, message))


def _forget(state: Conversation, at_ms: int, rules: Rules) -> None:
    horizon_ms = at_ms - rules.command_horizon_ms
    _forget_old(state.recent, horizon_ms, keep=1)
    _forget_old(state.marks, horizon_ms, keep=0)
    while len(state.recent) > rules.remembered_commands:
        _raise_floor(state, state.recent.drop_oldest(), horizon_ms)
    while len(state.marks) > rules.remembered_commands:
        state.marks.drop_oldest()  # no floor: marking as read again is harmless


def _forget_old(memory: Memory, horizon_ms: int, keep: int) -> None:
    # By the id's time and not by the event's: a device's clock may run ahead, and what `decide` refuses as stale is the id.
    while len(memory) > keep and ms_of(memory.oldest.command_id) < horizon_ms:
        memory.drop_oldest()


def _raise_floor(state: Conversation, forgotten: RecentCommand, horizon_ms: int) -> None:
    floors = state.floors
    floor = max(floors.pop(forgotten.author, b""), forgotten.command_id)
    floors[forgotten.author] = floor  # now the last one: floors stay ordered by when they were raised
    for user in list(islice(floors, 2)):  # two of the oldest for each new one: more are dropped than come
        if user != forgotten.author and ms_of(floors[user]) < horizon_ms:
            del floors[user]
