"""What stands between two users, as this node's feed has it: rows of `ties` with the events laid over that are not projected yet.

Called by presence, the REST face and whatever sends signals; calls the tables and the timelines. Every read holds `recent` open from before
its first query until its answer is made, so nothing falls between the two; nothing is kept from one question to the next.
"""

from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace

from edge.recent import Recent
from edge.unprojected import check_complete, decoded
from schemas import events
from schemas.ids import direct_conversation_id
from schemas.records import MemberState
from store.rosters import NO_TIE_ROW, RosterTables, TieRow
from store.standing import Standing
from store.ties import Tie, fold_tie
from store.timelines import Timelines
from store.verdicts import Verdict, may

PAGE_EVENTS = 500

Reach = Callable[[Iterable[str]], Awaitable[None]]
Exists = Callable[[str], bool]


class Ties:
    """`reach(conversations)` returns when this node's feed has read all that was in their partitions at the call.

    `exists(conversation)`: whether the node knows, without looking, that it is there.
    """

    def __init__(self, table: RosterTables, timelines: Timelines, recent: Recent, reach: Reach, exists: Exists) -> None:
        self._table, self._timelines, self._recent, self._reach, self._exists = table, timelines, recent, reach, exists

    async def of(self, conversations: Iterable[str]) -> dict[str, Tie]:
        """The ties of these direct conversations, with nothing that was in the log at the call left out; most have none.

        Shape: `refusing` without regard to what was written since in rows; see `may_message`.
        Raises: StoreUnavailable, LogUnavailable; BadRequest("behind"). Blocks: nothing is awaited between the last look at `recent` and
        the return.
        """
        wanted = list(dict.fromkeys(conversations))
        if not wanted:
            return {}
        await self._reach(wanted)
        ticket = self._recent.begin()
        try:
            rows = await self._table.ties(wanted)
            check_complete(self._recent, ticket)
            return {each: self._laid_over(each, rows.get(each, NO_TIE_ROW)) for each in wanted}
        finally:
            self._recent.end(ticket)

    async def may_message(self, user: str, other: str, other_refuses: bool, now_ms: int) -> Verdict:
        """Whether a message of the user to the other would be taken now: the owner's own judgement of the same state.

        Shape: where there is no conversation yet, as if it were created now; `other_refuses`: whether the other refuses strangers.
        Raises: as `of`. Blocks: on the events since the other began to refuse strangers, until one of its messages is found.
        """
        conversation = direct_conversation_id(user, other)
        tie = await self.resolved(conversation)
        if tie is None:
            tie = Tie(refusing=(other,) if other_refuses else ())
        return may(_standing(user, other, tie), user, "send", now_ms)

    async def resolved(self, conversation: str) -> Tie | None:
        """The tie as the owner has it, but for requests that were declined; None where there is no conversation. Raises: as `of`."""
        await self._reach([conversation])
        ticket = self._recent.begin()
        try:
            row = (await self._table.ties([conversation])).get(conversation, NO_TIE_ROW)
            exists = self._exists(conversation) or bool(self._recent.of_conversation(conversation))
            exists = exists or conversation in await self._timelines.heads([conversation])
            wrote = [user for user in row.tie.refusing if await self._wrote_since(conversation, user, row.refusals[user])]
            check_complete(self._recent, ticket)
            refusing = tuple(user for user in row.tie.refusing if user not in wrote)
            return self._laid_over(conversation, row._replace(tie=replace(row.tie, refusing=refusing))) if exists else None
        finally:
            self._recent.end(ticket)

    def _laid_over(self, conversation: str, row: TieRow) -> Tie:
        tie = row.tie
        for event in decoded(self._recent.of_conversation(conversation)):
            if _is_news(row, event):
                tie = fold_tie(tie, event)
        return tie

    async def _wrote_since(self, conversation: str, user: str, seq: int) -> bool:
        """Whether a message of the user is in the rows after the event `seq`, by which it refuses strangers."""
        while seq > 0:
            page = await self._timelines.read_events(conversation, seq + 1, PAGE_EVENTS)
            if any(isinstance(event, events.MessageSent) and event.user == user for event in page):
                return True
            seq = page[-1].seq if len(page) == PAGE_EVENTS else 0
        return False


def _is_news(row: TieRow, event: events.Event) -> bool:
    """Whether the event is after what the row says of its matter: the projector may be ahead of this node's feed."""
    match event:
        case events.UserBlocked() | events.UserUnblocked():
            return event.seq > abs(row.blocks.get(event.user, 0))
        case events.MessageSent():
            return event.seq > abs(row.refusals.get(event.user, 0))
        case events.ConversationCreated():
            return not row.refusals
        case _:
            return event.seq > row.tie.since_seq


def _standing(user: str, other: str, tie: Tie) -> Standing:
    standing = Standing("direct", tie=tie)
    standing.members = {each: MemberState(each, "member", 1, 1, 0) for each in (user, other)}
    return standing
