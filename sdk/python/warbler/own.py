"""The event that follows from a command of this device and its ack. Pure: the server sends the ack instead of the event.

What a command becomes may depend on the conversation's state (an application on its settings): those are read instead.
"""

from collections.abc import Callable, Mapping
from typing import Any

from warbler import frames
from warbler.frames import Ack, CommandFrame, EventItem, EventKind
from warbler.happenings import ReceiptSeen

_DETAILS: Mapping[type[CommandFrame], tuple[EventKind, Callable[[Any], dict[str, Any]]]] = {
    frames.CreateConversation: (
        "conversation_created",
        lambda f: {"conversation_kind": f.conversation_kind, "title": f.title, "members": f.members, "settings": f.settings},
    ),
    frames.AddMember: ("member_added", lambda f: {"member": f.member, "role": f.role}),
    frames.LeaveConversation: ("member_left", lambda f: {}),
    frames.RemoveMember: ("member_removed", lambda f: {"member": f.member}),
    frames.ChangeRole: ("role_changed", lambda f: {"member": f.member, "role": f.role}),
    frames.RenameConversation: ("conversation_renamed", lambda f: {"title": f.title}),
    frames.SendMessage: (
        "message_sent",
        lambda f: {"content": f.content, "reply_to": f.reply_to, "mentions": f.mentions, "announcement": f.announcement},
    ),
    frames.EditMessage: (
        "message_edited",
        lambda f: {"target_seq": f.target_seq, "content": f.content, "mentions": f.mentions},
    ),
    frames.RecallMessage: ("message_recalled", lambda f: {"target_seq": f.target_seq}),
    frames.AddReaction: ("reaction_added", lambda f: {"target_seq": f.target_seq, "reaction": f.reaction}),
    frames.RemoveReaction: ("reaction_removed", lambda f: {"target_seq": f.target_seq, "reaction": f.reaction}),
    frames.MarkRead: ("read_marked", lambda f: {"up_to_seq": f.up_to_seq, "up_to_ordinal": f.up_to_ordinal}),
    frames.CreateLink: (
        "link_created",
        lambda f: {"link_id": link_of(f.id), "expires_at_ms": f.expires_at_ms, "uses_limit": f.uses_limit, "approval": f.approval},
    ),
    frames.RevokeLink: ("link_revoked", lambda f: {"link_id": f.link_id}),
    frames.BanMember: ("member_banned", lambda f: {"member": f.member, "until_ms": f.until_ms, "reason": f.reason}),
    frames.UnbanMember: ("member_unbanned", lambda f: {"member": f.member}),
    frames.MuteMember: ("member_muted", lambda f: {"member": f.member, "until_ms": f.until_ms}),
    frames.MuteAll: ("all_muted", lambda f: {"until_ms": f.until_ms}),
    frames.DefineRole: ("role_defined", lambda f: {"role": f.role, "level": f.level, "permissions": f.permissions}),
    frames.DropRole: ("role_dropped", lambda f: {"role": f.role}),
    frames.ChangeNickname: ("nickname_changed", lambda f: {"member": f.member, "nickname_id": f.nickname_id}),
    frames.DissolveConversation: ("conversation_dissolved", lambda f: {}),
}


def link_of(command_id: str) -> str:
    """The id of the link that the command with this id makes."""
    return "k-" + command_id.replace("-", "")


def event_of(command: CommandFrame, ack: Ack, user: str, device: str) -> EventItem | ReceiptSeen | None:
    """None: only the server can say what it became, or it became nothing.

    A read mark that made no event is told to the user's other devices as a receipt: to this one as well.
    """
    if ack.seq == 0 and isinstance(command, frames.MarkRead):
        return ReceiptSeen(command.conversation, user, "read", command.up_to_seq, command.up_to_ordinal)
    if ack.seq == 0 or type(command) not in _DETAILS:
        return None
    kind, details = _DETAILS[type(command)]
    return EventItem(kind=kind, seq=ack.seq, ordinal=ack.ordinal, at_ms=ack.at_ms, user=user, device=device, id=ack.id, **details(command))
