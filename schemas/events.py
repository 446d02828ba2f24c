"""Facts of a conversation (topic `conversation-events`): accepted, dense by seq, never changed.

The conversation owner (`streams/`) makes them; edges, projectors and enterprise consumers read them. The class's tag is its record's name.
"""

from msgspec import Struct

from schemas.call_values import CallKind, CallMedia, CallOutcome
from schemas.values import Content, ConversationKind, GroupSettings, Member, Permission, Qos, Role


class EventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every event carries.

    Shape: `seq` dense from 1 within the conversation; `ordinal` counts the messages up to and including this event.
    Units: `at_ms` is the command record's LogAppendTime, never decreasing within a conversation.
    """

    event_id: str  # "<conversation_id>:<seq>", so that deciding again gives the same id
    tenant: str
    conversation_id: str
    seq: int
    ordinal: int
    at_ms: int
    user: str  # the actor
    device: str
    command_id: str
    trace_id: str


class ConversationCreated(EventBase, frozen=True, kw_only=True, tag="conversation_created"):
    conversation_kind: ConversationKind
    title: str
    members: tuple[Member, ...]
    settings: GroupSettings | None = None
    refuse_strangers: tuple[str, ...] = ()


class MemberAdded(EventBase, frozen=True, kw_only=True, tag="member_added"):
    """`via`: how it came about: empty (added), `invitation`, `application`, `open`, or the id of a link."""

    member: str
    role: Role
    via: str = ""


class MemberLeft(EventBase, frozen=True, kw_only=True, tag="member_left"):
    """The actor left by itself."""


class MemberRemoved(EventBase, frozen=True, kw_only=True, tag="member_removed"):
    member: str


class RoleChanged(EventBase, frozen=True, kw_only=True, tag="role_changed"):
    member: str
    role: Role


class ConversationRenamed(EventBase, frozen=True, kw_only=True, tag="conversation_renamed"):
    title: str


class MessageSent(EventBase, frozen=True, kw_only=True, tag="message_sent"):
    """The countable one: it raises `ordinal`."""

    content: Content
    reply_to: int | None = None  # a seq
    mentions: tuple[str, ...] = ()
    qos: Qos = "effectively_once"
    announcement: bool = False


class MessageEdited(EventBase, frozen=True, kw_only=True, tag="message_edited"):
    target_seq: int
    content: Content
    mentions: tuple[str, ...] = ()


class MessageRecalled(EventBase, frozen=True, kw_only=True, tag="message_recalled"):
    target_seq: int


class ReactionAdded(EventBase, frozen=True, kw_only=True, tag="reaction_added"):
    target_seq: int
    reaction: str


class ReactionRemoved(EventBase, frozen=True, kw_only=True, tag="reaction_removed"):
    target_seq: int
    reaction: str


class ReadMarked(EventBase, frozen=True, kw_only=True, tag="read_marked"):
    """The actor has read everything up to `up_to_seq`, which holds `up_to_ordinal` messages: unread = head ordinal - up_to_ordinal."""

    up_to_seq: int
    up_to_ordinal: int


# ---- groups


class SettingsChanged(EventBase, frozen=True, kw_only=True, tag="settings_changed"):
    """`settings_version` counts the changes from 1."""

    settings: GroupSettings
    settings_version: int


class MemberInvited(EventBase, frozen=True, kw_only=True, tag="member_invited"):
    member: str
    role: Role


class InvitationDeclined(EventBase, frozen=True, kw_only=True, tag="invitation_declined"):
    """By the one who was invited."""


class ApplicationMade(EventBase, frozen=True, kw_only=True, tag="application_made"):
    """By the one who wants to join; `link_id`: the link it came by, or empty."""

    text: str
    link_id: str


class ApplicationDeclined(EventBase, frozen=True, kw_only=True, tag="application_declined"):
    member: str
    reason: str


class LinkCreated(EventBase, frozen=True, kw_only=True, tag="link_created"):
    """As `CreateLink`."""

    link_id: str
    secret_hash: str
    expires_at_ms: int
    uses_limit: int
    approval: bool


class LinkRevoked(EventBase, frozen=True, kw_only=True, tag="link_revoked"):
    link_id: str


class MemberBanned(EventBase, frozen=True, kw_only=True, tag="member_banned"):
    """Whether it was a member or not; from now on it is none."""

    member: str
    until_ms: int
    reason: str


class MemberUnbanned(EventBase, frozen=True, kw_only=True, tag="member_unbanned"):
    member: str


class MemberMuted(EventBase, frozen=True, kw_only=True, tag="member_muted"):
    member: str
    until_ms: int


class AllMuted(EventBase, frozen=True, kw_only=True, tag="all_muted"):
    until_ms: int


class RoleDefined(EventBase, frozen=True, kw_only=True, tag="role_defined"):
    role: Role
    level: int
    permissions: tuple[Permission, ...]


class RoleDropped(EventBase, frozen=True, kw_only=True, tag="role_dropped"):
    """Who had it is a member now."""

    role: Role


class NicknameChanged(EventBase, frozen=True, kw_only=True, tag="nickname_changed"):
    member: str
    nickname_id: str


class ConversationDissolved(EventBase, frozen=True, kw_only=True, tag="conversation_dissolved"):
    """Nobody may do anything any more; members may still read it."""


# ---- friends


class FriendRequested(EventBase, frozen=True, kw_only=True, tag="friend_requested"):
    """`member`: the other of the two, in this and all that follow."""

    member: str
    text: str


class FriendAccepted(EventBase, frozen=True, kw_only=True, tag="friend_accepted"):
    member: str
    text: str


class FriendDeclined(EventBase, frozen=True, kw_only=True, tag="friend_declined"):
    """`member`: who had asked."""

    member: str
    text: str


class FriendRemoved(EventBase, frozen=True, kw_only=True, tag="friend_removed"):
    """The actor ended the friendship, or took its own request back. `refuse_strangers`: who of the two takes no messages from strangers."""

    member: str
    refuse_strangers: tuple[str, ...] = ()


class UserBlocked(EventBase, frozen=True, kw_only=True, tag="user_blocked"):
    """Only the actor's own devices see it: to the other user it is `hidden`."""

    member: str


