"""Folding the log on from records that were saved at different moments. Pure; called at a take-over only.

The rest of a large conversation is saved after its changed parts, so a part may know of events that the rest does not; never the other way.
Law: whatever records were saved last, folding the events from the checkpoint on gives the state that folding the whole log gives.
"""

from typing import TypeVar

from schemas import events
from store.standing import rehold
from streams.conversations.evolve import evolve
from streams.conversations.parts import Parts, forgets_who_spoke, part_of, touched_by
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

Value = TypeVar("Value")


def refold(state: Conversation | None, event: events.Event, fingerprint: bytes, rules: Rules) -> Conversation:
    """As `evolve`; what newer parts say of their users stays."""
    if state is None or state.parts is None or not state.parts.newer:
        return evolve(state, event, fingerprint, rules)
    known = _known(state, state.parts, event)
    members = {user: state.members.get(user) for user in known}
    spoke = {user: state.standing.spoke.get(user) for user in known}
    state = evolve(state, event, fingerprint, rules)
    for user in known:
        _put_back(state.members, user, members[user])
        _put_back(state.standing.spoke, user, spoke[user])
    if state.parts is not None and event.seq >= max(state.parts.newer.values()):
        state.parts.newer.clear()
        rehold(state.standing)
    return state


def _known(state: Conversation, parts: Parts, event: events.Event) -> list[str]:
    """The users whom the event is about, and whose parts know of it."""
    users = {*touched_by(event), *(state.standing.spoke if forgets_who_spoke(event) else ())}
    return [user for user in users if parts.newer.get(part_of(user), 0) >= event.seq]


def _put_back(kept: dict[str, Value], user: str, value: Value | None) -> None:
    if value is None:
        kept.pop(user, None)
    else:
        kept[user] = value
