"""What devices read: the directory, pages of events, history. Rows from Cassandra with what is not projected yet laid over.

Every read holds `recent` open from before its first query until its answer is made, so nothing falls between the two.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edge import frames
from edge.errors import BadRequest
from edge.merge import ITEM_BYTES, PAGE_BYTES_LIMIT, EventsPage, cut_after, item_bytes, leaving_in, page_of
from edge.recent import Recent
from edge.translate import device_content
from schemas import events
from schemas.codec import decode_event
from schemas.errors import Undecodable
from store.timelines import Timelines
from store.views import Head, Membership, MessageView, fold_head, fold_membership, fold_message, placed, read_marks

BEHIND_RETRY_MS = 1_000
DECODED_EVENTS_MAX = 2_048  # with events of the largest size some 64 MB


@dataclass(frozen=True, slots=True)
class Directory:
    """Shape: `entries` by last activity, newest first; `conversations` are all of the user's, sorted the same way."""

    entries: tuple[frames.DirectoryEntry, ...]
    conversations: tuple[str, ...]

    def page(self, after: str | None, limit: int) -> tuple[tuple[frames.DirectoryEntry, ...], str | None]:
        """The entries after the conversation `after`, and what to ask next."""
        start = 0
        if after is not None:
            if after not in self.conversations:
                raise BadRequest("invalid", "after must be the `next` of the page before")
            start = self.conversations.index(after) + 1
        page = self.entries[start : start + limit]
        page = page[: _fitting([entry.last for entry in page])]
        more = start + len(page) < len(self.entries)
        return page, page[-1].conversation if more else None


Reach = Callable[[str], Awaitable[None]]


class Reader:
    """`reach(conversation)` returns when this node's feed has read all that was in the conversation's partition at the call."""

    def __init__(self, timelines: Timelines, recent: Recent, reach: Reach) -> None:
        self._timelines, self._recent, self._reach = timelines, recent, reach

    async def directory(self, user: str) -> Directory:
        """All conversations the user is a member of now.

        Raises: StoreUnavailable; BadRequest("behind") when the projector lags more than this node remembers.
        Blocks: on Cassandra; nothing is awaited between the last look at `recent` and the return.
        """
        ticket = self._recent.begin()
        try:
            found, heads = await self._timelines.directory_of(user)
            rows = {row.conversation_id: row for row in found}
            fresh = {event.conversation_id for event in _decoded(self._recent.of_user(user))} - heads.keys()
            heads |= await self._timelines.heads(fresh)
            self._check_complete(ticket)
            memberships: dict[str, Membership] = dict(rows)
            touched = {event.conversation_id for event in _decoded(self._recent.of_user(user))}
            for conversation in {*rows, *touched}:
                recent_events = _decoded(self._recent.of_conversation(conversation))
                membership, head = _overlay(rows.get(conversation), heads.get(conversation), recent_events, user)
                if membership is not None:
                    memberships[conversation] = membership
                if head is not None:
                    heads[conversation] = head
            return _directory(memberships, heads)
        finally:
            self._recent.end(ticket)

    async def is_member(self, user: str, conversation: str) -> bool:
        """Whether the user is a member now, as far as this node's feed has come. Raises: as `directory`."""
        ticket = self._recent.begin()
        try:
            row = await self._timelines.membership(user, conversation)
            self._check_complete(ticket)
            membership, _ = _overlay(row, None, _decoded(self._recent.of_conversation(conversation)), user)
            return membership is not None and membership.active
        finally:
            self._recent.end(ticket)

    async def members(self, conversation: str, after: str | None, limit: int) -> tuple[list[Membership], str | None]:
        """Members by user id after `after`, at most `limit`; and what to ask next. Raises: as `directory`."""
        ticket = self._recent.begin()
        try:
            rows = await self._timelines.members(conversation, after, limit)
            self._check_complete(ticket)
            following = rows[-1].user if len(rows) == limit else None
            places: dict[str, Membership | None] = {row.user: row for row in rows}
            for event in _decoded(self._recent.of_conversation(conversation)):
                for user in {*(who for who, _, _ in placed(event)), *(who for who, _ in read_marks(event))}:
                    if (after is None or user > after) and (following is None or user <= following):
                        places[user] = fold_membership(places.get(user), event, user)
            return [place for _, place in sorted(places.items()) if place is not None and place.active], following
        finally:
            self._recent.end(ticket)

    async def events(self, conversation: str, from_seq: int, limit: int) -> EventsPage:
        """See `edge.merge.page_of`. Raises: as `directory`; BadRequest("seq_ahead") when `from_seq` is beyond the next event.

        The projector writes a chunk's rows in any order and may be ahead of this node's feed, and a device may come from a node that was
        further: a hole, or a position that nothing is known of, counts only after the feed has caught up with the log and a second look.
        """
        ticket = self._recent.begin()
        try:
            page = await self._page(conversation, from_seq, limit, ticket)
            if page is None or page.missing:
                await self._reach(conversation)
                page = await self._page(conversation, from_seq, limit, ticket)
            if page is None:
                raise BadRequest("seq_ahead", f"{conversation} has no event {from_seq - 1} yet: this position is of another log")
            return page
        finally:
            self._recent.end(ticket)

    async def events_for(self, user: str, is_member: Callable[[], bool], conversation: str, from_seq: int, limit: int) -> EventsPage:
        """What of `events` the user may see, who may be sent away while they are read: nothing after that.

        Shape: `is_member` says what this node's feed knows at the moment of the call. The leaving itself is the last that is shown.
        Raises: BadRequest("not_member"), and as `events`.
        """
        page = await self.events(conversation, from_seq, limit)
        left_seq = leaving_in(page.events, user)
        if left_seq is not None and is_member():
            # The tables may be ahead of the feed, and it is the feed that says who is a member; or the user came back later.
            await self._reach(conversation)
            page = await self.events(conversation, from_seq, limit)
            left_seq = leaving_in(page.events, user)
        if is_member():
            return page
        if left_seq is None:
            raise sent_away(conversation)
        return cut_after(page, left_seq)

    async def _page(self, conversation: str, from_seq: int, limit: int, ticket: int) -> EventsPage | None:
        """None when even the event before `from_seq` is not known here."""
        before = max(from_seq - 1, 1)  # with the event before, so that "nothing new" and "never was" can be told apart
        rows = await self._timelines.read_events(conversation, before, limit + 1)
        known = bool(rows) or from_seq == 1 or await self._head_seq(conversation) >= before
        self._check_complete(ticket)
        recent = _decoded(self._recent.of_conversation(conversation))
        if not known and before > max((event.seq for event in recent), default=0):
            return None
        return page_of([row for row in rows if row.seq >= from_seq], recent, from_seq, limit)

    async def _head_seq(self, conversation: str) -> int:
        head = (await self._timelines.heads([conversation])).get(conversation)
        return head.head_seq if head is not None else 0

    async def history(self, conversation: str, before_seq: int | None, limit: int) -> tuple[tuple[MessageView, ...], int | None]:
        """The newest `limit` messages below `before_seq`, ascending, as they stand now; and what to ask next."""
        ticket = self._recent.begin()
        try:
            views = {view.seq: view for view in await self._timelines.read_messages(conversation, before_seq, limit)}
            full = len(views) >= limit
            self._check_complete(ticket)
            for event in _decoded(self._recent.of_conversation(conversation)):
                lay_over(views, event, before_seq)
            newest = sorted(views.values(), key=lambda view: view.seq)[-limit:]
            newest = newest[len(newest) - _fitting(newest[::-1]) :]
            more = full or len(views) > len(newest)
            return tuple(newest), newest[0].seq if more and newest and newest[0].seq > 1 else None
        finally:
            self._recent.end(ticket)

    def _check_complete(self, ticket: int) -> None:
        if not self._recent.sees_everything(ticket):
            raise BadRequest("behind", "the timelines are behind the log by more than this node remembers", BEHIND_RETRY_MS)


