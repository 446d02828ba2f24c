"""The frames of the WebSocket protocol as this side sees them: two closed unions.

A mirror of the server's own models, which the package does not import; a test in the repository holds both equal.
"""

from typing import Literal, get_args

from msgspec import Struct

from warbler.call_frames import CallFromDevice, CallFromEdge
from warbler.frame_base import Code
from warbler.frame_base import CommandFrame as CommandFrame

Role = str  # owner, admin, member, or one that the conversation defined itself
Permission = Literal[
    "send",
    "announce",
    "add",
    "invite",
    "review",
    "remove",
    "ban",
    "mute",
    "speak_muted",
    "settings",
    "rename",
    "links",
    "recall",
    "nicknames",
    "appoint",
    "roles",
    "dissolve",
]
Relation = Literal["none", "requested", "asked", "friends"]  # as one of the two sees it: requested by me, asked by the other
FrameQos = Literal["ephemeral", "at_least_once", "effectively_once"]
MarkState = Literal["delivered", "played", "previewed", "unread"]
ReceiptState = Literal["delivered", "read", "played"]
WatermarkState = Literal["delivered", "read", "played", "previewed", "unread"]
PresenceState = Literal["online", "away", "offline"]
ConversationKind = Literal["direct", "group", "channel"]
CallOutcome = Literal["missed", "rejected", "busy", "ended", "failed"]


class DeviceContent(Struct, frozen=True, omit_defaults=True):
    """Content of a message. Shape: `text` for text/*, else `body` (base64 in JSON, bytes in MessagePack); exactly one of them."""

    media_type: str = "text/plain"
    text: str | None = None
    body: bytes | None = None
    key_id: str | None = None


class FrameMember(Struct, frozen=True):
    user: str
    role: Role = "member"


class FrameSettings(Struct, frozen=True, omit_defaults=True):
    """A group's settings. `question` is asked of who applies; `history` joined: newcomers do not read what was before they came."""

    visibility: Literal["private", "public"] = "private"
    joining: Literal["invited", "apply", "open"] = "invited"
    question: str = ""
    history: Literal["all", "joined"] = "all"
    slow_mode_ms: int = 0
    description: str = ""
    avatar: str = ""


# ---- from the device


class PushOffer(Struct, frozen=True):
    channel: str  # as in `PushCalls.register`, and so the rest
    token: str
    app: str = ""
    locale: str = "en"


class Hello(Struct, frozen=True, tag_field="type", tag="hello"):
    """The first frame, within EDGE_AUTH_TIMEOUT_MS. `positions`: conversation -> next seq, where the device stands in `epoch`."""

    token: str
    device: str
    epoch: str | None = None
    positions: dict[str, int] = {}
    agent: str = ""  # name and version of the client, for operators
    follow: bool = True
    push: PushOffer | None = None


class CreateConversation(CommandFrame, frozen=True, kw_only=True, tag="create_conversation"):
    conversation_kind: ConversationKind
    title: str = ""
    members: tuple[FrameMember, ...] = ()
    settings: FrameSettings | None = None


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
    qos: FrameQos | None = None
    announcement: bool = False


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


class ChangeSettings(CommandFrame, frozen=True, kw_only=True, tag="change_settings"):
    """All settings of a group; `expected_version` 0: whatever they are now, else refused as `stale_settings` where it is another."""

    settings: FrameSettings
    expected_version: int = 0


class InviteMember(CommandFrame, frozen=True, kw_only=True, tag="invite_member"):
    """Asks a user to join; it answers with `answer_invitation`."""

    member: str
    role: Role = "member"


class AnswerInvitation(CommandFrame, frozen=True, kw_only=True, tag="answer_invitation"):
    accept: bool


class ApplyToJoin(CommandFrame, frozen=True, kw_only=True, tag="apply_to_join"):
    """Joins at once where `joining` is open, else applies; `text` is the answer to the group's question."""

    text: str = ""


class AnswerApplication(CommandFrame, frozen=True, kw_only=True, tag="answer_application"):
    member: str
    accept: bool
    reason: str = ""


class CreateLink(CommandFrame, frozen=True, kw_only=True, tag="create_link"):
    """`secret`: 22 or more characters that the device drew; the link: its id, `k-` and the command's id without dashes, and the secret."""

    secret: str
    expires_at_ms: int = 0
    uses_limit: int = 0
    approval: bool = False


class RevokeLink(CommandFrame, frozen=True, kw_only=True, tag="revoke_link"):
    link_id: str


class JoinByLink(CommandFrame, frozen=True, kw_only=True, tag="join_by_link"):
    link_id: str
    secret: str
    text: str = ""


