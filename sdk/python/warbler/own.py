"""The event that follows from a command of this device and its ack. Pure: the server sends the ack instead of the event."""

from collections.abc import Callable, Mapping
from typing import Any

from warbler import frames
from warbler.frames import Ack, CommandFrame, EventItem, EventKind

_DETAILS: Mapping[type[CommandFrame], tuple[EventKind, Callable[[Any], dict[str, Any]]]] = {
    frames.CreateConversation: (
        "conversation_created",
        lambda f: {"conversation_kind": f.conversation_kind, "title": f.title, "members": f.members},
    ),
    frames.AddMember: ("member_added", lambda f: {"member": f.member, "role": f.role}),
    frames.LeaveConversation: ("member_left", lambda f: {}),
    frames.RemoveMember: ("member_removed", lambda f: {"member": f.member}),
    frames.ChangeRole: ("role_changed", lambda f: {"member": f.member, "role": f.role}),
    frames.RenameConversation: ("conversation_renamed", lambda f: {"title": f.title}),
    frames.SendMessage: ("message_sent", lambda f: {"content": f.content, "reply_to": f.reply_to, "mentions": f.mentions}),
    frames.EditMessage: (
        "message_edited",
        lambda f: {"target_seq": f.target_seq, "content": f.content, "mentions": f.mentions},
    ),
    frames.RecallMessage: ("message_recalled", lambda f: {"target_seq": f.target_seq}),
    frames.AddReaction: ("reaction_added", lambda f: {"target_seq": f.target_seq, "reaction": f.reaction}),
    frames.RemoveReaction: ("reaction_removed", lambda f: {"target_seq": f.target_seq, "reaction": f.reaction}),
    frames.MarkRead: ("read_marked", lambda f: {"up_to_seq": f.up_to_seq, "up_to_ordinal": f.up_to_ordinal}),
}


def event_of(command: CommandFrame, ack: Ack, user: str, device: str) -> EventItem:
    kind, details = _DETAILS[type(command)]
    return EventItem(kind=kind, seq=ack.seq, ordinal=ack.ordinal, at_ms=ack.at_ms, user=user, device=device, id=ack.id, **details(command))
