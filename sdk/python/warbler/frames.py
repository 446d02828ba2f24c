"""The frames of the WebSocket protocol as this side sees them: two closed unions.

A mirror of the server's own models, which the package does not import; a test in the repository holds both equal.
"""

from typing import Literal, get_args

from msgspec import Struct

Code = str
Role = Literal["owner", "admin", "member"]
ConversationKind = Literal["direct", "group", "channel"]


class DeviceContent(Struct, frozen=True, omit_defaults=True):
    """Content of a message. Shape: `text` for text/*, else `body` (base64 in JSON, bytes in MessagePack); exactly one of them."""

    media_type: str = "text/plain"
    text: str | None = None
    body: bytes | None = None
    key_id: str | None = None


class FrameMember(Struct, frozen=True):
    user: str
    role: Role = "member"


# ---- from the device


class Hello(Struct, frozen=True, tag_field="type", tag="hello"):
    """The first frame, within EDGE_AUTH_TIMEOUT_MS. `positions`: conversation -> next seq, where the device stands in `epoch`."""

    token: str
    device: str
    epoch: str | None = None
    positions: dict[str, int] = {}
    agent: str = ""  # name and version of the client, for operators


class CommandFrame(Struct, frozen=True, kw_only=True, tag_field="type"):
    id: str  # UUIDv7, chosen by the device; a retry uses the same one
    conversation: str


class CreateConversation(CommandFrame, frozen=True, kw_only=True, tag="create_conversation"):
    conversation_kind: ConversationKind
    title: str = ""
    members: tuple[FrameMember, ...] = ()


class AddMember(CommandFrame, frozen=True, kw_only=True, tag="add_member"):
    member: str
    role: Role = "member"


class LeaveConversation(CommandFrame, frozen=True, kw_only=True, tag="leave_conversation"):
    pass


class RemoveMember(CommandFrame, frozen=True, kw_only=True, tag="remove_member"):
    member: str


class ChangeRole(CommandFrame, frozen=True, kw_only=True, tag="change_role"):
    member: str
    role: Role


class RenameConversation(CommandFrame, frozen=True, kw_only=True, tag="rename_conversation"):
    title: str


class SendMessage(CommandFrame, frozen=True, kw_only=True, tag="send_message"):
    content: DeviceContent
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()


class EditMessage(CommandFrame, frozen=True, kw_only=True, tag="edit_message"):
    target_seq: int
    content: DeviceContent
    mentions: tuple[str, ...] = ()


class RecallMessage(CommandFrame, frozen=True, kw_only=True, tag="recall_message"):
    target_seq: int


class AddReaction(CommandFrame, frozen=True, kw_only=True, tag="add_reaction"):
    target_seq: int
    reaction: str


class RemoveReaction(CommandFrame, frozen=True, kw_only=True, tag="remove_reaction"):
    target_seq: int
    reaction: str


class MarkRead(CommandFrame, frozen=True, kw_only=True, tag="mark_read"):
    up_to_seq: int
    up_to_ordinal: int  # the ordinal that stands on the event up_to_seq


class MarkDelivered(Struct, frozen=True, tag_field="type", tag="mark_delivered"):
    """The device holds every event up to `up_to_seq`. Not answered; coalesced by the edge."""

    conversation: str
    up_to_seq: int


class Typing(Struct, frozen=True, tag_field="type", tag="typing"):
    """Not answered; may be lost."""

    conversation: str
    typing: bool


class Sync(Struct, frozen=True, tag_field="type", tag="sync"):
    """Asks for events from `from_seq` on, answered by `page`; when its `more` is false, live events follow without repeat or gap.

    While `more` is true the conversation's live events are held back: the device asks again from `next_seq`.
    """

    request: str
    conversation: str
    from_seq: int
    limit: int = 200


class History(Struct, frozen=True, tag_field="type", tag="history"):
    """Asks for messages as they stand now (edits, recalls, reactions laid over) with seq < `before_seq`, or the newest.

    Answered by `history_page`.
    """

    request: str
    conversation: str
    before_seq: int | None = None
    limit: int = 50


class DirectoryRequest(Struct, frozen=True, tag_field="type", tag="directory"):
    """The next page of the directory, after the `next` of the page before."""

    request: str
    after: str | None = None


class Ping(Struct, frozen=True, tag_field="type", tag="ping"):
    nonce: str = ""


