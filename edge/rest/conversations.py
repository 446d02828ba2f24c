"""Create and read conversations over HTTP: the same commands and the same readers as the WebSocket's."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from edge import frames
from edge.clocks import clock_ms
from edge.receipt_pages import Asked
from edge.rest import models
from edge.rest.access import SignedInCaller, member_of
from edge.rest.giving import answer_to, command_id, problem_of
from edge.translate import conversation_of, item_for, message_item

router = APIRouter(prefix="/v1/conversations")


@router.post("", status_code=201)
async def create(body: models.NewConversation, response: Response, caller: SignedInCaller) -> models.Created:
    frame = frames.CreateConversation(
        id=body.command_id or command_id(),
        conversation="",
        conversation_kind=body.conversation_kind,
        title=body.title,
        members=tuple(frames.FrameMember(member.user, member.role) for member in body.members),
        settings=None if body.settings is None else frames.FrameSettings(**body.settings.model_dump()),
    )
    answer = await answer_to(caller.node, caller.user, frame, limited=not caller.grant.bulk)
    if isinstance(answer, frames.Ack):
        return models.Created(conversation=answer.conversation, seq=answer.seq)
    if answer.code == "conversation_exists" and body.conversation_kind == "direct":
        response.status_code = 200
        return models.Created(conversation=conversation_of(frame, caller.user), seq=1)
    raise problem_of(answer)


@router.get("")
async def directory(caller: SignedInCaller, after: Annotated[str | None, Query(max_length=400)] = None) -> dict[str, Any]:
    own = await caller.node.receipts.own_rows(caller.user)
    page = (await caller.node.directories.page(caller.user, after)).page
    entries = caller.node.receipts.laid_over(caller.user, own, page.entries)
    return {"directory": _plain(entries), "next": page.next}


@router.get("/{conversation}/history")
async def history(
    conversation: models.ConversationPath,
    caller: SignedInCaller,
    before_seq: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1)] = 50,
) -> dict[str, Any]:
    await member_of(caller, conversation)
    limit = min(limit, caller.node.settings.history_messages_limit)
    views, before = await caller.node.readable.history(caller.user, conversation, before_seq, limit)
    return {"messages": _plain([message_item(view) for view in views]), "before_seq": before}


@router.get("/{conversation}/events")
async def events(
    conversation: models.ConversationPath,
    caller: SignedInCaller,
    from_seq: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1)] = 200,
) -> dict[str, Any]:
    await member_of(caller, conversation)
    limit = min(limit, caller.node.settings.sync_events_limit)
    page = await caller.node.readable.events(caller.user, lambda: True, conversation, from_seq, limit)
    items = [item_for(caller.user, event) for event in page.events]
    return {"events": _plain(items), "next_seq": page.next_seq, "more": page.more, "missing": list(page.missing)}


@router.get("/{conversation}/members")
async def members(
    conversation: models.ConversationPath,
    caller: SignedInCaller,
    after: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> models.Members:
    await member_of(caller, conversation)
    found, following = await caller.node.reader.members(conversation, after, limit)
    items = [
        models.MemberItem(
            user=shown.place.user,
            role=shown.role,
            joined_seq=shown.place.joined_seq,
            read_seq=shown.place.read_seq,
            read_ordinal=shown.place.read_ordinal,
            nickname=shown.nickname,
            muted_until_ms=shown.muted_until_ms,
        )
        for shown in await caller.node.groups.members(conversation, found, clock_ms())
    ]
    return models.Members(members=items, next=following)


@router.get("/{conversation}/receipts")
async def receipts(
    conversation: models.ConversationPath,
    caller: SignedInCaller,
    seq: Annotated[int, Query(ge=1, le=2**53 - 1)],
    state: Literal["delivered", "read", "played"] = "read",
    has: bool = True,
    after: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(ge=1)] = 100,
) -> models.Receipts:
    """Who has, or has not, got as far as `seq`. A page may be short and not the last: ask on with `next` as `after` until it is null."""
    await member_of(caller, conversation)
    asked = Asked(conversation, seq, state, has, after, min(limit, caller.node.settings.receipts_page_limit))
    entries, following = await caller.node.receipts.page(asked)
    items = [models.ReceiptItem(user=entry.user, up_to_seq=entry.up_to_seq, at_ms=entry.at_ms) for entry in entries]
    return models.Receipts(entries=items, next=following)


def _plain(value: Any) -> Any:
    """Frames as JSON values: the same shapes as over the WebSocket, bytes in base64."""
    return msgspec.to_builtins(value)
