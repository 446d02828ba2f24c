"""Reads of the timelines: events by seq, messages as they stand now, heads, memberships, members. Called by the edge.

Only reads: the projector in `streams/timelines/` is the one writer. What is not projected yet is laid over by the edge with `store.views`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import structlog

from schemas import events
from schemas.codec import decode_event
from schemas.errors import Undecodable
from store import cql
from store.buckets import bucket_of, downwards, upwards
from store.cassandra import Row, Store
from store.progress import progress_of
from store.views import Head, Membership, MessageChanges, MessageView, ReadMark, lay_changes, message_of

READ_EVENTS_LIMIT = 5_000  # the driver's page: one request holds that many rows

MEMBER_CELLS = 10  # columns of `cql.MEMBER`; in `cql.PLACES_AND_HEADS` the head's follow

# One request for several conversations costs the driver, and so the edge, a tenth of one request each. Measured for 100 places with
# their heads: 1 a request 15 ms and 15 ms of CPU, 10 - 4.6 and 2.7, 25 - 4.2 and 2.2, 100 - 14 and 1.9: one coordinator waits for all.
ROWS_PER_REQUEST = 20
RECENCIES_PER_REQUEST = 200  # small rows of very many conversations
RECENCIES_IN_FLIGHT = 8  # with all of them at once the driver's threads keep the interpreter from the loop for 15 ms instead of 2
LISTED_PER_REQUEST = 5_000

_log = structlog.get_logger("store.timelines")


class Listed(NamedTuple):
    """A conversation the user is or was in; `changed_seq`: of the event that made it so."""

    conversation: str
    active: bool
    changed_seq: int


class Recency(NamedTuple):
    """What the directory is sorted by, and what a position is compared with."""

    head_seq: int
    active_at_ms: int


class Timelines:
    def __init__(self, store: Store) -> None:
        self._store = store

    # ---- events

    async def read_events(self, conversation: str, from_seq: int, limit: int, head_seq: int | None = None) -> list[events.Event]:
        """Events from `from_seq` on, ascending; fewer than `limit` means the projected head was reached.

        Shape: dense by seq but for damaged records. `head_seq` saves a read where the caller knows it.
        Raises: StoreUnavailable.
        """
        limit = min(limit, READ_EVENTS_LIMIT)
        found: list[events.Event] = []
        while (wanted := limit - len(found)) > 0:
            rows = await self._event_rows(conversation, from_seq, wanted, head_seq)
            found += [event for event in (_event(conversation, value) for _, value in rows) if event is not None]
            if len(rows) < wanted:
                break
            from_seq = rows[-1][0] + 1  # goes on only where a row was damaged: `found` is shorter than what was read
        return found

    async def _event_rows(self, conversation: str, from_seq: int, limit: int, head_seq: int | None) -> list[Row]:
        from_seq = max(from_seq, 1)
        first, following = bucket_of(from_seq), bucket_of(from_seq + limit - 1) + 1  # where the rows are, if none is missing
        found = await self._bucket_rows(conversation, range(first, following), from_seq, limit)
        if len(found) >= limit:
            return found
        last = head_seq if head_seq is not None else await self._head_seq(conversation)
        for wave in upwards(following, bucket_of(last)):
            found += await self._bucket_rows(conversation, wave, from_seq, limit - len(found))
            if len(found) >= limit:
                break
        return found

    async def _bucket_rows(self, conversation: str, buckets: range, from_seq: int, limit: int) -> list[Row]:
        slices = [(conversation, bucket, message, from_seq, limit) for bucket in buckets for message in (True, False)]
        rows: list[Row] = [row for part in await self._store.execute_each(cql.EVENTS_FROM, slices) for row in part]
        rows.sort()
        return rows[:limit]

    async def _head_seq(self, conversation: str) -> int:
        rows = await self._store.execute(cql.HEAD_SEQ, (conversation,))
        return int(rows[0][0] or 0) if rows else 0

    # ---- messages

    async def read_messages(self, conversation: str, before_seq: int | None, limit: int) -> list[MessageView]:
        """The newest `limit` messages with a seq below `before_seq` (None: the newest of all), ascending, as they stand now.

        Shape: fewer than `limit` means the beginning was reached: buckets without messages are walked through.
        Raises: StoreUnavailable.
        """
        limit = min(limit, READ_EVENTS_LIMIT)
        if limit < 1:
            return []
        after_head = await self._head_seq(conversation) + 1
        before_seq = after_head if before_seq is None else min(before_seq, after_head)  # a device may ask from far beyond the head
        found: list[events.MessageSent] = []  # newest first
        for wave in downwards(before_seq):
            slices = [(conversation, bucket, before_seq, limit - len(found)) for bucket in wave]
            for rows in await self._store.execute_each(cql.MESSAGES_BEFORE, slices):
                decoded = (_event(conversation, value) for _, value in rows)
                found += [event for event in decoded if isinstance(event, events.MessageSent)]
            if len(found) >= limit or (found and found[-1].ordinal <= 1):  # the first message of all has ordinal 1
                break
        return await self._views(conversation, found[:limit][::-1])

    async def messages_at(self, conversation: str, seqs: Sequence[int]) -> list[MessageView]:
        """The messages with these seqs, ascending, as they stand now; those that are none are left out. Raises: StoreUnavailable."""
        wanted = sorted(seqs)
        parts = await self._store.execute_each(cql.MESSAGE_AT, [(conversation, bucket_of(seq), seq) for seq in wanted])
        changed = await self._store.execute_each(cql.CHANGES_BETWEEN, [(conversation, bucket_of(seq), seq, seq) for seq in wanted])
        views = []
        for rows, changes in zip(parts, changed, strict=True):
            event = _event(conversation, rows[0][1]) if rows else None
            if isinstance(event, events.MessageSent):
                views.append(lay_changes(message_of(event), changes_of(conversation, changes[0]) if changes else None))
        return views

    async def _views(self, conversation: str, messages: Sequence[events.MessageSent]) -> list[MessageView]:
        if not messages:
            return []
        low, high = messages[0].seq, messages[-1].seq
        buckets = sorted({bucket_of(message.seq) for message in messages})
        parts = await self._store.execute_each(cql.CHANGES_BETWEEN, [(conversation, bucket, low, high) for bucket in buckets])
        changes = {row[0]: changes_of(conversation, row) for rows in parts for row in rows}
        return [lay_changes(message_of(message), changes.get(message.seq)) for message in messages]

    # ---- heads

    async def heads(self, conversations: Iterable[str]) -> dict[str, Head]:
        """The heads of those that are projected. Raises: StoreUnavailable."""
        rows = await self._of_many(cql.HEADS, conversations, ROWS_PER_REQUEST)
        return await self._heads_of({row[0]: row[1:] for row in rows})

    async def recencies(self, conversations: Iterable[str]) -> dict[str, Recency]:
        """Where each of very many conversations stands; those that are not projected are left out. Raises: StoreUnavailable."""
        rows = await self._of_many(cql.RECENCIES, conversations, RECENCIES_PER_REQUEST, in_flight_limit=RECENCIES_IN_FLIGHT)
        return {row[0]: Recency(row[1], row[2] or 0) for row in rows if row[1] is not None}

    async def _of_many(
        self, statement: str, conversations: Iterable[str], per_request: int, *more: Any, in_flight_limit: int | None = None
    ) -> list[Row]:
        """The rows of a statement with `conversation IN ?`, in no order."""
        prepared = await self._store.prepare(statement)
        groups = [(prepared, (group, *more)) for group in _groups(list(dict.fromkeys(conversations)), per_request)]
        return [row for part in await self._store.execute_all(groups, in_flight_limit) for row in part]

    async def _heads_of(self, rows: dict[str, Row]) -> dict[str, Head]:
        found = {conversation: row for conversation, row in rows.items() if row[3] is not None}
        lasts = await self._lasts(found)
        return {conversation: _head(conversation, row, lasts.get(conversation)) for conversation, row in found.items()}

    async def _lasts(self, heads: dict[str, Row]) -> dict[str, MessageView]:
        """Each conversation's newest message; its changes are read only where there was a change after it."""
        lasts: dict[str, MessageView] = {}
        for conversation, row in heads.items():
            event = _event(conversation, row[6]) if row[6] is not None else None
            if isinstance(event, events.MessageSent):
                lasts[conversation] = message_of(event)
        changed = [(each, view) for each, view in lasts.items() if (heads[each][7] or 0) > view.seq]
        keys = [(conversation, bucket_of(view.seq), view.seq, view.seq) for conversation, view in changed]
        parts = await self._store.execute_each(cql.CHANGES_BETWEEN, keys)
        for (conversation, view), rows in zip(changed, parts, strict=True):
            if rows:
                lasts[conversation] = lay_changes(view, changes_of(conversation, rows[0]))
        return lasts

    # ---- members

    async def conversations_of(self, user: str) -> list[Listed]:
        """Every conversation the user is or was in, by conversation id. Raises: StoreUnavailable."""
        found: list[Listed] = []
        after = ""
        while True:
            rows = await self._store.execute(cql.CONVERSATIONS_AFTER, (user, after, LISTED_PER_REQUEST))
            found += [Listed(conversation, bool(active), changed_seq or 0) for conversation, active, changed_seq in rows]
            if len(rows) < LISTED_PER_REQUEST:
                return found
            after = rows[-1][0]

    async def places(self, user: str, conversations: Iterable[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
        """The user's place in each of these conversations, also where it left, and their heads. Raises: StoreUnavailable."""
        rows = await self._of_many(cql.PLACES_AND_HEADS, conversations, ROWS_PER_REQUEST, user)
        places = [place for row in rows if (place := membership_of(row[:MEMBER_CELLS])) is not None]
        heads = await self._heads_of({row[0]: row[MEMBER_CELLS:] for row in rows})
        return {place.conversation_id: place for place in places}, heads

    async def membership(self, user: str, conversation: str) -> Membership | None:
        """The user's place, also one that was left (`active` False). Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.MEMBER, (conversation, user))
        return membership_of(rows[0]) if rows else None

    async def members(self, conversation: str, after_user: str | None, limit: int) -> list[Membership]:
        """The active members after `after_user`, by user id; fewer than `limit` means there are no more. Raises: StoreUnavailable."""
        found: list[Membership] = []
        after = after_user or ""
        while len(found) < limit:
            rows = await self._store.execute(cql.MEMBERS_AFTER, (conversation, after, limit))
            places = [membership_of(row) for row in rows]
            found += [place for place in places if place is not None and place.active]
            if len(rows) < limit:
                break
            after = rows[-1][1]
        return found[:limit]

    async def members_count(self, conversation: str) -> int:
        """How many members there are now. Blocks: while Cassandra reads the places of all. Raises: StoreUnavailable."""
        return int((await self._store.execute(cql.MEMBERS_COUNT, (conversation,)))[0][0])

    async def read_marks(self, conversation: str) -> dict[str, ReadMark]:
        """Up to where each user of the conversation has read (the first 5,000 users). Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.READ_MARKS, (conversation,))
        return {user: ReadMark(seq, ordinal or 0) for user, seq, ordinal in rows if seq is not None}

    # ---- progress

    async def progress(self, topic: str = "conversation-events") -> dict[int, int]:
        """Partition -> the next offset to project; everything before it is in the tables. Raises: StoreUnavailable."""
        return await progress_of(self._store, topic)


def _groups(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _event(conversation: str, value: bytes) -> events.Event | None:
    try:
        return decode_event(value)
    except Undecodable as exc:  # the projector wrote only what it could decode: the row was tampered with; to readers the seq is missing
        _log.error("store.row_undecodable", conversation=conversation, reason=exc.reason)
        return None


def changes_of(conversation: str, row: Row) -> MessageChanges:
    """A row of `message_changes`: seq, edit, recalled, reactions."""
    _, value, recalled, reactions = row
    edit = _event(conversation, value) if value is not None else None
    return MessageChanges(
        edit=edit if isinstance(edit, events.MessageEdited) else None,
        recalled=bool(recalled),
        reactions={} if reactions is None else {tuple(key): there for key, there in reactions.items()},
    )


def _head(conversation: str, row: Sequence[Any], last: MessageView | None) -> Head:
    kind, title, pair, head_seq, head_ordinal, active_at_ms, _, _ = row
    return Head(
        conversation_id=conversation,
        conversation_kind=kind or "group",
        title=title or "",
        pair=tuple(pair or ()),
        head_seq=head_seq,
        head_ordinal=head_ordinal or 0,
        at_ms=active_at_ms or 0,
        last=last,
    )


def membership_of(row: Row) -> Membership | None:
    """A row of `members`; None where only watermarks stand (the joining record was damaged)."""
    conversation, user, kind, title, role, joined_seq, active, changed_seq, read_seq, read_ordinal = row
    if role is None:
        return None
    return Membership(
        user=user,
        conversation_id=conversation,
        conversation_kind=kind or "group",
        title=title or "",
        role=role,
        joined_seq=joined_seq or 0,
        active=bool(active),
        changed_seq=changed_seq or 0,
        read_seq=read_seq or 0,
        read_ordinal=read_ordinal or 0,
    )
