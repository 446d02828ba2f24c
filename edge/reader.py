"""What devices read: pages of events, history, members. Rows from Cassandra with what is not projected yet laid over.

Every read holds `recent` open from before its first query until its answer is made, so nothing falls between the two. The directory is in
`edge.directory`.
"""

from collections.abc import Awaitable, Callable, Sequence

from edge.directory import overlay
from edge.errors import BadRequest
from edge.merge import PAGE_BYTES_LIMIT, EventsPage, cut_after, item_bytes, leaving_in, page_of
from edge.recent import Recent
from edge.unprojected import check_complete, decoded
from schemas import events
from store.timelines import Timelines
from store.views import Membership, MessageView, fold_membership, fold_message, placed, read_marks

Reach = Callable[[str], Awaitable[None]]


class Reader:
    """`reach(conversation)` returns when this node's feed has read all that was in the conversation's partition at the call."""

    def __init__(self, timelines: Timelines, recent: Recent, reach: Reach) -> None:
        self._timelines, self._recent, self._reach = timelines, recent, reach

    async def is_member(self, user: str, conversation: str) -> bool:
        """Whether the user is a member now, as far as this node's feed has come. Raises: as `Directories.first`."""
        ticket = self._recent.begin()
        try:
            row = await self._timelines.membership(user, conversation)
            check_complete(self._recent, ticket)
            membership, _ = overlay(row, None, decoded(self._recent.of_conversation(conversation)), user)
            return membership is not None and membership.active
        finally:
            self._recent.end(ticket)

    async def members(self, conversation: str, after: str | None, limit: int) -> tuple[list[Membership], str | None]:
        """Members by user id after `after`, at most `limit`; and what to ask next. Raises: as `Directories.first`."""
        ticket = self._recent.begin()
        try:
            rows = await self._timelines.members(conversation, after, limit)
            check_complete(self._recent, ticket)
            following = rows[-1].user if len(rows) == limit else None
            places: dict[str, Membership | None] = {row.user: row for row in rows}
            for event in decoded(self._recent.of_conversation(conversation)):
                for user in {*(who for who, _, _ in placed(event)), *(who for who, _ in read_marks(event))}:
                    if (after is None or user > after) and (following is None or user <= following):
                        places[user] = fold_membership(places.get(user), event, user)
            return [place for _, place in sorted(places.items()) if place is not None and place.active], following
        finally:
            self._recent.end(ticket)

    async def events(self, conversation: str, from_seq: int, limit: int) -> EventsPage:
        """See `edge.merge.page_of`. Raises: as `Directories.first`; BadRequest("seq_ahead") when `from_seq` is beyond the next event.

        The projector writes a chunk's rows in any order and may be ahead of this node's feed, and a device may come from a node that was
        further: a hole, or a position that nothing is known of, counts only after the feed has caught up with the log and a second look.
        """
        ticket = self._recent.begin()
        try:
            page, head_seq = await self._page(conversation, from_seq, limit, ticket)
            if page is None or page.missing:  # what expired has no row, perhaps up to the head
                await self._reach(conversation)
                page, _ = await self._page(conversation, from_seq, limit, ticket, head_seq)
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

    async def _page(
        self, conversation: str, from_seq: int, limit: int, ticket: int, head_seq: int | None = None
    ) -> tuple[EventsPage | None, int]:
        """And the head up to which it names what is missing; no page when even the event before `from_seq` is not known here.

        Shape: `head_seq` None: asked here, where the rows end before the limit. The head of before the feed caught up names nothing
        that is only on its way. Nothing is awaited after the look at `recent`: an event that came meanwhile would be in no page, and
        not be given live either.
        """
        before = max(from_seq - 1, 1)  # with the event before, so that "nothing new" and "never was" can be told apart
        rows = await self._timelines.read_events(conversation, before, limit + 1)
        if head_seq is None:
            head_seq = 0 if len(rows) > limit else await self._head_seq(conversation)
        check_complete(self._recent, ticket)
        recent = decoded(self._recent.of_conversation(conversation))
        known = bool(rows) or from_seq == 1 or before <= max(head_seq, *(event.seq for event in recent), 0)
        page = page_of([row for row in rows if row.seq >= from_seq], recent, from_seq, limit, head_seq=head_seq) if known else None
        return page, head_seq

    async def _head_seq(self, conversation: str) -> int:
        head = (await self._timelines.heads([conversation])).get(conversation)
        return head.head_seq if head is not None else 0

    async def history(self, conversation: str, before_seq: int | None, limit: int) -> tuple[tuple[MessageView, ...], int | None]:
        """The newest `limit` messages below `before_seq`, ascending, as they stand now; and what to ask next."""
        ticket = self._recent.begin()
        try:
            views = {view.seq: view for view in await self._timelines.read_messages(conversation, before_seq, limit)}
            full = len(views) >= limit
            check_complete(self._recent, ticket)
            for event in decoded(self._recent.of_conversation(conversation)):
                lay_over(views, event, before_seq)
            newest = sorted(views.values(), key=lambda view: view.seq)[-limit:]
            newest = newest[len(newest) - _fitting(newest[::-1]) :]
            more = full or len(views) > len(newest)
            return tuple(newest), newest[0].seq if more and newest and newest[0].seq > 1 else None
        finally:
            self._recent.end(ticket)


def sent_away(conversation: str) -> BadRequest:
    return BadRequest("not_member", f"not a member of {conversation!r} any more")


def _fitting(views: Sequence[MessageView]) -> int:
    """How many of the first ones fit into a page; at least one, if there is one."""
    room_bytes = PAGE_BYTES_LIMIT
    for count, view in enumerate(views):
        room_bytes -= item_bytes(view.content)
        if room_bytes < 0 and count:
            return count
    return len(views)


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
