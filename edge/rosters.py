"""Users' rosters on this node: pages of them, and what changes told to the users' sessions. Called by `edge.friends`; calls the tables.

Rule 1: a version is the next offset of the user's partition: everything before it is in what came with it. Rule 2: rows follow the log by
some hundred milliseconds, so what this node's feed has read and the projector has not written is laid over, as with timelines.
Rule 3: a user's frames leave in the order of the log, each with whole entries, so a lost or repeated one harms nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from edge import frames
from edge.hub import Hub
from edge.metrics import POISON
from edge.recent import Recent, Seen
from edge.session import SharedFrame
from edge.unprojected import check_complete
from edge.versions import Version, version_of
from log.port import Record
from schemas.accounts import ApplicationChanged, InvitationChanged, RosterChanged, RosterEvent, RosterNoted
from schemas.codec import decode_roster_event
from schemas.errors import Undecodable, WarblerError
from schemas.ids import direct_conversation_id
from store.roster_rows import JoiningRow, RosterRow, Way, fold_joining, fold_roster
from store.rosters import NO_NOTE, Note, RosterTables

LOG = structlog.get_logger()
ROSTERS = "rosters"
RETRY_S = 1.0
BURST_RECORDS = 200  # told in one go
USERS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class RosterPage:
    """`full`: the whole roster, to be put in place of what the device has; else what changed. `next`: ask with it as `after`."""

    version: str
    full: bool
    entries: tuple[frames.RosterEntry, ...]
    next: str | None


class Rosters:
    """`position(user)`: (partition, next offset) of this node's feed for the user."""

    def __init__(
        self, hub: Hub, table: RosterTables, epoch: str, position: Callable[[str], tuple[int, int]], bytes_limit: int, page_limit: int
    ) -> None:
        self._hub, self._table, self._epoch, self._position, self._page_limit = hub, table, epoch, position, page_limit
        self.recent = Recent(bytes_limit)
        self._untold: asyncio.Queue[Record] = asyncio.Queue()

    # ---- pages

    async def page(self, user: str, since: str, after: str) -> RosterPage:
        """The part of the roster after `after` that changed after the version `since`; all of it where that cannot be told.

        Shape: every page of one walk says the version of the first one: what changes meanwhile is in the next walk, or comes by a frame.
        Raises: StoreUnavailable; BadRequest("behind").
        """
        partition, at = self._position(user)
        asked = version_of(since, self._epoch, partition, at)
        start, began = _place(after, at)
        ticket = self.recent.begin()
        try:
            rows, last = await self._table.rows(user, start, asked or 0, self._page_limit)
            notes = await self._table.notes_between(user, start, last, self._page_limit)
            folded = await self._laid_over(user, rows, start, last, asked or 0)
            check_complete(self.recent, ticket)
        finally:
            self.recent.end(ticket)
        missing = [other for other in folded if other not in notes]  # more notes than rows: of some rows they are beyond the limit
        notes |= await self._table.notes(user, missing) if len(notes) == self._page_limit else {}
        entries = [_entry(user, row, notes.get(other, NO_NOTE)) for other, row in sorted(folded.items())]
        if asked is None:
            entries = [entry for entry in entries if _says_something(entry)]
        return RosterPage(str(Version(self._epoch, partition, began)), asked is None, tuple(entries), last and f"{began}.{last}")

    async def entries(self, user: str, others: Iterable[str]) -> tuple[frames.RosterEntry, ...]:
        """What the user has with these now. Raises: as `page`."""
        wanted = sorted(set(others))
        ticket = self.recent.begin()
        try:
            rows, notes = await asyncio.gather(self._table.some(user, wanted), self._table.notes(user, wanted))
            check_complete(self.recent, ticket)
            rows |= {other: row for other, row in self._changed(user, rows).items() if other in wanted}
        finally:
            self.recent.end(ticket)
        return tuple(_entry(user, rows.get(other, RosterRow(other)), notes.get(other, NO_NOTE)) for other in wanted)

    async def joinings(self, user: str) -> list[JoiningRow]:
        """What the user was invited to or applied to, the newest first. Raises: as `page`."""
        ticket = self.recent.begin()
        try:
            rows: dict[tuple[Way, str], JoiningRow] = {(row.way, row.conversation): row for row in await self._table.joinings_of(user)}
            check_complete(self.recent, ticket)
            for _, event in self._events(user):
                if isinstance(event, InvitationChanged | ApplicationChanged):
                    place: tuple[Way, str] = (_way(event), event.conversation_id)
                    rows[place] = fold_joining(rows.get(place), event)
            return sorted(rows.values(), key=lambda row: -row.at_ms)
        finally:
            self.recent.end(ticket)

    async def _laid_over(self, user: str, read: list[RosterRow], start: str, last: str | None, since: int) -> dict[str, RosterRow]:
        """The rows of a page with what is not projected; what changed of a row that was not asked for, it being older, needs that row."""
        rows: dict[str, RosterRow] = {row.other: row for row in read}
        looked_up = set(rows)
        while unknown := {each for each in self._changed(user, rows) if start < each and (last is None or each <= last)} - looked_up:
            rows |= await self._table.some(user, unknown)
            looked_up |= unknown
        rows |= {other: row for other, row in self._changed(user, rows).items() if other in looked_up}
        return {other: row for other, row in rows.items() if row.version > since}

    def _changed(self, user: str, rows: Mapping[str, RosterRow]) -> dict[str, RosterRow]:
        """The rows that are not projected as they stand, or were not read."""
        changed: dict[str, RosterRow] = {}
        for version, event in self._events(user):
            if isinstance(event, RosterChanged | RosterNoted):
                changed[event.other] = fold_roster(changed.get(event.other, rows.get(event.other)), event, version)
        return changed

    def _events(self, user: str) -> list[tuple[int, RosterEvent]]:
        seen: Iterable[Seen] = self.recent.by_conversation.get(user, ())
        return [(each.offset + 1, decode_roster_event(each.value)) for each in seen]

    # ---- the feed

    def on_records(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                event = decode_roster_event(record.value)
            except Undecodable as exc:  # the projector writes the dead letter
                POISON.labels(record.topic).inc()
                LOG.warning("undecodable record", topic=record.topic, partition=record.partition, offset=record.offset, reason=exc.reason)
                continue
            assert record.value is not None  # it was decoded
            self.recent.add(record.partition, record.offset, event.user, record.value)
            if self._hub.of_user(event.user):
                self._untold.put_nowait(record)

    async def run(self) -> None:
        """For ever: tells sessions what changed in their users' rosters."""
        while True:
            records = [await self._untold.get()]
            while not self._untold.empty() and len(records) < BURST_RECORDS:
                records.append(self._untold.get_nowait())
            by_user: dict[str, list[Record]] = {}
            for record in records:
                by_user.setdefault(decode_roster_event(record.value).user, []).append(record)
            users = list(by_user.items())
            for at in range(0, len(users), USERS_AT_ONCE):
                await asyncio.gather(*(self._tell(*each) for each in users[at : at + USERS_AT_ONCE]))

    async def _tell(self, user: str, records: list[Record]) -> None:
        events = [decode_roster_event(record.value) for record in records]
        others = {event.other for event in events if isinstance(event, RosterChanged | RosterNoted)}
        joinings = any(isinstance(event, InvitationChanged | ApplicationChanged) for event in events)
        version = str(Version(self._epoch, records[-1].partition, records[-1].offset + 1))
        while sessions := [session for session in self._hub.of_user(user) if session.follow]:
            try:
                entries = await self.entries(user, others)
            except WarblerError as exc:
                LOG.warning("a roster's change is not to be had", user=user, error=str(exc))
                await asyncio.sleep(RETRY_S)
                continue
            shared = SharedFrame(frames.Roster(version, entries, joinings))
            for session in sessions:
                session.sink.write_shared(shared)
            return


def _place(after: str, at: int) -> tuple[str, int]:
    """The other that the page begins after, and the version of the walk: of its first page."""
    began, dot, start = after.partition(".")
    return (start, int(began)) if dot and began.isdecimal() and int(began) <= at else ("", at)


def _way(event: InvitationChanged | ApplicationChanged) -> Way:
    return "invitation" if isinstance(event, InvitationChanged) else "application"


def _entry(user: str, row: RosterRow, note: Note) -> frames.RosterEntry:
    return frames.RosterEntry(
        user=row.other,
        conversation=direct_conversation_id(user, row.other),
        relation=row.relation,
        blocked=row.blocked,
        alias=note.alias,
        tags=note.tags,
        text=row.text,
        changed_at_ms=row.changed_at_ms,
    )


def _says_something(entry: frames.RosterEntry) -> bool:
    return entry.relation != "none" or entry.blocked or bool(entry.alias or entry.tags)
