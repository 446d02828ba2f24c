"""Requests to a conversation (topic `conversation-commands`): may be refused. Edges publish them, the owner in `streams/` decides."""

from msgspec import Struct

from schemas.call_values import CallKind, CallMedia, CallOutcome
from schemas.values import Content, ConversationKind, GroupSettings, Member, Permission, Qos, RequestsTaken, Role


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
    settings: GroupSettings | None = None  # of a group or channel
    refuse_strangers: tuple[str, ...] = ()  # who of a direct conversation takes no messages from strangers, as the edge knows


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
    """`qos` None: what is usual in this kind of conversation (STREAMS_QOS_DIRECT and so on).

    `asked`: fingerprint of what the device asked for, if a hook changed it. `veto`: why a hook does not let it pass; its content is empty.
    """

    content: Content
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    qos: Qos | None = None
    announcement: bool = False
    asked: bytes | None = None
    veto: str = ""


class EditMessage(CommandBase, frozen=True, kw_only=True, tag="edit_message"):
    """`asked`, `veto`: as in SendMessage."""

    target_seq: int
    content: Content
    mentions: tuple[str, ...] = ()
    asked: bytes | None = None
    veto: str = ""


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


# ---- groups


class ChangeSettings(CommandBase, frozen=True, kw_only=True, tag="change_settings"):
    """All of the group's settings. `expected_version` 0: whatever they are now; else refused as `stale_settings` where it is another."""

    settings: GroupSettings
    expected_version: int = 0


class InviteMember(CommandBase, frozen=True, kw_only=True, tag="invite_member"):
    """Asks a user to join; who was asked answers with `answer_invitation`."""

    member: str
    role: Role = "member"


class AnswerInvitation(CommandBase, frozen=True, kw_only=True, tag="answer_invitation"):
    """By the one who was invited."""

    accept: bool


class ApplyToJoin(CommandBase, frozen=True, kw_only=True, tag="apply_to_join"):
    """Joins at once where `joining` is open, else applies. `text`: the answer to the group's question, or a greeting."""

    text: str = ""


class AnswerApplication(CommandBase, frozen=True, kw_only=True, tag="answer_application"):
    """`member`: who applied."""

    member: str
    accept: bool
    reason: str = ""


class CreateLink(CommandBase, frozen=True, kw_only=True, tag="create_link"):
    """The secret itself is in the link only; `secret_hash` is its SHA-256 in hexadecimal. `expires_at_ms`, `uses_limit` 0: without end."""

    link_id: str
    secret_hash: str
    expires_at_ms: int
    uses_limit: int = 0
    approval: bool = False


class RevokeLink(CommandBase, frozen=True, kw_only=True, tag="revoke_link"):
    link_id: str


class JoinByLink(CommandBase, frozen=True, kw_only=True, tag="join_by_link"):
    link_id: str
    secret_hash: str
    text: str = ""


class BanMember(CommandBase, frozen=True, kw_only=True, tag="ban_member"):
    """Sends away, and keeps away until `until_ms`; 0: for ever."""

    member: str
    until_ms: int = 0
    reason: str = ""


class UnbanMember(CommandBase, frozen=True, kw_only=True, tag="unban_member"):
    member: str


class MuteMember(CommandBase, frozen=True, kw_only=True, tag="mute_member"):
    """Silent until `until_ms`; 0: may speak again."""

    member: str
    until_ms: int


class MuteAll(CommandBase, frozen=True, kw_only=True, tag="mute_all"):
    """All but those who may speak when all are muted; 0: over."""

    until_ms: int


class DefineRole(CommandBase, frozen=True, kw_only=True, tag="define_role"):
    """A role of the conversation's own, or what `admin` and `member` may do here. Levels 1 to 99."""

    role: Role
    level: int
    permissions: tuple[Permission, ...] = ()


class DropRole(CommandBase, frozen=True, kw_only=True, tag="drop_role"):
    """Who has it becomes a member."""

    role: Role


class ChangeNickname(CommandBase, frozen=True, kw_only=True, tag="change_nickname"):
    """The nickname itself is personal and no event: `nickname_id` names the row that has it; empty: none."""

    member: str
    nickname_id: str


class DissolveConversation(CommandBase, frozen=True, kw_only=True, tag="dissolve_conversation"):
    pass


# ---- friends: of a direct conversation, whose two members' relation is part of its state


class RequestFriend(CommandBase, frozen=True, kw_only=True, tag="request_friend"):
    """Of the direct conversation with `member`, as all that follow; this and `block_user` create it where there is none.

    `taken`: from whom `member` takes requests, and `refuse_strangers`: who of the two takes no messages from strangers, as the edge knows.
    """

    member: str
    text: str = ""
    refuse_strangers: tuple[str, ...] = ()
    taken: RequestsTaken = "everyone"


class AnswerFriendRequest(CommandBase, frozen=True, kw_only=True, tag="answer_friend_request"):
    member: str
    accept: bool
    text: str = ""


class RemoveFriend(CommandBase, frozen=True, kw_only=True, tag="remove_friend"):
    """Ends a friendship, or takes the actor's own request back."""

    member: str
    refuse_strangers: tuple[str, ...] = ()


class BlockUser(CommandBase, frozen=True, kw_only=True, tag="block_user"):
    member: str
    refuse_strangers: tuple[str, ...] = ()


class UnblockUser(CommandBase, frozen=True, kw_only=True, tag="unblock_user"):
    member: str


# ---- calls


class NoteCall(CommandBase, frozen=True, kw_only=True, tag="note_call"):
    """A call of this conversation has ended: `streams.notifier` says so, from its record; no frame of a device becomes this.

    `user`: the caller, whether it is a member or not. `call_seq`: of the record among the events of the conversation's calls;
    one that is not above the last noted is a repeat.
    """

    call_id: str
    call_seq: int
    call_kind: CallKind
    media: CallMedia
    outcome: CallOutcome
    duration_ms: int
    missed_by: tuple[str, ...]


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
    | ChangeSettings
    | InviteMember
    | AnswerInvitation
    | ApplyToJoin
    | AnswerApplication
    | CreateLink
    | RevokeLink
    | JoinByLink
    | BanMember
    | UnbanMember
    | MuteMember
    | MuteAll
    | DefineRole
    | DropRole
    | ChangeNickname
    | DissolveConversation
    | RequestFriend
    | AnswerFriendRequest
    | RemoveFriend
    | BlockUser
    | UnblockUser
    | NoteCall
)
