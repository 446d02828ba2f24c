"""Requests to a conversation (topic `conversation-commands`): may be refused. Edges publish them, the owner in `streams/` decides."""

from msgspec import Struct

from schemas.values import Content, ConversationKind, Member, Qos, Role


class CommandBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every command carries.

    Shape: `command_id` is a UUIDv7 in its canonical text form, chosen by the device; a retry uses the same one.
    Units: `received_at_ms` is the edge's clock and for tracing only; decisions use the record's LogAppendTime.
    """

    tenant: str
    conversation_id: str
    command_id: str
    user: str
    device: str
    trace_id: str
    received_at_ms: int


class CreateConversation(CommandBase, frozen=True, kw_only=True, tag="create_conversation"):
    conversation_kind: ConversationKind
    title: str
    members: tuple[Member, ...]  # besides the actor, who becomes the owner (in a direct conversation: a member)


class AddMember(CommandBase, frozen=True, kw_only=True, tag="add_member"):
    member: str
    role: Role = "member"


class LeaveConversation(CommandBase, frozen=True, kw_only=True, tag="leave_conversation"):
    pass


class RemoveMember(CommandBase, frozen=True, kw_only=True, tag="remove_member"):
    member: str


class ChangeRole(CommandBase, frozen=True, kw_only=True, tag="change_role"):
    member: str
    role: Role


class RenameConversation(CommandBase, frozen=True, kw_only=True, tag="rename_conversation"):
    title: str


class SendMessage(CommandBase, frozen=True, kw_only=True, tag="send_message"):
    """`qos` None: what is usual in this kind of conversation (STREAMS_QOS_DIRECT and so on)."""

    content: Content
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    qos: Qos | None = None


class EditMessage(CommandBase, frozen=True, kw_only=True, tag="edit_message"):
    target_seq: int
    content: Content
    mentions: tuple[str, ...] = ()


class RecallMessage(CommandBase, frozen=True, kw_only=True, tag="recall_message"):
    target_seq: int


class AddReaction(CommandBase, frozen=True, kw_only=True, tag="add_reaction"):
    target_seq: int
    reaction: str


class RemoveReaction(CommandBase, frozen=True, kw_only=True, tag="remove_reaction"):
    target_seq: int
    reaction: str


class MarkRead(CommandBase, frozen=True, kw_only=True, tag="mark_read"):
    """`up_to_ordinal` is the ordinal the device saw on the event `up_to_seq`; the owner checks it where it still remembers.

    `quiet`: the user does not want it seen, so it becomes a hidden receipt instead of an event.
    """

    up_to_seq: int
    up_to_ordinal: int
    quiet: bool = False


Command = (
    CreateConversation
    | AddMember
    | LeaveConversation
    | RemoveMember
    | ChangeRole
    | RenameConversation
    | SendMessage
    | EditMessage
    | RecallMessage
    | AddReaction
    | RemoveReaction
    | MarkRead
)
