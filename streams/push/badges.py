"""How many messages a user has not read, for the badge: read from Cassandra, remembered for a while. Called by `streams.push.context`.

Exact for the conversation that a push is about, whose place was just read; what the others add is at most `keep_ms` old.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store import cql
from store.cassandra import Row, Store
from store.push_looks import PushLooks
from store.push_tables import EVERYWHERE
from store.timelines import MEMBER_CELLS, ROWS_PER_REQUEST, membership_of
from store.views import ReadMark
from streams.push.badge import Standing, badge, unread_of
from streams.push.remembered import Remembered
from streams.push.situation import Mode

FEW = 3
HEAD_ORDINAL_CELL = MEMBER_CELLS + 4


@dataclass(frozen=True, slots=True)
class Counted:
    """Of a user: where it stands in the conversations that have something unread, and what it chose to be pushed."""

    standings: Mapping[str, Standing]
    marked: frozenset[str]
    modes: Mapping[str, Mode]
    everywhere: Mode | None


class Badges:
    def __init__(self, store: Store, looks: PushLooks, limit: int, keep_ms: int) -> None:
        self._store, self._looks = store, looks
        self._known: Remembered[Counted] = Remembered(limit, keep_ms)

    async def of(self, user: str, conversation: str, place: Row | None, own: ReadMark | None, now_ms: int) -> int:
        """`place`: the conversation's row as it was just read; `own`: the user's own mark in it. Raises: StoreUnavailable."""
        counted = self._known.get(user, now_ms)
        if counted is None:
            counted = await self._read(user)
            self._known.put(user, counted, now_ms)
        standings = {each: standing for each, standing in counted.standings.items() if each != conversation}
        if place is not None:
            standings[conversation] = _standing(place, own, conversation in counted.marked)
        return badge(standings.values(), counted.modes, counted.everywhere, now_ms)

    def forget(self, user: str) -> None:
        self._known.forget(user)

    async def _read(self, user: str) -> Counted:
        found = await self._looks.everything.get(user)
        rows = await self._places(user, found.conversations)
        standings = {row[0]: _standing(row, found.reads.get(row[0]), row[0] in found.marked) for row in rows}
        modes = {conversation: Mode(mode, until_ms) for conversation, (mode, until_ms) in found.modes.items()}
        everywhere = modes.pop(EVERYWHERE, None)
        return Counted({each: one for each, one in standings.items() if unread_of(one)}, found.marked, modes, everywhere)

    async def _places(self, user: str, conversations: Sequence[str]) -> list[Row]:
        """Of few conversations together with other users', who may be in the same; of many together with each other."""
        if len(conversations) <= FEW:
            places = await asyncio.gather(*(self._looks.places.get((user, conversation)) for conversation in conversations))
            return [place.row for place in places if place.row is not None]
        groups = [conversations[at : at + ROWS_PER_REQUEST] for at in range(0, len(conversations), ROWS_PER_REQUEST)]
        parts = await self._store.execute_each(cql.PLACES_AND_HEADS, [(group, user) for group in groups])
        return [row for part in parts for row in part]


def _standing(place: Row, own: ReadMark | None, marked: bool) -> Standing:
    """`place`: a row of PLACES_AND_HEADS."""
    member = membership_of(place[:MEMBER_CELLS])
    return Standing(
        conversation=place[0],
        active=member is not None and member.active,
        head_ordinal=place[HEAD_ORDINAL_CELL] or 0,
        read=ReadMark(member.read_seq, member.read_ordinal) if member is not None else ReadMark(0, 0),
        own_read=own,
        marked=marked,
    )
