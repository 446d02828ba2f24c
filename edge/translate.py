"""Frames to commands and events to frames: pure, no decision beyond what a frame can show by itself.

Called by `edge.session` (commands) and `edge.delivery` (events).
"""

import hashlib
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from edge import frames
from edge.errors import BadCommand, BadRequest, detail_of
from edge.frame_base import CommandFrame
from edge.settings import EdgeSettings
from schemas import commands, events
from schemas.errors import WarblerError
from schemas.ids import direct_conversation_id
from schemas.values import Content, GroupSettings, Member
from store.views import MessageView

MEDIA_TYPE_BYTES_LIMIT = 255
UNAVAILABLE_RETRY_MS = 1_000
FRIEND_FRAMES = (frames.RequestFriend, frames.AnswerFriendRequest, frames.RemoveFriend, frames.BlockUser, frames.UnblockUser)


def content_of(device_content: frames.DeviceContent) -> Content:
    """Raises: BadCommand unless there is exactly one of text and body, and the media type is plausible."""
    if (device_content.text is None) == (device_content.body is None):
        raise BadCommand("invalid", "content needs exactly one of text and body")
    if not 3 <= len(device_content.media_type) <= MEDIA_TYPE_BYTES_LIMIT or "/" not in device_content.media_type:
        raise BadCommand("invalid", "media_type must look like type/subtype")
    if device_content.text is not None:
        return Content(device_content.media_type, device_content.text.encode(), device_content.key_id)
    assert device_content.body is not None
    return Content(device_content.media_type, device_content.body, device_content.key_id)


def device_content(content: Content) -> frames.DeviceContent:
    if content.key_id is None and content.media_type.startswith("text/"):
        # the owner refuses text that is not UTF-8; "replace" only guards against a foreign producer
        return frames.DeviceContent(content.media_type, text=content.body.decode("utf-8", "replace"))
    return frames.DeviceContent(content.media_type, body=content.body, key_id=content.key_id)


def conversation_of(frame: CommandFrame, user: str) -> str:
    """The frame's conversation, or for one that may leave it out the id that follows from the command: a retry gets the same.

    Raises: BadCommand for a friend's command in a conversation that is not the direct one of the two.
    """
    if isinstance(frame, FRIEND_FRAMES):
        direct = direct_conversation_id(user, frame.member)
        if frame.conversation not in ("", direct):
            raise BadCommand("invalid", "conversation is not the direct one with this member")
        return direct
    if frame.conversation:
        return frame.conversation
    if not isinstance(frame, frames.CreateConversation):
        return frame.conversation
    if frame.conversation_kind == "direct":
        others = [member.user for member in frame.members if member.user != user]
        if len(others) != 1:
            raise BadCommand("invalid", "a direct conversation needs exactly one other member")
        return direct_conversation_id(user, others[0])
    return "g-" + frame.id.replace("-", "")


def command_of(frame: CommandFrame, base: dict[str, Any]) -> commands.Command:
    """The command of a frame. `base` holds the fields of CommandBase.

    Raises: BadCommand for content that contradicts itself.
    """
    return _COMMANDS[type(frame)](frame, base)