def sent_away(conversation: str) -> BadRequest:
    return BadRequest("not_member", f"not a member of {conversation!r} any more")


def _fitting(items: Sequence[MessageView | frames.MessageItem | None]) -> int:
    """How many of the first ones fit into a page; at least one, if there is one."""
    room_bytes = PAGE_BYTES_LIMIT
    for count, item in enumerate(items):
        room_bytes -= _bytes_of(item)
        if room_bytes < 0 and count:
            return count
    return len(items)


def _bytes_of(item: MessageView | frames.MessageItem | None) -> int:
    content = item.content if item is not None else None
    if isinstance(content, frames.DeviceContent):
        return ITEM_BYTES + len(content.text or "") + len(content.body or b"")
    return item_bytes(content)


def lay_over(views: dict[int, MessageView], event: events.Event, before_seq: int | None) -> None:
    """One unprojected event onto the messages of a history page; events about messages outside the page change nothing."""
    match event:
        case events.MessageSent():
            if (before_seq is None or event.seq < before_seq) and event.seq not in views:
                views[event.seq] = fold_message(None, event)
        case events.MessageEdited() | events.MessageRecalled() | events.ReactionAdded() | events.ReactionRemoved():
            view = views.get(event.target_seq)
            if view is not None:
                views[event.target_seq] = fold_message(view, event)
        case _:
            pass


def _decoded(values: Sequence[bytes]) -> list[events.Event]:
    return [event for event in map(_decoded_once, values) if event is not None]


# When a busy group's members come all at once, each of them needs the same few hundred events: decoding those was half of the node's work.
@functools.lru_cache(maxsize=DECODED_EVENTS_MAX)
def _decoded_once(value: bytes) -> events.Event | None:
    try:
        return decode_event(value)
    except Undecodable:  # counted and logged where it came in
        return None


def _overlay(
    membership: Membership | None, head: Head | None, recent_events: list[events.Event], user: str
) -> tuple[Membership | None, Head | None]:
    for event in recent_events:
        head = fold_head(head, event)
        membership = fold_membership(membership, event, user, head)
    return membership, head


def _directory(memberships: dict[str, Membership], heads: dict[str, Head]) -> Directory:
    entries = [
        _entry(membership, heads[conversation])
        for conversation, membership in memberships.items()
        if membership.active and conversation in heads
    ]
    entries.sort(key=lambda entry: (-entry.active_at_ms, entry.conversation))
    return Directory(tuple(entries), tuple(entry.conversation for entry in entries))


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
        last=None if head.last is None else message_item(head.last),
    )


def message_item(view: MessageView) -> frames.MessageItem:
    return frames.MessageItem(
        seq=view.seq,
        ordinal=view.ordinal,
        at_ms=view.at_ms,
        user=view.user,
        id=view.command_id,
        content=None if view.content is None else device_content(view.content),
        reply_to=view.reply_to,
        mentions=view.mentions,
        edited_at_ms=view.edited_at_ms,
        recalled=view.recalled,
        reactions=view.reactions,
    )
