"""What administrators did, who could do what, and any conversation: read, and acted in for a member."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, WithJsonSchema

from edge import frames
from edge.clocks import clock_ms
from edge.people.admin_pages import BadPlace, page_of, read_places
from edge.people.could import TooLong, explained
from edge.rest import group_models, models
from edge.rest.admin.acting import Act, Admin, Administrator
from edge.rest.command_schema import COMMAND_SCHEMA
from edge.rest.commands import committed, frame_of
from edge.rest.conversations import _plain
from edge.rest.errors import Problem
from edge.rest.giving import answer_to, problem_of
from store.errors import TimelineGap
from store.verdicts import Action

router = APIRouter(prefix="/v1/admin")
EVENTS_PAGE_LIMIT = 200
MEMBERS_PAGE_LIMIT = 200


class AdminEvents(BaseModel):
    """The newest first. `after` of the next page is `next`; null: there are no older ones."""

    events: list[dict[str, Any]]
    next: str | None


class Decision(BaseModel):
    """`by_seq`: the event that the answer rests on (0: there was none); `at_seq`: the last one that was there at the time."""

    allowed: bool
    code: str
    detail: str
    by_seq: int
    at_seq: int
    since_ms: int
    by_time: bool


class MemberOf(BaseModel):
    user: str
    role: str
    joined_seq: int
    read_seq: int


class ConversationFacts(BaseModel):
    conversation: str
    conversation_kind: Literal["direct", "group", "channel"]
    title: str
    users: list[str] = Field(description="The two of a direct conversation")
    head_seq: int
    head_ordinal: int
    active_at_ms: int
    settings: group_models.SettingsItem
    settings_version: int
    muted_all_until_ms: int
    dissolved: bool
    members_count: int
    members: list[MemberOf]
    next: str | None


class ActingCommand(BaseModel):
    as_user: str = Field(min_length=1, max_length=128, description="The member who acts, as far as the conversation is concerned")
    command: Annotated[dict[str, Any], WithJsonSchema(COMMAND_SCHEMA)] = Field(description="A command as the member's device would send it")


@router.get("/events")
async def admin_events(
    admin: Admin,
    after: Annotated[str, Query(max_length=2_000)] = "",
    limit: Annotated[int, Query(ge=1, le=EVENTS_PAGE_LIMIT)] = 50,
) -> AdminEvents:
    """What administrators did, from the log. Of a change there are two with one `event_id`: `begun`, and how it ended."""

    async def work() -> AdminEvents:
        try:
            found, following = await page_of(admin.node.log, read_places(after), limit)
        except BadPlace as bad:
            raise Problem(422, "invalid", str(bad)) from None
        return AdminEvents(events=[msgspec.to_builtins(event) for event in found], next=following)

    return await admin.perform(Act("events.list", "events.read"), work)


@router.get("/decisions")
async def decision(
    admin: Admin,
    user: Annotated[str, Query(min_length=1, max_length=128)],
    action: Action,
    conversation: Annotated[str, Query(min_length=1, max_length=128)],
    at_ms: Annotated[int | None, Query(ge=0, lt=2**53, description="When; now without it")] = None,
) -> Decision:
    """Could the user do this there and then, and by which event: folded from the events by the function that decided then."""

    async def work() -> Decision:
        try:
            found = await explained(admin.node.reader, user, action, conversation, clock_ms() if at_ms is None else at_ms)
        except TooLong as too_long:
            raise Problem(422, "too_long", str(too_long)) from None
        except TimelineGap as gap:
            raise Problem(409, "timeline_gap", str(gap)) from None
        verdict = found.verdict
        return Decision(
            allowed=verdict.allowed,
            code=verdict.code or "",
            detail=verdict.detail,
            by_seq=found.by_seq,
            at_seq=found.at_seq,
            since_ms=found.since_ms,
            by_time=found.by_time,
        )

    return await admin.perform(Act("decisions.ask", "decisions.read", "conversation", conversation, {"user": user[:128]}), work)


@router.get("/conversations/{conversation}")
async def conversation_facts(
    conversation: models.ConversationPath,
    admin: Admin,
    after: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(ge=1, le=MEMBERS_PAGE_LIMIT)] = 100,
) -> ConversationFacts:
    """What it is and a page of its members. Its messages are its members' and are not told here."""

    async def work() -> ConversationFacts:
        return await _facts(admin, conversation, after, limit)

    return await admin.perform(Act("conversations.get", "conversations.read", "conversation", conversation), work)


async def _facts(admin: Administrator, conversation: str, after: str | None, limit: int) -> ConversationFacts:
    groups = admin.node.groups
    group = await groups.group("", conversation, clock_ms(), unseen=True)
    if group is None:
        raise Problem(404, "unknown_conversation", "there is no such conversation")
    places, following = await admin.node.reader.members(conversation, after, limit)
    roles = await groups.roles_now(conversation, places)
    head = group.head
    return ConversationFacts(
        conversation=conversation,
        conversation_kind=head.conversation_kind,
        title=head.title,
        users=list(head.pair),
        head_seq=head.head_seq,
        head_ordinal=head.head_ordinal,
        active_at_ms=head.at_ms,
        settings=group_models.SettingsItem(**_plain(group.settings)),
        settings_version=group.settings_version,
        muted_all_until_ms=group.muted_all_until_ms,
        dissolved=group.dissolved,
        members_count=await groups.members_count(conversation),
        members=[MemberOf(user=m.user, role=roles[m.user], joined_seq=m.joined_seq, read_seq=m.read_seq) for m in places],
        next=following,
    )


@router.post("/conversations/{conversation}/commands")
async def act(conversation: models.ConversationPath, body: ActingCommand, admin: Admin) -> models.Committed:
    """A command in the name of a member: the conversation's owner judges it as that member's, and the log says here who it was."""
    try:
        frame = frame_of(body.command, conversation=conversation)
    except Problem:
        await admin.tell_invalid("conversations.act")
        raise

    async def work() -> models.Committed:
        answer = await answer_to(admin.node, body.as_user, frame, limited=False)
        if isinstance(answer, frames.Reject):
            raise problem_of(answer)
        return committed(answer)

    detail = {"as_user": body.as_user[:128], "command": str(type(frame).__struct_config__.tag), "command_id": frame.id}
    told = Act("conversations.act", "conversations.manage", "conversation", conversation, detail, changes=True)
    return await admin.perform(told, work, lambda: admin.on_user(body.as_user))
