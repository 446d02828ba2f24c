"""Groups over HTTP: what they are, who is in which state towards them, nicknames, announcements, push modes, QR codes.

Commands go the way of `edge.rest.giving`; who may see what is in `edge.groups`.
"""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from edge import frames
from edge.clocks import clock_ms
from edge.groups import MODERATED, Group, parsed_after
from edge.rest import group_models as models
from edge.rest.access import SignedInCaller
from edge.rest.conversations import _plain
from edge.rest.errors import Problem
from edge.rest.giving import command_id as new_command_id
from edge.rest.giving import given
from edge.rest.models import ConversationPath, UserPath
from edge.rest.qr import qr_svg
from edge.translate import message_item
from schemas.values import GroupSettings
from store.facts import Fact, FactKind, NicknameValue
from store.group_rows import Pushing

PAGE_LIMIT, NICKNAMES_LIMIT = 100, 200
KINDS: dict[str, FactKind] = {
    "roles": "role",
    "bans": "ban",
    "mutes": "mute",
    "links": "link",
    "applications": "application",
    "invitations": "invitation",
}
router = APIRouter(prefix="/v1")
After = Annotated[str | None, Query(max_length=400)]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT)]


async def group_of(conversation: ConversationPath, caller: SignedInCaller) -> Group:
    """Raises: Problem 404 unknown_conversation: also where there is one which this caller may not know of."""
    group = await caller.node.groups.group(caller.user, conversation, clock_ms())
    if group is None:
        raise Problem(404, "unknown_conversation", "there is no such conversation")
    return group


SeenGroup = Annotated[Group, Depends(group_of)]


async def own_group(group: SeenGroup) -> Group:
    """Raises: Problem 403 not_member."""
    if group.place is None:
        raise Problem(403, "not_member", "you are not a member of this conversation")
    return group


OwnGroup = Annotated[Group, Depends(own_group)]


@router.get("/conversations/public")
async def public(caller: SignedInCaller, q: Annotated[str, Query(max_length=256)] = "", after: After = None) -> models.PublicGroups:
    """Public groups by the beginnings of the words of their titles; without `q` all of them."""
    page = await caller.node.groups.search(q, parsed_after(after), PAGE_LIMIT)
    found = [
        models.PublicGroup(
            conversation=head.conversation_id,
            conversation_kind="channel" if head.conversation_kind == "channel" else "group",
            title=head.title,
            settings=_settings(settings),
        )
        for head, settings in page.entries
    ]
    return models.PublicGroups(conversations=found, next=page.next)


@router.get("/conversations/{conversation}")
async def group(conversation: ConversationPath, seen: SeenGroup, caller: SignedInCaller) -> models.Group:
    member = seen.standing.members.get(caller.user)
    return models.Group(
        conversation=conversation,
        conversation_kind=seen.head.conversation_kind,
        title=seen.head.title,
        settings=_settings(seen.settings),
        settings_version=seen.settings_version,
        members_count=await caller.node.groups.members_count(conversation),
        role=None if member is None else member.role,
        muted_all_until_ms=seen.muted_all_until_ms,
        dissolved=seen.dissolved,
        permissions=[] if member is None else sorted(seen.standing.rights(member.role).permissions),
    )


def _listing(name: str, kind: FactKind) -> None:
    """One route for each kind of entries, with the same parameters and answers."""

    async def entries(
        conversation: ConversationPath, own: OwnGroup, caller: SignedInCaller, after: After = None, limit: Limit = PAGE_LIMIT
    ) -> models.Entries:
        """Roles are for every member; the others for who may change them."""
        now_ms, needed = clock_ms(), MODERATED.get(kind)
        if needed is not None and not own.may(needed, now_ms):
            raise Problem(403, "not_allowed", f"your role does not have the permission {needed!r}")
        page = await caller.node.groups.facts(conversation, kind, after or "", limit, now_ms)
        return models.Entries(entries=[_entry(fact) for fact in page.entries], next=page.next)

    router.add_api_route(f"/conversations/{{conversation}}/{name}", entries, name=name)


for _name, _kind in KINDS.items():
    _listing(_name, _kind)