_COMMANDS: dict[type[CommandFrame], Callable[[Any, dict[str, Any]], commands.Command]] = {
    frames.SendMessage: lambda f, b: commands.SendMessage(
        content=content_of(f.content),
        reply_to=f.reply_to,
        mentions=f.mentions,
        qos=None if f.qos == "ephemeral" else f.qos,
        announcement=f.announcement,
        **b,
    ),
    frames.EditMessage: lambda f, b: commands.EditMessage(target_seq=f.target_seq, content=content_of(f.content), mentions=f.mentions, **b),
    frames.CreateConversation: lambda f, b: commands.CreateConversation(
        conversation_kind=f.conversation_kind,
        title=f.title,
        members=tuple(Member(member.user, member.role) for member in f.members),
        settings=None if f.settings is None else settings_of(f.settings),
        **b,
    ),
    frames.AddMember: lambda f, b: commands.AddMember(member=f.member, role=f.role, **b),
    frames.LeaveConversation: lambda _, b: commands.LeaveConversation(**b),
    frames.RemoveMember: lambda f, b: commands.RemoveMember(member=f.member, **b),
    frames.ChangeRole: lambda f, b: commands.ChangeRole(member=f.member, role=f.role, **b),
    frames.RenameConversation: lambda f, b: commands.RenameConversation(title=f.title, **b),
    frames.RecallMessage: lambda f, b: commands.RecallMessage(target_seq=f.target_seq, **b),
    frames.AddReaction: lambda f, b: commands.AddReaction(target_seq=f.target_seq, reaction=f.reaction, **b),
    frames.RemoveReaction: lambda f, b: commands.RemoveReaction(target_seq=f.target_seq, reaction=f.reaction, **b),
    frames.MarkRead: lambda f, b: commands.MarkRead(up_to_seq=f.up_to_seq, up_to_ordinal=f.up_to_ordinal, **b),
    frames.ChangeSettings: lambda f, b: commands.ChangeSettings(settings=settings_of(f.settings), expected_version=f.expected_version, **b),
    frames.InviteMember: lambda f, b: commands.InviteMember(member=f.member, role=f.role, **b),
    frames.AnswerInvitation: lambda f, b: commands.AnswerInvitation(accept=f.accept, **b),
    frames.ApplyToJoin: lambda f, b: commands.ApplyToJoin(text=f.text, **b),
    frames.AnswerApplication: lambda f, b: commands.AnswerApplication(member=f.member, accept=f.accept, reason=f.reason, **b),
    frames.CreateLink: lambda f, b: commands.CreateLink(
        link_id=link_of(f.id),
        secret_hash=secret_hash(f.secret),
        expires_at_ms=f.expires_at_ms,
        uses_limit=f.uses_limit,
        approval=f.approval,
        **b,
    ),
    frames.RevokeLink: lambda f, b: commands.RevokeLink(link_id=f.link_id, **b),
    frames.JoinByLink: lambda f, b: commands.JoinByLink(link_id=f.link_id, secret_hash=secret_hash(f.secret), text=f.text, **b),
    frames.BanMember: lambda f, b: commands.BanMember(member=f.member, until_ms=f.until_ms, reason=f.reason, **b),
    frames.UnbanMember: lambda f, b: commands.UnbanMember(member=f.member, **b),
    frames.MuteMember: lambda f, b: commands.MuteMember(member=f.member, until_ms=f.until_ms, **b),
    frames.MuteAll: lambda f, b: commands.MuteAll(until_ms=f.until_ms, **b),
    frames.DefineRole: lambda f, b: commands.DefineRole(role=f.role, level=f.level, permissions=f.permissions, **b),
    frames.DropRole: lambda f, b: commands.DropRole(role=f.role, **b),
    frames.ChangeNickname: lambda f, b: commands.ChangeNickname(member=f.member, nickname_id=f.nickname_id, **b),
    frames.DissolveConversation: lambda _, b: commands.DissolveConversation(**b),
    frames.RequestFriend: lambda f, b: commands.RequestFriend(member=f.member, text=f.text, **b),
    frames.AnswerFriendRequest: lambda f, b: commands.AnswerFriendRequest(member=f.member, accept=f.accept, text=f.text, **b),
    frames.RemoveFriend: lambda f, b: commands.RemoveFriend(member=f.member, **b),
    frames.BlockUser: lambda f, b: commands.BlockUser(member=f.member, **b),
    frames.UnblockUser: lambda f, b: commands.UnblockUser(member=f.member, **b),
}


def settings_of(settings: frames.FrameSettings) -> GroupSettings:
    return GroupSettings(**msgspec.structs.asdict(settings))


def frame_settings(settings: GroupSettings) -> frames.FrameSettings:
    return frames.FrameSettings(**msgspec.structs.asdict(settings))


def link_of(command_id: str) -> str:
    """The id of the link that this command makes."""
    return "k-" + command_id.replace("-", "")


def secret_hash(secret: str) -> str:
    """How a link's secret stands in the log: it has more than 128 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode()).hexdigest()


def item_of(event: events.Event) -> frames.EventItem:
    """One event as the actor's devices see it; for others see `item_for`."""
    return frames.EventItem(
        kind=event.__struct_config__.tag,  # type: ignore[arg-type]  # the tags are the kinds; a test holds them equal
        seq=event.seq,
        ordinal=event.ordinal,
        at_ms=event.at_ms,
        user=event.user,
        device=event.device,
        id=event.command_id,
        **_details(event),
    )


def is_private(event: events.Event) -> bool:
    """Whether only the actor's own devices may know what it was."""
    return isinstance(event, events.UserBlocked | events.UserUnblocked)


