"""Reads of rosters and ties, and the user's own notes about others. Called by the edge.

`rosters` and `joinings` are written by the projector from the topic `rosters`, `ties` from conversation-events; `roster_notes` by the edge.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from store import cql
from store.cassandra import Store
from store.roster_rows import JoiningRow, RosterRow
from store.ties import NO_TIE, Tie

JOININGS_LIMIT = 1_000


class Note(Struct, frozen=True):
    """The user's own words for another: nobody else sees them."""

    alias: str = ""
    tags: tuple[str, ...] = ()


NO_NOTE = Note()


class TieRow(NamedTuple):
    """The tie without what only the owner needs (requests that were declined), and without what was written since.

    `blocks`, `refusals`: user -> the seq of the event that says it, negative where it says that this is over. Who refuses strangers and
    wrote a message after that does not refuse them any more.
    """

    tie: Tie
    blocks: Mapping[str, int]
    refusals: Mapping[str, int]


NO_TIE_ROW = TieRow(NO_TIE, {}, {})


class RosterTables:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def rows(self, user: str, after: str, since: int, limit: int) -> tuple[list[RosterRow], str | None]:
        """Rows of others after `after` whose version is above `since`, by other's id; and what to ask next, None at the end.

        Raises: StoreUnavailable.
        """
        if since:
            rows = await self._store.execute(cql.ROSTER_SINCE, (user, after, since, limit))
        else:
            rows = await self._store.execute(cql.ROSTER_AFTER, (user, after, limit))
        found = [roster_row_of(row) for row in rows]
        return found, found[-1].other if len(found) == limit else None

    async def some(self, user: str, others: Iterable[str]) -> dict[str, RosterRow]:
        """The rows of those that have one. Raises: StoreUnavailable."""
        parts = await self._store.execute_each(cql.ROSTER_ROW, [(user, other) for other in dict.fromkeys(others)])
        return {row[0]: roster_row_of(row) for rows in parts for row in rows}

    async def notes_between(self, user: str, after: str, last: str | None, limit: int) -> dict[str, Note]:
        """What the user noted about others after `after`, up to `last` (None: to the end). Raises: StoreUnavailable."""
        if last is None:
            rows = await self._store.execute(cql.NOTES_AFTER, (user, after, limit))
        else:
            rows = await self._store.execute(cql.NOTES_BETWEEN, (user, after, last, limit))
        return {row[0]: note_of(row) for row in rows}

    async def notes(self, user: str, others: Iterable[str]) -> dict[str, Note]:
        """Raises: StoreUnavailable."""
        parts = await self._store.execute_each(cql.NOTE, [(user, other) for other in dict.fromkeys(others)])
        return {row[0]: note_of(row) for rows in parts for row in rows}

    async def put_note(self, user: str, other: str, note: Note, at_ms: int) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat; the one with the largest `at_ms` stays."""
        await self._store.execute(cql.PUT_NOTE, (user, other, note.alias, list(note.tags), at_ms))

    async def forget_notes(self, user: str, at_ms: int) -> None:
        """All that it noted about others up to then is gone. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute(cql.DELETE_NOTES, (at_ms, user))

    async def joinings_of(self, user: str) -> list[JoiningRow]:
        """Invitations and applications, at most JOININGS_LIMIT. Raises: StoreUnavailable."""
        return [joining_row_of(row) for row in await self._store.execute(cql.JOININGS, (user, JOININGS_LIMIT))]

    async def ties(self, conversations: Iterable[str]) -> dict[str, TieRow]:
        """Of those direct conversations that ever had anything of the kind. Raises: StoreUnavailable."""
        wanted = list(dict.fromkeys(conversations))
        parts = await self._store.execute_each(cql.TIE, [(conversation,) for conversation in wanted])
        return {conversation: tie_row_of(rows[0]) for conversation, rows in zip(wanted, parts, strict=True) if rows}


def roster_row_of(row: Sequence[Any]) -> RosterRow:
    other, relation, text, seq, blocked, blocked_seq, version, changed_at_ms = row
    return RosterRow(other, relation or "none", text or "", seq or 0, bool(blocked), blocked_seq or 0, version or 0, changed_at_ms or 0)


def joining_row_of(row: Sequence[Any]) -> JoiningRow:
    return JoiningRow(*row)


def note_of(row: Sequence[Any]) -> Note:
    _, alias, tags = row
    return Note(alias or "", tuple(tags or ()))


def tie_row_of(row: Sequence[Any]) -> TieRow:
    friends, asked_by, text, since_seq, blocks, refusals = row
    blocks, refusals = dict(blocks or {}), dict(refusals or {})
    tie = Tie(bool(friends), asked_by or "", text or "", since_seq or 0, _those(blocks), _those(refusals))
    return TieRow(tie, blocks, refusals)


def _those(since: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(user for user, seq in since.items() if seq > 0))