class UserUnblocked(EventBase, frozen=True, kw_only=True, tag="user_unblocked"):
    """As `UserBlocked`."""

    member: str


# ---- calls


class CallNoted(EventBase, frozen=True, kw_only=True, tag="call_noted"):
    """A call has ended; the actor is who called. It raises `ordinal`, for everybody, if somebody missed it.

    `call_seq`: of its record among the events of the conversation's calls. `duration_ms`: from the first media after an answer on.
    `missed_by`: for whom it was rung in vain.
    """

    call_id: str
    call_seq: int
    call_kind: CallKind
    media: CallMedia
    outcome: CallOutcome
    duration_ms: int
    missed_by: tuple[str, ...]


Event = (
    ConversationCreated
    | MemberAdded
    | MemberLeft
    | MemberRemoved
    | RoleChanged
    | ConversationRenamed
    | MessageSent
    | MessageEdited
    | MessageRecalled
    | ReactionAdded
    | ReactionRemoved
    | ReadMarked
    | SettingsChanged
    | MemberInvited
    | InvitationDeclined
    | ApplicationMade
    | ApplicationDeclined
    | LinkCreated
    | LinkRevoked
    | MemberBanned
    | MemberUnbanned
    | MemberMuted
    | AllMuted
    | RoleDefined
    | RoleDropped
    | NicknameChanged
    | ConversationDissolved
    | FriendRequested
    | FriendAccepted
    | FriendDeclined
    | FriendRemoved
    | UserBlocked
    | UserUnblocked
    | CallNoted
)
