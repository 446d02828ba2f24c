"""A conversation after one more fact: never refuses, never looks at a clock. Pure.

Called by the owner for its own events and, at a take-over, for those in the log; both ways give the same state.
Rule 1: members and what they may do are folded by `store.standing`, for everybody who wants to know; here is what only the owner needs.
Rule 2: a command is forgotten by age only when its id is too old to be taken again, and by count only into its user's floor.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from schemas import events
from schemas.ids import ms_of
from schemas.records import RecentCommand
from store.standing import fold_standing
from streams.conversations.parts import touch
from streams.conversations.rules import Rules
from streams.conversations.state import COUNTED, MESSAGE, OTHER, READ_MARK, RECALLED, Conversation, Memory


def evolve(state: Conversation | None, event: events.Event, fingerprint: bytes, rules: Rules) -> Conversation:
    """The state after the event; the argument may be changed in place and must not be used again.

    Shape: the event is the creation where there is no state, else its seq follows the head's.
    Raises: ValueError for a first event that is no creation, or a command id that is no UUID: no owner writes those.
    """
    if state is None:
        state = _created(event)
    else:
        fold_standing(state.standing, event)
    state.head_seq = event.seq
    state.head_ordinal = event.ordinal
    state.head_at_ms = event.at_ms
    apply = _APPLY.get(type(event))
    if apply is not None:
        apply(state, event)
    _remember(state, event, fingerprint)
    _forget(state, event.at_ms, rules)
    touch(state, event, rules.members_whole_limit)
    return state


def _created(event: events.Event) -> Conversation:
    standing = fold_standing(None, event)
    assert isinstance(event, events.ConversationCreated)  # or the fold had raised
    return Conversation(event.tenant, event.conversation_id, event.title, standing)


def _renamed(state: Conversation, event: events.ConversationRenamed) -> None:
    state.title = event.title


def _message_recalled(state: Conversation, event: events.MessageRecalled) -> None:
    sent = state.message_at(event.target_seq)
    if sent is not None:
        recalled = RecentCommand(sent.command_id, sent.fingerprint, sent.seq, sent.ordinal, sent.at_ms, sent.author, RECALLED)
        state.recent.replace(recalled)


def _call_noted(state: Conversation, event: events.CallNoted) -> None:
    state.call_seq = event.call_seq


# What else events do is the fold's of the standing; edited texts and reactions are the timeline's, not the owner's.
_APPLY: dict[type[Any], Callable[[Conversation, Any], None]] = {
    events.ConversationRenamed: _renamed,
    events.MessageRecalled: _message_recalled,
    events.CallNoted: _call_noted,
}


def _remember(state: Conversation, event: events.Event, fingerprint: bytes) -> None:
    command_id = bytes.fromhex(event.command_id.replace("-", ""))
    mark = isinstance(event, events.ReadMarked)
    memory = state.marks if mark else state.recent
    if command_id in memory:
        return  # a later event of the same command: a repeat is answered with the first
    member = state.members.get(event.user)
    author = event.user if member is None else member.user  # one string object for all of a member's commands
    memory.add(RecentCommand(command_id, fingerprint, event.seq, event.ordinal, event.at_ms, author, _kind_of(event)))


def _kind_of(event: events.Event) -> int:
    match event:
        case events.MessageSent():
            return MESSAGE
        case events.ReadMarked():
            return READ_MARK
        case events.CallNoted(missed_by=(_, *_)):
            return COUNTED
        case _:
            return OTHER


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
    if state.parts is not None:
        state.parts.touch((forgotten.author,))
    floors[forgotten.author] = floor  # now the last one: floors stay ordered by when they were raised
    for user in list(islice(floors, 2)):  # two of the oldest for each new one: more are dropped than come
        if user != forgotten.author and ms_of(floors[user]) < horizon_ms:
            del floors[user]
