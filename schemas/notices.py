"""What leads from a message to a user who did not get it: notifications, what the inbox keeps of them, push-requests. Pure."""

from typing import Literal

from msgspec import Struct

from schemas.values import ConversationKind, Qos

PushReason = Literal["absent", "silent", "undelivered"]  # no live session; one that does not answer; still not delivered long after a push
PushPurpose = Literal["message", "call", "campaign"]


class MessagesNotified(Struct, frozen=True, kw_only=True, tag_field="kind", tag="messages_notified"):
    """These users should get the messages `from_seq`..`to_seq` of one sender (topic `notifications`).

    Shape: all users belong to the record's partition. Delivery: at least once; repeats collapse by (user, conversation, seq).
    """

    tenant: str
    conversation_id: str
    conversation_kind: ConversationKind
    qos: Qos
    from_seq: int
    to_seq: int
    sender: str
    at_ms: int
    users: tuple[str, ...]


class Mark(Struct, frozen=True):
    """A user needs nothing more of a conversation up to `up_to_seq`: a device has it, or the user is no member any more (device "")."""

    user: str
    device: str
    conversation_id: str
    up_to_seq: int


class DeliveriesSettled(Struct, frozen=True, kw_only=True, tag_field="kind", tag="deliveries_settled"):
    """Marks of users of the record's partition (topic `notifications`); the largest of a user and conversation wins."""

    tenant: str
    at_ms: int
    marks: tuple[Mark, ...]


class RingNotified(Struct, frozen=True, kw_only=True, tag_field="kind", tag="ring_notified"):
    """These users are rung by a call until `deadline_ms` (topic `notifications`).

    Shape: all users belong to the record's partition. `caller`: who invited them. `seq`: of the call's event, which a repeat has too.
    """

    tenant: str
    conversation_id: str
    conversation_kind: ConversationKind
    call_id: str
    seq: int
    caller: str
    video: bool
    deadline_ms: int
    at_ms: int
    users: tuple[str, ...]


RingOutcome = Literal["stopped", "delivered", "missed"]  # it rings no more; a device has it; it rang in vain


class RingSettled(Struct, frozen=True, kw_only=True, tag_field="kind", tag="ring_settled"):
    """What became of these users' ring (topic `notifications`). Shape: as `RingNotified`, and `seq` above that of the ring it is about."""

    tenant: str
    conversation_id: str
    call_id: str
    seq: int
    outcome: RingOutcome
    at_ms: int
    users: tuple[str, ...]


Notification = MessagesNotified | DeliveriesSettled | RingNotified | RingSettled


class PushRequested(Struct, frozen=True, kw_only=True, tag_field="kind", tag="push_requested"):
    """Reach this user about these messages (topic `push-requests`, key user).

    Delivery: at least once. Of one user, conversation and attempt, what an earlier request asked for already is a repeat.
    `purpose`: message; call (`ref`: its id, `deadline_ms`: when it stops ringing); campaign (`ref`: its id, no conversation).
    `deadline_ms` 0: as long after the message as STREAMS_PUSH_TTL_MS says. Of a call `attempt` is the seq of the call's event that asks,
    so a later one of the same call is always larger; `missed`: it rang in vain.
    """

    push_id: str  # user:conversation:to_seq:attempt
    tenant: str
    user: str
    conversation_id: str
    conversation_kind: ConversationKind
    from_seq: int
    to_seq: int
    attempt: int  # from 1; the second only where the message's QoS wants one
    reason: PushReason
    at_ms: int
    purpose: PushPurpose = "message"
    ref: str = ""
    deadline_ms: int = 0
    caller: str = ""
    video: bool = False
    missed: bool = False


class PushCancelled(Struct, frozen=True, kw_only=True, tag_field="kind", tag="push_cancelled"):
    """What was asked for this user and conversation up to `up_to_seq` has become needless.

    `ref`: a call; then it is what was asked about its ring up to `attempt`. `replaced`: a request about the same follows, and what that
    shows takes the place of what is shown, so nothing needs to be taken back.
    """

    tenant: str
    user: str
    conversation_id: str
    up_to_seq: int
    at_ms: int
    ref: str = ""
    attempt: int = 0
    replaced: bool = False


class PendingState(Struct, frozen=True):
    """Messages `from_seq`..`to_seq` of a conversation that were notified and not delivered, and how far the schedule got with them.

    `pushed_seq`: up to where a push was asked for (0: none), `pushes` times. `step`: the next of the schedule that began at `base_ms`,
    which is the one for a live session or the one for an absent user.
    """

    conversation_id: str
    conversation_kind: ConversationKind
    qos: Qos
    from_seq: int
    to_seq: int
    pushed_seq: int
    pushes: int
    live: bool
    step: int
    base_ms: int


RingPhase = Literal["over", "rung", "delivered"]


class RingState(Struct, frozen=True):
    """A ring of a user. It is kept for a while after it is over, so that what is repeated rings nobody.

    `rung_ms`, `rung_seq`: of the event that began it; `seq`: of the last one that counted. `push_ms`: when a push is asked for, `pushed`:
    it was. `forget_ms`: when nothing of it comes any more.
    """

    call_id: str
    conversation_id: str
    conversation_kind: ConversationKind
    caller: str
    video: bool
    phase: RingPhase
    rung_ms: int
    rung_seq: int
    seq: int
    deadline_ms: int
    push_ms: int
    pushed: bool
    forget_ms: int


class InboxSaved(Struct, frozen=True, kw_only=True, tag_field="kind", tag="inbox_saved"):
    """All that is pending for a user (topic `inbox-state`, key user); a record without a value: nothing."""

    tenant: str
    user: str
    at_ms: int
    pending: tuple[PendingState, ...]
    rings: tuple[RingState, ...] = ()


Notice = MessagesNotified | DeliveriesSettled | RingNotified | RingSettled | PushRequested | PushCancelled | InboxSaved