@router.get("/conversations/{conversation}/announcements")
async def announcements(
    conversation: ConversationPath,
    own: OwnGroup,
    caller: SignedInCaller,
    before_seq: Annotated[int | None, Query(ge=1, le=2**53 - 1)] = None,
    limit: Limit = 20,
) -> models.Announcements:
    """The newest below `before_seq`, ascending. Who read one: `receipts` with its seq."""
    views, before = await caller.node.groups.announcements(conversation, before_seq, limit, own.floor_seq)
    return models.Announcements(messages=_plain([message_item(view) for view in views]), before_seq=before)


# ---- nicknames


@router.get("/conversations/{conversation}/nicknames")
async def nicknames(
    conversation: ConversationPath, own: OwnGroup, caller: SignedInCaller, users: Annotated[str, Query(min_length=1, max_length=16_384)]
) -> models.Nicknames:
    """Those of the users, separated by commas, who have one."""
    wanted = list(dict.fromkeys(user for user in users.split(",") if user))
    if len(wanted) > NICKNAMES_LIMIT:
        raise Problem(422, "invalid", f"{len(wanted)} users; the limit is {NICKNAMES_LIMIT}")
    found = await caller.node.groups.nicknames(conversation, wanted)
    return models.Nicknames(nicknames=[models.Nickname(user=user, nickname=nickname) for user, nickname in sorted(found.items())])


@router.put("/conversations/{conversation}/nicknames/{user}")
async def set_nickname(
    conversation: ConversationPath, user: UserPath, body: models.NewNickname, own: OwnGroup, caller: SignedInCaller
) -> models.Nickname:
    """The row comes first and expires; it is kept once the event that names it is there. A retry with the same command_id completes it."""
    node, command_id = caller.node, body.command_id or new_command_id()
    rows, nickname_id = node.groups.rows, command_id if body.nickname else ""
    before = (await node.groups.named(conversation, "nickname", [user])).get(user)
    pending_s = node.settings.nickname_pending_s
    if nickname_id and not await rows.add_nickname(conversation, user, nickname_id, body.nickname, pending_s):
        raise Problem(409, "command_id_reused", "the command id was used before for another nickname; choose a new one")
    answer = await given(caller, frames.ChangeNickname(id=command_id, conversation=conversation, member=user, nickname_id=nickname_id))
    if nickname_id:
        await rows.keep_nickname(conversation, user, nickname_id, body.nickname)
    if before is not None and before.changed_seq < answer.seq and isinstance(before.value, NicknameValue):
        await rows.drop_nickname(conversation, user, before.value.nickname_id)
    return models.Nickname(user=user, nickname=body.nickname)


# ---- push modes


async def own_conversation(conversation: ConversationPath, caller: SignedInCaller) -> None:
    """Raises: Problem 403 not_member; 404 unknown_conversation, of a group that this caller may not know of."""
    if not await caller.node.reader.is_member(caller.user, conversation):
        await own_group(await group_of(conversation, caller))


@router.get("/conversations/{conversation}/push-mode", dependencies=[Depends(own_conversation)])
async def push_mode(conversation: ConversationPath, caller: SignedInCaller) -> models.PushMode:
    """What the user wants to be pushed of it, also of a direct conversation."""
    chosen = await caller.node.groups.rows.push_mode(caller.user, conversation, clock_ms())
    return models.PushMode(mode=chosen.mode, until_ms=chosen.until_ms)


@router.put("/conversations/{conversation}/push-mode", dependencies=[Depends(own_conversation)])
async def set_push_mode(conversation: ConversationPath, body: models.PushMode, caller: SignedInCaller) -> models.PushMode:
    """In the log first, then in its row."""
    await caller.node.push.change_mode(caller.user, conversation, Pushing(body.mode, body.until_ms))
    return body


# ---- QR codes


@router.post("/qr", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}})
async def qr(body: models.QrText, caller: SignedInCaller) -> Response:
    """A picture of the text, which is usually a group's link."""
    return Response(qr_svg(body.text), media_type="image/svg+xml")


def _settings(settings: GroupSettings) -> models.SettingsItem:
    return models.SettingsItem(**msgspec.structs.asdict(settings))


def _entry(fact: Fact) -> models.Entry:
    assert fact.value is not None  # it is active
    return models.Entry(key=fact.key, **{key: value for key, value in msgspec.to_builtins(fact.value).items() if key != "type"})
