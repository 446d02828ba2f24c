"""Rows of ended calls as values, and where they lie. Pure. Made by the projector, read by the edge, compared by `warbler verify calls`.

Rule 1: a row is the same whoever makes it of the same record, byte for byte. Rule 2: whose list it is in decides how much of the others
stands in it: a user's list has a row a call, and must not grow with the sizes of the calls.
"""

from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schemas.call_values import CallKind, CallMedia, CallOutcome, EndReason, PartyRecord

SPAN_MS = 30 * 86_400_000  # of the calls that lie in one partition: a "month"
OTHERS_LIMIT = 10  # in a row of a user's own list
PLACE_BYTES_LIMIT = 128

CallTable = Literal["calls_by_user", "calls_by_conversation"]
TABLES: tuple[CallTable, CallTable] = ("calls_by_user", "calls_by_conversation")


class CallRow(Struct, frozen=True, kw_only=True):
    """One call. Shape: times and durations as in `call_recorded`; `parties` by user, all or some of the `parties_count`."""

    call_id: str
    conversation_id: str
    call_kind: CallKind
    media: CallMedia
    caller: str
    outcome: CallOutcome
    reason: EndReason
    requested_at_ms: int
    answered_at_ms: int
    connected_at_ms: int
    ended_at_ms: int
    ring_ms: int
    talk_ms: int
    parties: tuple[PartyRecord, ...]
    parties_count: int


class CallPlace(NamedTuple):
    """Where a row lies. `owner`: the user or conversation whose list it is in."""

    table: CallTable
    owner: str
    month: int
    ended_at_ms: int
    call_id: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CallRow).decode


def month_of(at_ms: int) -> int:
    return at_ms // SPAN_MS


def packed(row: CallRow) -> bytes:
    return _encode(row)


def unpacked(value: bytes) -> CallRow:
    """Raises: msgspec.DecodeError for what the projector did not write."""
    return _decode(value)


def rows_of(row: CallRow) -> dict[CallPlace, bytes]:
    """Every row that the call comes to; `row` has all of its parties."""
    month = month_of(row.ended_at_ms)
    rest = (month, row.ended_at_ms, row.call_id)
    rows = {CallPlace("calls_by_conversation", row.conversation_id, *rest): packed(row)}
    for party in row.parties:
        rows[CallPlace("calls_by_user", party.user, *rest)] = packed(seen_by(row, party.user))
    return rows


def seen_by(row: CallRow, user: str) -> CallRow:
    """The row in this user's own list: itself, who called, and the first of the others."""
    ranked = sorted(row.parties, key=lambda party: (party.user != user, party.user != row.caller, party.user))
    return replace(row, parties=tuple(sorted(ranked[: OTHERS_LIMIT + 1], key=lambda party: party.user)))


def place_text(row: CallRow) -> str:
    """Where a page ended, to ask on from there."""
    return f"{row.ended_at_ms}.{row.call_id}"


def place_of(text: str) -> tuple[int, str]:
    """Raises: ValueError unless it is one."""
    at, _, call_id = text.partition(".")
    if len(text.encode()) > PLACE_BYTES_LIMIT or not call_id or not at.isascii() or not at.isdigit():
        raise ValueError(f"{text[:40]!r} is no place in a list of calls")
    return int(at), call_id
