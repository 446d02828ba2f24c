"""A user's conversations by last activity, a page at a time: light rows of all of them to sort by, whole rows only for the page.

Every read holds `recent` open from before its first query until its answer is made, so nothing falls between the two. Called by
`edge.node` and the REST face; calls the timelines.
"""

import asyncio
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from edge import frames
from edge.errors import BadRequest
from edge.recent import Recent
from edge.translate import message_item
from edge.unprojected import check_complete, decoded, decoded_newest
from schemas import events
from store.timelines import Listed, Recency, Timelines
from store.views import Head, Membership, fold_head, fold_membership, is_activity, placed

SLICE = 1_000  # conversations looked at between two turns of the loop, so that other sessions are not held up


@dataclass(frozen=True, slots=True)
class Page:
    """Shape: `entries` by last activity, newest first. `next`: what to ask next; None at the end."""

    entries: tuple[frames.DirectoryEntry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Directory:
    """`order`: all the user's conversations, those with the newest activity first. `head_seqs`: of those that were asked about."""

    page: Page
    order: tuple[str, ...]
    head_seqs: Mapping[str, int] = field(default_factory=dict)

    @property
    def rest(self) -> tuple[str, ...]:
        """The order, as long as there is a page to be cut from it."""
        return self.order if self.page.next is not None else ()


class Directories:
    def __init__(self, timelines: Timelines, recent: Recent, entries_limit: int, bytes_limit: int) -> None:
        self._timelines, self._recent = timelines, recent
        self._entries_limit, self._bytes_limit = entries_limit, bytes_limit

    async def first(self, user: str, asked: Collection[str] = ()) -> Directory:
        """The order of all conversations the user is a member of now, their first page, and the heads of those `asked` about.

        Raises: StoreUnavailable; BadRequest("behind") when the projector lags more than this node remembers.
        Blocks: on Cassandra; nothing is awaited between the last look at `recent` and the return.
        """
        ticket = self._recent.begin()
        try:
            listed = await self._timelines.conversations_of(user)
            members = self._members(user, listed)
            order: list[str] = list(members)
            recencies: Mapping[str, Recency] = {}
            if len(members) > self._entries_limit:
                recencies = await self._timelines.recencies(members)
                order = await self._sorted(members, recencies)
            places, heads = await self._rows(user, order[: self._entries_limit])
            check_complete(self._recent, ticket)
            joined, gone = self._moved_since(user, members)
            entries = self._entries(user, [*joined, *(each for each in order[: self._entries_limit] if each not in gone)], places, heads)
            newest = tuple(entry.conversation for entry in entries)
            rest = tuple(each for each in order[self._entries_limit :] if each not in gone)
            heads_now = {entry.conversation: entry.head_seq for entry in entries}
            head_seqs = self._head_seqs({*asked} & {*newest, *rest}, heads_now, recencies) if asked else {}
            return Directory(self._page(entries, more=bool(rest)), newest + rest, head_seqs)
        finally:
            self._recent.end(ticket)

    async def page(self, user: str, after: str | None, order: tuple[str, ...] = (), members: Collection[str] | None = None) -> Directory:
        """The page after the conversation `after`, cut from the `order` of the page before if the caller has kept it.

        Shape: without those that are not among `members` any more; conversations joined since the order was made are not in it.
        Raises: as `first`; BadRequest("invalid") when the order does not hold `after`.
        """
        if after is None:
            return await self.first(user)
        order = order or (await self.first(user)).order
        return Directory(await self._after(user, order, members, after), order)

    async def _after(self, user: str, order: tuple[str, ...], members: Collection[str] | None, after: str) -> Page:
        try:
            start = order.index(after) + 1
        except ValueError:
            raise BadRequest("invalid", "after must be the `next` of the page before") from None
        rest = (each for each in itertools.islice(order, start, None) if members is None or each in members)
        *wanted, beyond = [*itertools.islice(rest, self._entries_limit), next(rest, None)]
        ticket = self._recent.begin()
        try:
            places, heads = await self._rows(user, wanted)
            check_complete(self._recent, ticket)
            return self._page(self._entries(user, wanted, places, heads, keep_order=True), more=beyond is not None)
        finally:
            self._recent.end(ticket)

    async def _rows(self, user: str, wanted: Sequence[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
        places, heads = await self._timelines.places(user, wanted)
        unplaced = [each for each in wanted if each not in heads]  # joined so lately that the user's own row is not there yet
        return places, heads | await self._timelines.heads(unplaced) if unplaced else heads

    # ---- whose conversations

    def _members(self, user: str, listed: Iterable[Listed]) -> dict[str, int]:
        """The conversations the user is in now -> the seq that made it so."""
        places = {each.conversation: each for each in listed}
        for event in decoded(self._recent.of_user(user)):
            before = places.get(event.conversation_id)
            if before is not None and event.seq <= before.changed_seq:
                continue
            for who, _, active in placed(event):
                if who == user:
                    places[event.conversation_id] = Listed(event.conversation_id, active, event.seq)
        return {each.conversation: each.changed_seq for each in places.values() if each.active}

    def _moved_since(self, user: str, members: Mapping[str, int]) -> tuple[list[str], set[str]]:
        """Who joined and who left between the first look at `recent` and now."""
        now: dict[str, bool] = {}
        for event in decoded(self._recent.of_user(user)):
            for who, _, active in placed(event):
                if who == user and event.seq > members.get(event.conversation_id, 0):
                    now[event.conversation_id] = active
        joined = [each for each, active in now.items() if active and each not in members]
        return joined, {each for each, active in now.items() if not active}

    # ---- in which order

    async def _sorted(self, members: Collection[str], recencies: Mapping[str, Recency]) -> list[str]:
        keys: list[tuple[int, str]] = []
        for number, conversation in enumerate(members):
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            recency = recencies.get(conversation)
            at_ms = recency.active_at_ms if recency is not None else 0
            if conversation in self._recent.by_conversation:
                newest = decoded_newest(self._recent.of_conversation(conversation), is_activity)
                at_ms = max(at_ms, newest.at_ms if newest is not None else 0)
            keys.append((-at_ms, conversation))
        keys.sort()
        return [conversation for _, conversation in keys]

    def _head_seqs(self, wanted: Collection[str], known: Mapping[str, int], recencies: Mapping[str, Recency]) -> dict[str, int]:
        return {each: known[each] if each in known else self._head_seq(each, recencies.get(each)) for each in wanted}

    def _head_seq(self, conversation: str, recency: Recency | None) -> int:
        newest = decoded_newest(self._recent.of_conversation(conversation))
        return max(recency.head_seq if recency is not None else 0, newest.seq if newest is not None else 0)

    # ---- what a page says

    def _entries(
        self, user: str, wanted: Iterable[str], places: Mapping[str, Membership], heads: Mapping[str, Head], keep_order: bool = False
    ) -> list[frames.DirectoryEntry]:
        """Those of the wanted that the user is in, with what is not projected yet laid over the rows."""
        entries = []
        for conversation in wanted:
            place, head = overlay(places.get(conversation), heads.get(conversation), self._of_conversation(conversation), user)
            if place is not None and place.active and head is not None:
                entries.append(_entry(place, head))
        if not keep_order:
            entries.sort(key=lambda entry: (-entry.active_at_ms, entry.conversation))
        return entries

    def _of_conversation(self, conversation: str) -> list[events.Event]:
        return decoded(self._recent.of_conversation(conversation))

    def _page(self, entries: list[frames.DirectoryEntry], more: bool) -> Page:
        """As many of the entries as fit, at least one; `more`: the order goes on after them."""
        page: list[frames.DirectoryEntry] = []
        room_bytes = self._bytes_limit
        for entry in entries[: self._entries_limit]:
            size_bytes = len(frames.encode_json(entry))
            if size_bytes > self._bytes_limit:  # of a message that thousands reacted to; it stands in the history
                entry = msgspec.structs.replace(entry, last=None)
                size_bytes = len(frames.encode_json(entry))
            room_bytes -= size_bytes + len(",")
            if room_bytes < 0 and page:
                break
            page.append(entry)
        return Page(tuple(page), page[-1].conversation if page and (more or len(page) < len(entries)) else None)


def overlay(
    membership: Membership | None, head: Head | None, recent_events: list[events.Event], user: str
) -> tuple[Membership | None, Head | None]:
    for event in recent_events:
        head = fold_head(head, event)
        membership = fold_membership(membership, event, user, head)
    return membership, head


def _entry(membership: Membership, head: Head) -> frames.DirectoryEntry:
    return frames.DirectoryEntry(
        conversation=membership.conversation_id,
        conversation_kind=membership.conversation_kind,
        title=membership.title,
        role=membership.role,
        head_seq=head.head_seq,
        head_ordinal=head.head_ordinal,
        active_at_ms=head.at_ms,
        read_seq=membership.read_seq,
        peer=next((user for user in head.pair if user != membership.user), None),
        unread=max(0, head.head_ordinal - membership.read_ordinal),
        # one from before the user joined is not shown here: whether it may be read is looked up when it is asked for (`edge.readable`)
        last=None if head.last is None or head.last.seq < membership.joined_seq else message_item(head.last),
    )
