"""Records of the topic `rosters` as writes: what `store.roster_rows` folds, in cells of which the larger timestamp wins. Pure.

Rule: what a conversation says is written under its seq, and a row's version under itself, so repeats, other chunks and any order come to
the same rows. Called by the projector (`streams.timelines.rows`).
"""

from typing import Protocol, assert_never

from schemas.accounts import ApplicationChanged, InvitationChanged, RosterChanged, RosterEvent, RosterNoted
from schemas.codec import decode_roster_event
from schemas.errors import Undecodable
from store import cql
from store.roster_rows import joining_of
from streams.timelines.write import Write

ROSTERS_TOPIC = "rosters"


class RosterRecord(Protocol):
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def read_roster(record: RosterRecord) -> RosterEvent | str:
    """The record's event, or why it is none."""
    try:
        event = decode_roster_event(record.value)
    except Undecodable as exc:
        return exc.reason
    return event if event.user.encode() == record.key else "the key is not the event's user"


def roster_writes(event: RosterEvent, offset: int) -> list[Write]:
    match event:
        case RosterChanged() | RosterNoted():
            return [*_cells(event), Write(cql.PUT_ROSTER_VERSION, (event.user, event.other, offset + 1, event.at_ms, offset + 1))]
        case InvitationChanged() | ApplicationChanged():
            row = joining_of(event)
            cells = (row.way, row.conversation, row.state, row.by, row.reason, row.seq, row.at_ms)
            return [Write(cql.PUT_JOINING, (event.user, *cells, row.seq))]
        case _:
            assert_never(event)


def _cells(event: RosterChanged | RosterNoted) -> list[Write]:
    if isinstance(event, RosterNoted):
        return []
    writes = []
    if event.relation is not None:
        writes.append(Write(cql.PUT_RELATION, (event.user, event.other, event.relation, event.text, event.seq, event.seq)))
    if event.blocked is not None:
        writes.append(Write(cql.PUT_BLOCKED, (event.user, event.other, event.blocked, event.seq, event.seq)))
    return writes
