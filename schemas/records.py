"""Every other record that crosses a process boundary: replies, sessions, receipts, signals, the owner's state, dead letters."""

from typing import Literal

from msgspec import Struct

from schemas.values import Content, ConversationKind, PresenceState, Role, WatermarkState

RefusalCode = Literal[
    "already_done",
    "already_friends",
    "already_member",
    "applications_limit",
    "banned",
    "bans_limit",
    "blocked",
    "clock_ahead",
    "command_id_reused",
    "conversation_exists",
    "dissolved",
    "empty",
    "friends_limit",
    "invalid",
    "invitations_limit",
    "link_invalid",
    "links_limit",
    "members_limit",
    "muted",
    "mutes_limit",
    "no_request",
    "not_allowed",
    "not_invited",
    "not_member",
    "owner_must_stay",
    "roles_limit",
    "seq_ahead",
    "slow_mode",
    "stale",
    "stale_settings",
    "strangers_refused",
    "too_late",
    "too_long",
    "too_soon",
    "unknown_conversation",
    "unknown_target",
    "vetoed",
]


class ReplyBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """An answer that is not an event (topic `replies`), at least once."""

    tenant: str
    conversation_id: str
    command_id: str
    user: str
    device: str
    trace_id: str
    at_ms: int


class CommandRefused(ReplyBase, frozen=True, kw_only=True, tag="command_refused"):
    code: RefusalCode
    detail: str
    retry_after_ms: int = 0


class CommandRepeated(ReplyBase, frozen=True, kw_only=True, tag="command_repeated"):
    """The command was accepted before; `seq` and `ordinal` are those of its event, `accepted_at_ms` its time.

    `seq` 0: it is a read mark that became a receipt (topic `receipts`) and no event.
    """

    seq: int
    ordinal: int
    accepted_at_ms: int


Reply = CommandRefused | CommandRepeated


class SessionBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A live WebSocket of a device on an edge node (topic `sessions`, key user). Dead when its lease ran out."""

    tenant: str
    user: str
    device: str
    session_id: str
    node: str
    at_ms: int


class SessionOpened(SessionBase, frozen=True, kw_only=True, tag="session_opened"):
    lease_ms: int


class SessionRenewed(SessionBase, frozen=True, kw_only=True, tag="session_renewed"):
    """`away` is repeated, because only the last record of a user outlives compaction."""

    lease_ms: int
    away: bool = False


class SessionClosed(SessionBase, frozen=True, kw_only=True, tag="session_closed"):
    close_code: int


class PresenceSet(SessionBase, frozen=True, kw_only=True, tag="presence_set"):
    """What the user wants shown, said on one session. `status` None: as it was; empty: none."""

    away: bool
    status: str | None = None


SessionEvent = SessionOpened | SessionRenewed | SessionClosed | PresenceSet


class PresenceChanged(Struct, frozen=True, kw_only=True, tag_field="kind", tag="presence_changed"):
    """A user's presence from now on (topic `presence`, key user). `last_seen_ms`: when it was last online; now, while it is."""

    tenant: str
    user: str
    state: PresenceState
    status: str
    last_seen_ms: int
    at_ms: int


class WatermarkRaised(Struct, frozen=True, kw_only=True, tag_field="kind", tag="watermark_raised"):
    """How far a user got in a conversation, on one device (topic `receipts`); the largest wins, of `unread` the last.

    `hidden`: not to be shown to other users.
    """

    tenant: str
    conversation_id: str
    user: str
    device: str
    state: WatermarkState
    up_to_seq: int
    up_to_ordinal: int = 0
    hidden: bool = False
    at_ms: int


class DeliveredMarked(Struct, frozen=True, kw_only=True, tag_field="kind", tag="delivered_marked"):
    """A delivered watermark as it was written before `watermark_raised`."""

    tenant: str
    conversation_id: str
    user: str
    device: str
    up_to_seq: int
    at_ms: int


class TypingSignalled(Struct, frozen=True, kw_only=True, tag_field="kind", tag="typing_signalled"):
    """May be lost (topic `signals`)."""

    tenant: str
    conversation_id: str
    user: str
    device: str
    typing: bool
    at_ms: int


class MessageSignalled(Struct, frozen=True, kw_only=True, tag_field="kind", tag="message_signalled"):
    """An ephemeral message (topic `signals`): to whoever is there now, kept by nobody."""

    tenant: str
    conversation_id: str
    user: str
    device: str
    command_id: str
    content: Content
    at_ms: int


