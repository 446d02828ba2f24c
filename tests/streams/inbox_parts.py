"""What the tests of the inbox are made of: records of one user's life, and a partition of users that is fed by hand."""

from dataclasses import dataclass, field

from schemas.notices import (
    DeliveriesSettled,
    Mark,
    MessagesNotified,
    Notification,
    PushCancelled,
    PushRequested,
    RingNotified,
    RingOutcome,
    RingSettled,
)
from schemas.records import PresenceChanged, PresenceSet, RedeliveryAsked, SessionClosed, SessionEvent, SessionOpened, SessionRenewed
from schemas.values import ConversationKind, Qos
from streams.inbox.limits import InboxLimits
from streams.inbox.schedule import Waits
from streams.inbox.user import Effect
from streams.inbox.users import Users

START_MS = 1_700_000_000_000
SETTLE_MS = 2_000
TIMEOUT_MS = 15_000
REPEAT_MS = 3_600_000
LEASE_MS = 90_000
LIMITS = InboxLimits(settle_ms=SETTLE_MS, waits=Waits(TIMEOUT_MS, REPEAT_MS))


def opened(at_ms: int, user: str = "u-ana", session: str = "s-1", lease_ms: int = LEASE_MS) -> SessionOpened:
    return SessionOpened(
        tenant="default", user=user, device=f"d-{session}", session_id=session, node="edge-1", at_ms=at_ms, lease_ms=lease_ms
    )


def renewed(at_ms: int, user: str = "u-ana", session: str = "s-1", away: bool = False, lease_ms: int = LEASE_MS) -> SessionRenewed:
    place = {"tenant": "default", "user": user, "device": f"d-{session}", "session_id": session, "node": "edge-1"}
    return SessionRenewed(**place, at_ms=at_ms, lease_ms=lease_ms, away=away)


def closed(at_ms: int, user: str = "u-ana", session: str = "s-1") -> SessionClosed:
    return SessionClosed(
        tenant="default", user=user, device=f"d-{session}", session_id=session, node="edge-1", at_ms=at_ms, close_code=1000
    )


def shown(at_ms: int, user: str = "u-ana", session: str = "s-1", away: bool = False, status: str | None = None) -> PresenceSet:
    place = {"tenant": "default", "user": user, "device": f"d-{session}", "session_id": session, "node": "edge-1"}
    return PresenceSet(**place, at_ms=at_ms, away=away, status=status)


def notified(
    from_seq: int,
    to_seq: int = 0,
    users: tuple[str, ...] = ("u-ana",),
    conversation: str = "g-1",
    kind: ConversationKind = "group",
    qos: Qos = "effectively_once",
) -> MessagesNotified:
    return MessagesNotified(
        tenant="default",
        conversation_id=conversation,
        conversation_kind=kind,
        qos=qos,
        from_seq=from_seq,
        to_seq=to_seq or from_seq,
        sender="u-ben",
        at_ms=START_MS,
        users=users,
    )


def settled(up_to_seq: int, user: str = "u-ana", conversation: str = "g-1") -> DeliveriesSettled:
    return DeliveriesSettled(tenant="default", at_ms=START_MS, marks=(Mark(user, "d-1", conversation, up_to_seq),))


def rung(
    seq: int, users: tuple[str, ...] = ("u-ana",), call: str = "call-1", at_ms: int = START_MS, ring_ms: int = 60_000, caller: str = "u-ben"
) -> RingNotified:
    return RingNotified(
        tenant="default",
        conversation_id="r-1",
        conversation_kind="direct",
        call_id=call,
        seq=seq,
        caller=caller,
        video=True,
        deadline_ms=at_ms + ring_ms,
        at_ms=at_ms,
        users=users,
    )


def rang(outcome: RingOutcome, seq: int, users: tuple[str, ...] = ("u-ana",), call: str = "call-1", at_ms: int = START_MS) -> RingSettled:
    return RingSettled(tenant="default", conversation_id="r-1", call_id=call, seq=seq, outcome=outcome, at_ms=at_ms, users=users)


@dataclass
class Fed:
    """Users whose time passes by hand; every effect is kept with the time at which it was handed out."""

    now_ms: int = START_MS
    limits: InboxLimits = LIMITS
    effects: list[tuple[int, Effect]] = field(default_factory=list)
    users: Users = field(init=False)

    def __post_init__(self) -> None:
        self.users = Users(self.limits)
        self.users.begin(self.now_ms)
        self.users.release(self.now_ms)

    def feed(self, *records: SessionEvent | Notification) -> None:
        for record in records:
            if isinstance(record, Notification):
                self.users.on_notification(record, self.now_ms)
            else:
                self.users.on_session(record, self.now_ms)
        self.take()

    def take(self) -> None:
        self.effects += [(self.now_ms, effect) for effect in self.users.take_effects()]

    def until(self, at_ms: int) -> None:
        """Let time pass, waking exactly when the users ask for it."""
        while (wake_ms := self.users.next_ms) is not None and wake_ms <= at_ms:
            self.now_ms = max(self.now_ms, wake_ms)
            self.users.due(self.now_ms)
            self.take()
        self.now_ms = at_ms
        self.users.due(at_ms)
        self.take()

    def after(self, passed_ms: int) -> None:
        self.until(self.now_ms + passed_ms)

    @property
    def presences(self) -> list[PresenceChanged]:
        return [effect for _, effect in self.effects if isinstance(effect, PresenceChanged)]

    @property
    def pushes(self) -> list[PushRequested]:
        return [effect for _, effect in self.effects if isinstance(effect, PushRequested)]

    @property
    def cancelled(self) -> list[PushCancelled]:
        return [effect for _, effect in self.effects if isinstance(effect, PushCancelled)]

    @property
    def redeliveries(self) -> list[RedeliveryAsked]:
        return [effect for _, effect in self.effects if isinstance(effect, RedeliveryAsked)]