def item_for(user: str, event: events.Event) -> frames.EventItem:
    """The event as this user sees it: another's private matter keeps its place in the order, and says nothing else."""
    if event.user == user or not is_private(event):
        return item_of(event)
    return frames.EventItem(kind="hidden", seq=event.seq, ordinal=event.ordinal, at_ms=event.at_ms, user="", device="", id="")


def _details(event: events.Event) -> dict[str, Any]:
    match event:
        case events.MessageSent():
            return {
                "content": device_content(event.content),
                "reply_to": event.reply_to,
                "mentions": event.mentions,
                "announcement": event.announcement,
            }
        case events.MessageEdited():
            return {"target_seq": event.target_seq, "content": device_content(event.content), "mentions": event.mentions}
        case events.MessageRecalled():
            return {"target_seq": event.target_seq}
        case events.ReactionAdded() | events.ReactionRemoved():
            return {"target_seq": event.target_seq, "reaction": event.reaction}
        case events.ReadMarked():
            return {"up_to_seq": event.up_to_seq, "up_to_ordinal": event.up_to_ordinal}
        case events.ConversationCreated():
            members = tuple(frames.FrameMember(member.user, member.role) for member in event.members)
            settings = None if event.settings is None else frame_settings(event.settings)
            return {"conversation_kind": event.conversation_kind, "title": event.title, "members": members, "settings": settings}
        case events.SettingsChanged():
            return {"settings": frame_settings(event.settings), "settings_version": event.settings_version}
        case events.LinkCreated():
            return {
                "link_id": event.link_id,
                "expires_at_ms": event.expires_at_ms,
                "uses_limit": event.uses_limit,
                "approval": event.approval,
            }
        case events.MemberAdded():
            return {"member": event.member, "role": event.role, "via": event.via or None}
        case events.RoleChanged() | events.MemberInvited():
            return {"member": event.member, "role": event.role}
        case events.MemberRemoved() | events.MemberUnbanned() | events.UserBlocked() | events.UserUnblocked() | events.FriendRemoved():
            return {"member": event.member}
        case events.ApplicationMade():
            return {"text": event.text, "link_id": event.link_id}
        case events.ApplicationDeclined():
            return {"member": event.member, "reason": event.reason}
        case events.LinkRevoked():
            return {"link_id": event.link_id}
        case events.MemberBanned():
            return {"member": event.member, "until_ms": event.until_ms, "reason": event.reason}
        case events.MemberMuted():
            return {"member": event.member, "until_ms": event.until_ms}
        case events.AllMuted():
            return {"until_ms": event.until_ms}
        case events.RoleDefined():
            return {"role": event.role, "level": event.level, "permissions": event.permissions}
        case events.RoleDropped():
            return {"role": event.role}
        case events.NicknameChanged():
            return {"member": event.member, "nickname_id": event.nickname_id}
        case events.FriendRequested() | events.FriendAccepted() | events.FriendDeclined():
            return {"member": event.member, "text": event.text}
        case events.CallNoted():
            return _call(event)
        case events.ConversationRenamed():
            return {"title": event.title}
        case events.MemberLeft() | events.InvitationDeclined() | events.ConversationDissolved():
            return {}
        case _:
            assert_never(event)


def _call(event: events.CallNoted) -> dict[str, Any]:
    return {
        "call_id": event.call_id,
        "call_kind": event.call_kind,
        "media": event.media,
        "outcome": event.outcome,
        "duration_ms": event.duration_ms,
        "missed_by": event.missed_by,
    }


def ack_of(event: events.Event) -> frames.Ack:
    return frames.Ack(event.command_id, event.conversation_id, event.seq, event.ordinal, event.at_ms)


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
        announcement=view.announcement,
    )


def failure_of(request: str, exc: WarblerError, conversation: str | None = None) -> frames.Failure:
    if isinstance(exc, BadRequest):
        return frames.Failure(request, exc.code, exc.detail, exc.retryable, exc.retry_after_ms, conversation)
    return frames.Failure(request, "unavailable", detail_of(exc), exc.retryable, UNAVAILABLE_RETRY_MS if exc.retryable else 0, conversation)


def limits_of(settings: EdgeSettings) -> frames.Limits:
    return frames.Limits(
        frame_bytes=settings.frame_bytes_limit,
        text_bytes=settings.text_bytes_limit,
        commands_per_s=settings.commands_per_s,
        commands_burst=settings.commands_burst,
        outstanding_commands=settings.outstanding_commands_limit,
        sync_events=settings.sync_events_limit,
        history_messages=settings.history_messages_limit,
        positions=settings.positions_limit,
    )