class BanMember(CommandFrame, frozen=True, kw_only=True, tag="ban_member"):
    """`until_ms` 0: for ever."""

    member: str
    until_ms: int = 0
    reason: str = ""


class UnbanMember(CommandFrame, frozen=True, kw_only=True, tag="unban_member"):
    member: str


class MuteMember(CommandFrame, frozen=True, kw_only=True, tag="mute_member"):
    """Silent until `until_ms`; 0: may speak again."""

    member: str
    until_ms: int


class MuteAll(CommandFrame, frozen=True, kw_only=True, tag="mute_all"):
    """All but those who may speak when all are muted; 0: over."""

    until_ms: int


class DefineRole(CommandFrame, frozen=True, kw_only=True, tag="define_role"):
    """A role of this conversation, or what `admin` and `member` may do in it. Levels 1 to 99; nobody gives what it has not."""

    role: Role
    level: int
    permissions: tuple[Permission, ...] = ()


class DropRole(CommandFrame, frozen=True, kw_only=True, tag="drop_role"):
    """Who has it becomes a member."""

    role: Role


class ChangeNickname(CommandFrame, frozen=True, kw_only=True, tag="change_nickname"):
    """Sent by the edge itself, for `PUT /v1/conversations/{c}/nicknames/{user}`, which takes the nickname."""

    member: str
    nickname_id: str


class DissolveConversation(CommandFrame, frozen=True, kw_only=True, tag="dissolve_conversation"):
    pass


class RequestFriend(CommandFrame, frozen=True, kw_only=True, tag="request_friend"):
    """`conversation` may be empty in this and the four that follow: it is the direct one with `member`."""

    member: str
    text: str = ""


class AnswerFriendRequest(CommandFrame, frozen=True, kw_only=True, tag="answer_friend_request"):
    member: str
    accept: bool
    text: str = ""


class RemoveFriend(CommandFrame, frozen=True, kw_only=True, tag="remove_friend"):
    member: str


class BlockUser(CommandFrame, frozen=True, kw_only=True, tag="block_user"):
    member: str


class UnblockUser(CommandFrame, frozen=True, kw_only=True, tag="unblock_user"):
    member: str


class Mark(Struct, frozen=True, tag_field="type", tag="mark"):
    """How far this device's user got. Not answered unless it is wrong; coalesced by the edge.

    `delivered`: the device holds every event up to `up_to_seq`, and says so: what stays unacknowledged is written again, and then the
    session is closed. `played`: listened or looked to the end. `previewed`: shown by a push, not opened. `unread`: marked unread by the
    user from `up_to_seq` on, 0 takes it back; only the user's own devices hear of it. Read marks are commands: `mark_read`.
    """

    conversation: str
    state: MarkState
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


class Receipts(Struct, frozen=True, tag_field="type", tag="receipts"):
    """Asks who has (or has not) got as far as `seq`, answered by `receipts_page`: a page of members, and how many they are.

    A page may hold fewer than `limit`, even none, and still have a `next`: so many members were looked through.
    """

    request: str
    conversation: str
    seq: int
    state: ReceiptState = "read"
    has: bool = True
    after: str | None = None
    limit: int = 100


class WatchReceipts(Struct, frozen=True, tag_field="type", tag="watch_receipts"):
    """From now on `receipt_counts` tell how many have got as far as `seq` in this conversation; 0 ends it. One seq per conversation."""

    conversation: str
    seq: int


class WatchPresence(Struct, frozen=True, tag_field="type", tag="watch_presence"):
    """Whose presence this session wants to hear of, from now on these and no others. Answered by `presence` with all of them.

    Shape: users, and the members of conversations; above EDGE_PRESENCE_WATCHED_LIMIT users it is refused as `too_many`.
    """

    request: str
    users: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()


