"""Who got how far in a conversation: a page of members, and everything for a tally. Rows of Cassandra with unprojected events laid over.

Receipts that the projector has not written yet are waited for, a moment and no longer. Called by `edge.requests`, `edge.rest` and
`edge.counting`; calls the receipts' tables.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from edge import frames
from edge.counts import STATES, ShownState, Tally, put_event, put_places
from edge.errors import BadRequest
from edge.recent import Recent
from edge.unprojected import check_complete, decoded
from schemas import events
from store.receipts import ReceiptRow, ReceiptTables
from store.views import Membership, fold_membership, placed, read_marks

LOAD_ROWS = 2_000
DEVICE_ROWS_LIMIT = 5_000  # what one request to Cassandra answers
# which marks count as a state: who read or played a message also has it
COUNTS_AS: Mapping[ShownState, tuple[ShownState, ...]] = {"delivered": STATES, "read": ("read",), "played": ("played",)}

# returns when the receipts that this node's feed has seen of the conversation are in the tables, or at the latest after a moment
Settled = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who `has`, or has not, got as far as `seq`; `after`: the user where the page before ended."""

    conversation: str
    seq: int
    state: ShownState
    has: bool
    after: str | None
    limit: int


class ReceiptPages:
    def __init__(self, tables: ReceiptTables, recent: Recent, settled: Settled, scan_limit: int) -> None:
        self._tables, self._recent, self._settled, self._scan_limit = tables, recent, settled, scan_limit

    async def page(self, asked: Asked) -> tuple[tuple[frames.ReceiptEntry, ...], str | None]:
        """Members by user id, and what to ask next; at most `scan_limit` members are looked at, so a page may be short and not the last.

        Raises: StoreUnavailable; BadRequest("behind") when the projector lags more than this node remembers.
        """
        ticket = self._recent.begin()
        try:
            await self._settled(asked.conversation)
            found = await self._tables.places(asked.conversation, asked.after or "", self._scan_limit)
            last = found.last
            marks: list[ReceiptRow] = []
            for state in COUNTS_AS[asked.state]:
                rows, last = await self._tables.devices(asked.conversation, state, asked.after or "", last, DEVICE_ROWS_LIMIT)
                marks += rows
            check_complete(self._recent, ticket)
            places = laid_over(found.places, decoded(self._recent.of_conversation(asked.conversation)), asked.after, last)
            return page_of(asked, places, marks, last)
        finally:
            self._recent.end(ticket)

    async def load(self, conversation: str, tally: Tally, members_limit: int) -> None:
        """Fill the tally with all members and their marks.

        Raises: as `page`; BadRequest("too_many") for more members than `members_limit`.
        """
        ticket = self._recent.begin()
        try:
            await self._settled(conversation)
            after: str | None = ""
            while after is not None:
                found = await self._tables.places(conversation, after, LOAD_ROWS)
                put_places(tally, found.places)
                if len(tally.members) > members_limit:
                    raise BadRequest("too_many", "this node counts the receipts of as many members as it may", 5_000)
                after = found.last
            for state in STATES:
                await self._load_marks(conversation, state, tally)
            check_complete(self._recent, ticket)
            for event in decoded(self._recent.of_conversation(conversation)):
                put_event(tally, event)
        finally:
            self._recent.end(ticket)

    async def _load_marks(self, conversation: str, state: ShownState, tally: Tally) -> None:
        after: str | None = ""
        while after is not None:
            rows, last = await self._tables.devices(conversation, state, after, None, DEVICE_ROWS_LIMIT)
            for row in rows:
                if not row.hidden:
                    tally.mark(row.user, state, row.up_to_seq)
            after = last


def laid_over(places: Iterable[Membership], recent: list[events.Event], after: str | None, last: str | None) -> dict[str, Membership]:
    """The active members between `after` and `last`, by user id."""
    found: dict[str, Membership | None] = {place.user: place for place in places if last is None or place.user <= last}
    for event in recent:
        for user in {*(who for who, _, _ in placed(event)), *(who for who, _ in read_marks(event))}:
            if (after is None or user > after) and (last is None or user <= last):
                found[user] = fold_membership(found.get(user), event, user)
    return {user: place for user, place in sorted(found.items()) if place is not None and place.active}


def page_of(
    asked: Asked, places: Mapping[str, Membership], marks: Iterable[ReceiptRow], last: str | None
) -> tuple[tuple[frames.ReceiptEntry, ...], str | None]:
    """The first `limit` of the places that has (or has not); a user's mark is the furthest of its devices' that are not hidden."""
    furthest: dict[str, tuple[int, int]] = {}  # user -> (seq, at_ms)
    for row in marks:
        if not row.hidden:
            furthest[row.user] = max(furthest.get(row.user, (0, 0)), (row.up_to_seq, row.at_ms))
    entries: list[frames.ReceiptEntry] = []
    for user, place in places.items():
        seq, at_ms = furthest.get(user, (0, 0))
        if asked.state != "played" and place.read_seq > seq:  # by an event: reading, sending, joining
            seq, at_ms = place.read_seq, 0
        if (seq >= asked.seq) is not asked.has:
            continue
        if len(entries) == asked.limit:
            return tuple(entries), entries[-1].user
        entries.append(frames.ReceiptEntry(user, seq, at_ms))
    return tuple(entries), last
