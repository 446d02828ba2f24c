"""The caller's roster, what it notes in it, what it was invited to, and whom it may write to. What changes a roster are commands."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from edge.rest.access import SignedInCaller
from edge.rest.errors import Problem
from schemas.values import Relation, RequestsTaken
from store.rosters import Note

router = APIRouter(prefix="/v1")

TAGS_LIMIT = 20
UserId = Annotated[str, Path(min_length=1, max_length=128)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=32)]


class RosterItem(BaseModel):
    user: str
    conversation: str = Field(description="Their direct conversation")
    relation: Relation = Field(description="requested: by the caller; asked: by the other")
    blocked: bool = Field(description="Whether the caller blocks the other")
    alias: str
    tags: list[str]
    text: str = Field(description="Of the newest request or answer")
    changed_at_ms: int


class RosterPage(BaseModel):
    version: str = Field(description="Keep it, and ask with it as `since` the next time")
    full: bool = Field(description="Whether this is the whole roster, to be put in place of what was there, or only what changed")
    entries: list[RosterItem]
    next: str | None = Field(description="Ask with it as `after`, and the same `since`, until it is null")


class RosterNote(BaseModel):
    alias: str = Field(default="", max_length=64)
    tags: list[Tag] = Field(default_factory=list, max_length=TAGS_LIMIT)


class Joining(BaseModel):
    conversation: str
    title: str
    by: str = Field(description="Who did the last step")
    state: Literal["invited", "applied", "joined", "declined", "withdrawn"]
    reason: str
    at_ms: int


class Joinings(BaseModel):
    invitations: list[Joining]
    applications: list[Joining]


class MayMessage(BaseModel):
    allowed: bool
    code: str | None = Field(description="What a message would be refused with")


class FriendQuestion(BaseModel):
    question: str | None
    requests: RequestsTaken


@router.get("/me/roster", response_model=RosterPage)
async def roster(
    caller: SignedInCaller,
    since: Annotated[str, Query(max_length=256)] = "",
    after: Annotated[str, Query(max_length=256)] = "",
) -> Response:
    """What changed after the version `since`; all of it without one, or where that version is of another log."""
    page = await caller.node.friends.page(caller.user, since, after)
    return Response(msgspec.json.encode(page), media_type="application/json")  # a thousand entries: pydantic would take tens of ms


@router.put("/me/roster/{user}", status_code=204)
async def note(user: UserId, body: RosterNote, caller: SignedInCaller) -> None:
    """What the caller calls the other, for itself; its devices are told by a `roster` frame."""
    if user == caller.user:
        raise Problem(422, "invalid", "nobody is in its own roster")
    await caller.node.friends.note(caller.user, user, Note(body.alias, tuple(dict.fromkeys(body.tags))))


@router.get("/me/invitations")
async def invitations(caller: SignedInCaller) -> Joinings:
    """Invitations into conversations and applications to them, also those that are over, the newest first."""
    rows, titles = await caller.node.friends.joinings(caller.user)
    items: dict[str, list[Joining]] = {"invitation": [], "application": []}
    for row in rows:
        fields = {"conversation": row.conversation, "title": titles.get(row.conversation, ""), "by": row.by, "state": row.state}
        items[row.way].append(Joining.model_validate({**fields, "reason": row.reason, "at_ms": row.at_ms}))
    return Joinings(invitations=items["invitation"], applications=items["application"])


@router.get("/users/{user}/may-message")
async def may_message(user: UserId, caller: SignedInCaller) -> MayMessage:
    """Whether a message to the user would be taken now: blocks, and who takes messages from friends only."""
    if user == caller.user:
        return MayMessage(allowed=False, code="invalid")
    verdict = await caller.node.friends.may_message(caller.user, user)
    return MayMessage(allowed=verdict.allowed, code=verdict.code)


@router.get("/users/{user}/friend-question")
async def friend_question(user: UserId, caller: SignedInCaller) -> FriendQuestion:
    """From whom the user takes friend requests, and what it asks of who makes one."""
    privacy = await caller.node.privacies.of_user(user)
    question = privacy.friend_question if privacy.friend_requests == "question" else None
    return FriendQuestion(question=question, requests=privacy.friend_requests)