class SetPresence(Struct, frozen=True, tag_field="type", tag="set_presence"):
    """Whether this device's user is away from it, and the user's own status line (None: as it was; empty: none)."""

    away: bool
    status: str | None = None


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
    | Mark
    | Typing
    | Sync
    | History
    | DirectoryRequest
    | Receipts
    | WatchReceipts
    | WatchPresence
    | SetPresence
    | Ping
    | CallFromDevice
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
    "settings_changed",
    "member_invited",
    "invitation_declined",
    "application_made",
    "application_declined",
    "link_created",
    "link_revoked",
    "member_banned",
    "member_unbanned",
    "member_muted",
    "all_muted",
    "role_defined",
    "role_dropped",
    "nickname_changed",
    "conversation_dissolved",
    "friend_requested",
    "friend_accepted",
    "friend_declined",
    "friend_removed",
    "user_blocked",
    "user_unblocked",
    "call_noted",
    "hidden",  # it is another member's own matter
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
    settings: FrameSettings | None = None
    settings_version: int | None = None
    announcement: bool = False
    via: str | None = None
    text: str | None = None
    reason: str | None = None
    link_id: str | None = None
    expires_at_ms: int | None = None
    uses_limit: int | None = None
    approval: bool | None = None
    until_ms: int | None = None
    level: int | None = None
    permissions: tuple[Permission, ...] | None = None
    nickname_id: str | None = None
    call_id: str | None = None
    call_kind: Literal["one_to_one", "group"] | None = None
    media: Literal["audio", "video"] | None = None
    outcome: CallOutcome | None = None
    duration_ms: int | None = None
    missed_by: tuple[str, ...] | None = None


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
    announcement: bool = False


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
    marked_unread: bool = False
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
    push: Code = ""  # of the push token in the hello: taken, or why not; empty: there was none


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
    """Answers `sync`: dense from the asked seq on, but for `missing`: seqs damaged or not for this user. `next_seq` is the next to read."""

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


class Receipt(Struct, frozen=True, tag_field="type", tag="receipt", omit_defaults=True):
    """`user` got as far as `up_to_seq`. In a conversation of many members only the user's own devices hear it; others get counts.

    `unread`, `previewed` and hidden receipts go to the user's own devices only. `up_to_ordinal` stands with `read`.
    """

    conversation: str
    user: str
    state: WatermarkState
    up_to_seq: int
    up_to_ordinal: int = 0


class ReceiptEntry(Struct, frozen=True):
    """A member and how far it got in the asked state; `at_ms` is when that was said, 0 if it never was or is not known."""

    user: str
    up_to_seq: int
    at_ms: int = 0


class ReceiptsPage(Struct, frozen=True, tag_field="type", tag="receipts_page"):
    """Answers `receipts`. `next`: ask with it as `after` for the following members; None at the end."""

    request: str
    conversation: str
    entries: tuple[ReceiptEntry, ...]
    next: str | None = None


class ReceiptCounts(Struct, frozen=True, tag_field="type", tag="receipt_counts"):
    """How many of the other members have got as far as `seq`; told at most once a second while it changes."""

    conversation: str
    seq: int
    members: int
    delivered: int
    read: int
    played: int


class PresenceEntry(Struct, frozen=True):
    """`last_seen_ms`: when the user was last online; 0 if never, or not to be shown."""

    user: str
    state: PresenceState
    status: str = ""
    last_seen_ms: int = 0


class Presence(Struct, frozen=True, tag_field="type", tag="presence"):
    """Answers `watch_presence` (with its request id), and tells later changes (with an empty one)."""

    request: str
    users: tuple[PresenceEntry, ...]


class RosterEntry(Struct, frozen=True):
    """What the user has with another user: `relation` and `blocked` as this side made or sees them; `alias` and `tags` are its own notes.

    `conversation`: their direct one. `text`: of the newest request or answer.
    """

    user: str
    conversation: str
    relation: Relation
    blocked: bool
    alias: str
    tags: tuple[str, ...]
    text: str
    changed_at_ms: int


class Roster(Struct, frozen=True, tag_field="type", tag="roster", omit_defaults=True):
    """The user's roster changed: these entries, whole, as of `version`; what was before it is to be had by `GET /v1/me/roster?since=`.

    `invitations`: what the user is invited or has applied to has changed; ask `GET /v1/me/invitations`.
    """

    version: str
    entries: tuple[RosterEntry, ...] = ()
    invitations: bool = False


class Resync(Struct, frozen=True, tag_field="type", tag="resync"):
    """The device did not read fast enough and this conversation's events from `from_seq` on were dropped: ask `sync` for them."""

    conversation: str
    from_seq: int


class Move(Struct, frozen=True, tag_field="type", tag="move"):
    """This node is going to stop: come back, to any node, after `after_ms`. Until then everything works, then it closes with 4000."""

    after_ms: int


class Signalled(Struct, frozen=True, tag_field="type", tag="signalled"):
    """An ephemeral message: it has no seq, is in no history, and was told only to whoever is here now."""

    conversation: str
    user: str
    id: str
    content: DeviceContent
    at_ms: int


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


FromEdge = (
    Welcome
    | DirectoryPage
    | Ack
    | Reject
    | Events
    | Page
    | HistoryPage
    | Receipt
    | ReceiptsPage
    | ReceiptCounts
    | Presence
    | Roster
    | Resync
    | Move
    | Signalled
    | UserTyping
    | Pong
    | Failure
    | CallFromEdge
)

COMMAND_TYPES: tuple[type[CommandFrame], ...] = get_args(CommandFrames)