class RedeliveryAsked(Struct, frozen=True, kw_only=True, tag_field="kind", tag="redelivery_asked"):
    """The inbox asks the edges to write again what this user's sessions have not acknowledged (topic `signals`)."""

    tenant: str
    conversation_id: str
    user: str
    from_seq: int
    at_ms: int


SignalRecord = TypingSignalled | MessageSignalled | RedeliveryAsked


class LogPassed(Struct, frozen=True, kw_only=True, tag_field="kind", tag="log_passed"):
    """A process has handled every record before `next_offset` (topic `passages`), said at most once a second."""

    process: str
    stage: Literal["fanned_out", "projected"]
    topic: str
    partition: int
    next_offset: int
    at_ms: int


class MemberState(Struct, frozen=True, gc=False):
    user: str
    role: Role
    joined_seq: int
    read_seq: int
    read_ordinal: int


class RecentCommand(Struct, frozen=True, gc=False, array_like=True):
    """An accepted command that is still remembered: for its repeats, and for edits and recalls of its message."""

    command_id: bytes  # 16 bytes of the UUID
    fingerprint: bytes  # 8 bytes of the payload's hash
    seq: int
    ordinal: int
    at_ms: int
    author: str
    message: int  # 0: not a message, 1: a message, 2: a recalled message, 3: a read mark, 4: a call that counts as one


class RecentCommandRecord(Struct, frozen=True, gc=False):
    """`RecentCommand` as snapshots up to version 2 hold it."""

    command_id: bytes
    fingerprint: bytes
    seq: int
    ordinal: int
    at_ms: int
    author: str
    message: int


class CommandFloor(Struct, frozen=True, gc=False):
    """A user's newest command that was forgotten by count: whatever is not newer and not remembered is refused as stale."""

    user: str
    command_id: bytes


class ConversationSnapshot(Struct, frozen=True, kw_only=True, tag_field="kind", tag="conversation_snapshot"):
    """The owner's whole state of one conversation, after the event at `events_offset` of its partition."""

    tenant: str
    conversation_id: str
    events_offset: int
    conversation_kind: ConversationKind
    title: str
    head_seq: int
    head_ordinal: int
    head_at_ms: int
    members: tuple[MemberState, ...]
    recent: tuple[RecentCommandRecord, ...] = ()  # up to version 2
    floors: tuple[CommandFloor, ...] = ()  # since version 2
    remembered: bytes = b""  # since version 3: the `RecentCommand`s as MessagePack, a tenth of the time
    standing: bytes = b""  # since version 4: who may do what, besides the members, as MessagePack; empty: as a conversation begins
    parts: int = 0  # since version 4: in so many records of their own are members and floors; 0: they are here
    call_seq: int = 0  # since version 5: of the last call that was noted, among the events of the conversation's calls


class ConversationMembersPart(Struct, frozen=True, kw_only=True, tag_field="kind", tag="conversation_members_part"):
    """What the owner keeps by user of the users of one part of a large conversation, after the event `head_seq`."""

    tenant: str
    conversation_id: str
    part: int
    head_seq: int
    users: bytes  # members, floors and who spoke when, as MessagePack


class OwnerCheckpoint(Struct, frozen=True, kw_only=True, tag_field="kind", tag="owner_checkpoint"):
    """Everything before `events_next` is in snapshots; commands before `commands_next` were used."""

    partition: int
    events_next: int
    commands_next: int
    at_ms: int


class WriterChanged(Struct, frozen=True, kw_only=True, tag_field="kind", tag="writer_changed"):
    """A new owner took the partition over; nothing of its predecessors comes after this record."""

    partition: int
    writer: str
    at_ms: int


class DeadLetter(Struct, frozen=True, kw_only=True, tag_field="kind", tag="dead_letter"):
    """Bytes that could not be understood, with where they came from."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    consumer: str
    at_ms: int


Record = (
    CommandRefused
    | CommandRepeated
    | SessionOpened
    | SessionRenewed
    | SessionClosed
    | PresenceSet
    | PresenceChanged
    | WatermarkRaised
    | DeliveredMarked
    | TypingSignalled
    | MessageSignalled
    | RedeliveryAsked
    | LogPassed
    | ConversationMembersPart
    | ConversationSnapshot
    | OwnerCheckpoint
    | WriterChanged
    | DeadLetter
)