CommandFrames = (
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
FromDevice = (
    Hello
    | CreateConversation
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
    | MarkDelivered
    | Typing
    | Sync
    | History
    | DirectoryRequest
    | Ping
)

# ---- from the edge

EventKind = Literal[
    "conversation_created",
    "member_added",
    "member_left",
    "member_removed",
    "role_changed",
    "conversation_renamed",
    "message_sent",
    "message_edited",
    "message_recalled",
    "reaction_added",
    "reaction_removed",
    "read_marked",
]


class EventItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event, as devices see it. Fields that its kind does not have are absent."""

    kind: EventKind
    seq: int
    ordinal: int
    at_ms: int
    user: str
    device: str
    id: str  # the command's id
    content: DeviceContent | None = None
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    target_seq: int | None = None
    reaction: str | None = None
    member: str | None = None
    role: Role | None = None
    title: str | None = None
    conversation_kind: ConversationKind | None = None
    members: tuple[FrameMember, ...] = ()
    up_to_seq: int | None = None
    up_to_ordinal: int | None = None


class MessageItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as it stands now. `content` is absent once recalled; `reactions`: reaction -> users."""

    seq: int
    ordinal: int
    at_ms: int
    user: str
    id: str
    content: DeviceContent | None = None
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    edited_at_ms: int | None = None
    recalled: bool = False
    reactions: dict[str, tuple[str, ...]] = {}


class DirectoryEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation of the user. `head_seq`, `head_ordinal` are those of its newest event; `last` is its newest message."""

    conversation: str
    conversation_kind: ConversationKind
    title: str
    role: Role
    head_seq: int
    head_ordinal: int
    active_at_ms: int
    read_seq: int
    unread: int
    peer: str | None = None  # the other user of a direct conversation
    last: MessageItem | None = None


class Limits(Struct, frozen=True):
    frame_bytes: int
    text_bytes: int
    commands_per_s: int
    commands_burst: int
    outstanding_commands: int  # more unacked ones than this are refused as rate_limited
    sync_events: int
    history_messages: int
    positions: int = 1_000  # in a hello; more of them are closed with 4510


class Welcome(Struct, frozen=True, tag_field="type", tag="welcome"):
    """`epoch_changed`: the device's positions are of a lost log; it forgets them and reads again. `next`: ask `directory` for the rest."""

    session: str
    node: str
    user: str
    epoch: str
    epoch_changed: bool
    now_ms: int
    heartbeat_ms: int  # send a ping when nothing else was sent for this long
    limits: Limits
    directory: tuple[DirectoryEntry, ...]
    next: str | None = None


class DirectoryPage(Struct, frozen=True, tag_field="type", tag="directory_page"):
    request: str
    directory: tuple[DirectoryEntry, ...]
    next: str | None = None


class Ack(Struct, frozen=True, tag_field="type", tag="ack"):
    """The command is committed as the event `seq`. Repeated commands get the seq they had."""

    id: str
    conversation: str
    seq: int
    ordinal: int
    at_ms: int


class Reject(Struct, frozen=True, tag_field="type", tag="reject"):
    id: str
    conversation: str
    code: Code
    detail: str
    retryable: bool
    retry_after_ms: int = 0


class Events(Struct, frozen=True, tag_field="type", tag="events"):
    """Live events of one conversation, ascending. The device that caused an event gets its `ack` instead."""

    conversation: str
    events: tuple[EventItem, ...]


class Page(Struct, frozen=True, tag_field="type", tag="page", omit_defaults=True):
    """Answers `sync`: dense from the asked seq on, but for `missing`: seqs whose record is damaged. `next_seq` is the next to read."""

    request: str
    conversation: str
    events: tuple[EventItem, ...]
    next_seq: int
    more: bool
    missing: tuple[int, ...] = ()


class HistoryPage(Struct, frozen=True, tag_field="type", tag="history_page"):
    """Answers `history`: messages ascending by seq; `before_seq` is what to ask next, None at the beginning."""

    request: str
    conversation: str
    messages: tuple[MessageItem, ...]
    before_seq: int | None = None


class Delivered(Struct, frozen=True, tag_field="type", tag="delivered"):
    conversation: str
    user: str
    up_to_seq: int


class UserTyping(Struct, frozen=True, tag_field="type", tag="user_typing"):
    conversation: str
    user: str
    typing: bool


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    nonce: str
    now_ms: int


class Failure(Struct, frozen=True, tag_field="type", tag="error"):
    """A request that is not a command could not be served. `request` is its request id; "" where there is none.

    `conversation`: of the position in `hello` that this is about.
    """

    request: str
    code: Code
    detail: str
    retryable: bool
    retry_after_ms: int = 0
    conversation: str | None = None


FromEdge = Welcome | DirectoryPage | Ack | Reject | Events | Page | HistoryPage | Delivered | UserTyping | Pong | Failure

COMMAND_TYPES: tuple[type[CommandFrame], ...] = get_args(CommandFrames)
