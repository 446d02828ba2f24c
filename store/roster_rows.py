"""One user's roster as values, and the folds that make it of the topic `rosters`: the one definition of what its tables say.

Pure. Used by the edge, to lay what is not projected yet over rows, and by `warbler verify rosters`.
Rule 1: what a direct conversation says carries its seq, and the larger seq wins; so repeats, and records out of order, change nothing.
Rule 2: a version is the next offset of the user's partition after the record: "everything before it". It only rises.
Rule 3: rows stay, also with the relation `none`: who was away learns by them that somebody is no friend any more.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from schemas.accounts import ApplicationChanged, InvitationChanged, RosterChanged, RosterNoted
from schemas.values import Relation

Way = Literal["invitation", "application"]


class RosterRow(Struct, frozen=True):
    """What a user has with `other`. `seq`, `blocked_seq`: of the events that made the relation and the block so; 0: none did."""

    other: str
    relation: Relation = "none"
    text: str = ""
    seq: int = 0
    blocked: bool = False
    blocked_seq: int = 0
    version: int = 0
    changed_at_ms: int = 0


class JoiningRow(Struct, frozen=True):
    """What became of an invitation into a conversation, or of an application to it. `by`: who did the last step."""

    way: Way
    conversation: str
    state: str
    by: str
    reason: str
    seq: int
    at_ms: int


def fold_roster(row: RosterRow | None, event: RosterChanged | RosterNoted, version: int) -> RosterRow:
    """The row after the record before `version`."""
    row = row or RosterRow(event.other)
    if isinstance(event, RosterChanged):
        if event.relation is not None and event.seq >= row.seq:
            row = replace(row, relation=event.relation, text=event.text, seq=event.seq)
        if event.blocked is not None and event.seq >= row.blocked_seq:
            row = replace(row, blocked=event.blocked, blocked_seq=event.seq)
    return replace(row, version=version, changed_at_ms=event.at_ms) if version > row.version else row


def joining_of(event: InvitationChanged | ApplicationChanged) -> JoiningRow:
    if isinstance(event, InvitationChanged):
        return JoiningRow("invitation", event.conversation_id, event.state, event.by, "", event.seq, event.at_ms)
    return JoiningRow("application", event.conversation_id, event.state, event.by, event.reason, event.seq, event.at_ms)


def fold_joining(row: JoiningRow | None, event: InvitationChanged | ApplicationChanged) -> JoiningRow:
    return row if row is not None and row.seq > event.seq else joining_of(event)
