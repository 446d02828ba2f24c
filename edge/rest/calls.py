"""Ended calls over HTTP: a user's own, and those of a conversation. Rows come a moment after the call's end."""

from typing import Annotated

from fastapi import APIRouter, Query

from edge.rest.access import Caller, SignedInCaller, member_of
from edge.rest.call_models import CallItem, CallParty, CallQuality, Calls
from edge.rest.errors import Problem
from edge.rest.models import ConversationPath
from store.call_rows import PLACE_BYTES_LIMIT, CallRow, CallTable, place_of, place_text

router = APIRouter(prefix="/v1")
PAGE_LIMIT = 200
After = Annotated[str | None, Query(max_length=PLACE_BYTES_LIMIT, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT)]


@router.get("/calls")
async def own_calls(caller: SignedInCaller, after: After = None, limit: Limit = 50) -> Calls:
    """The calls in which this user was, or for which it was rung."""
    rows = await _rows(caller, "calls_by_user", caller.user, after, limit)
    return _page(caller.user, rows, rows, limit)


@router.get("/conversations/{conversation}/calls")
async def calls_of_conversation(conversation: ConversationPath, caller: SignedInCaller, after: After = None, limit: Limit = 50) -> Calls:
    """For members. Where newcomers do not read what was before them, only calls that the user was part of; a page may then be short."""
    await member_of(caller, conversation)
    rows = await _rows(caller, "calls_by_conversation", conversation, after, limit)
    shown = rows
    if await caller.node.readable.floor_seq(caller.user, conversation) > 1:
        shown = [row for row in rows if any(party.user == caller.user for party in row.parties)]
    return _page(caller.user, rows, shown, limit)


async def _rows(caller: Caller, table: CallTable, owner: str, after: str | None, limit: int) -> list[CallRow]:
    try:
        before = None if after is None else place_of(after)
    except ValueError as bad:
        raise Problem(422, "bad_place", str(bad)) from None
    return await caller.node.tables.calls.page(table, owner, before, limit)


def _page(user: str, rows: list[CallRow], shown: list[CallRow], limit: int) -> Calls:
    following = place_text(rows[-1]) if len(rows) == limit else None
    return Calls(calls=[item_of(row, user) for row in shown], next=following)


def item_of(row: CallRow, user: str) -> CallItem:
    """The call as this user may see it: how well others heard it is their own matter."""
    own = next((party.quality for party in row.parties if party.user == user), None)
    quality = None if own is None else CallQuality(**{name: getattr(own, name) for name in own.__struct_fields__})
    parties = [
        CallParty(user=party.user, state=party.state, answered_at_ms=party.answered_at_ms, in_call_ms=party.in_call_ms)
        for party in row.parties
    ]
    return CallItem(
        call=row.call_id,
        conversation=row.conversation_id,
        call_kind=row.call_kind,
        media=row.media,
        caller=row.caller,
        outcome=row.outcome,
        reason=row.reason,
        requested_at_ms=row.requested_at_ms,
        answered_at_ms=row.answered_at_ms,
        connected_at_ms=row.connected_at_ms,
        ended_at_ms=row.ended_at_ms,
        ring_ms=row.ring_ms,
        talk_ms=row.talk_ms,
        parties=parties,
        parties_count=row.parties_count,
        quality=quality,
    )
