"""The decision on a call that has ended: its entry in the conversation's one order. Pure; called by `decide`.

Rule 1: nobody's rights and no command's age are asked: it is no device's wish but a fact of the conversation's calls, also when the caller
has left, is muted, or the publisher was away for days.
Rule 2: calls are noted in the order of their records and each once: what is not above the last `call_seq` was noted.
"""

from schemas import commands, events
from schemas.events import Event
from streams.conversations.answers import Refused
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation


def note_call(state: Conversation, command: commands.NoteCall, at_ms: int, rules: Rules) -> tuple[Event, ...] | Refused:
    if command.call_seq <= state.call_seq:
        return Refused("already_done", f"the call was noted before: {state.call_seq} is the last, and this is {command.call_seq}")
    fields = common(state, command, at_ms)
    if command.missed_by:  # one count for all members, so it counts for those who answered too
        fields["ordinal"] += 1
    noted = events.CallNoted(
        **fields,
        call_id=command.call_id,
        call_seq=command.call_seq,
        call_kind=command.call_kind,
        media=command.media,
        outcome=command.outcome,
        duration_ms=command.duration_ms,
        missed_by=command.missed_by,
    )
    return (noted,)
