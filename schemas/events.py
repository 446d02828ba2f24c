"""Facts of a conversation (topic `conversation-events`): accepted, dense by seq, never changed.

The conversation owner (`streams/`) makes them; edges, projectors and enterprise consumers read them. The class's tag is its record's name.
"""

from msgspec import Struct

from schemas.values import Content, ConversationKind, Member, Qos, Role


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


class MemberAdded(EventBase, frozen=True, kw_only=True, tag="member_added"):
    member: str
    role: Role


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
)
