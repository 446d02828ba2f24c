"""One user: sessions on all devices, the presence that was told, what is pending. Pure; time is an argument.

Rule 1: every method that changes what is pending says so by `changed`, and only that is saved.
Rule 2: `wake_ms` is never later than the moment at which time alone changes anything; being too early does no harm.
"""

from dataclasses import dataclass, field
from typing import assert_never

from schemas.notices import MessagesNotified, PendingState, PushCancelled, PushRequested, RingNotified, RingSettled, RingState
from schemas.records import PresenceChanged, RedeliveryAsked, SessionEvent
from streams.inbox import pending as pendings
from streams.inbox import rings
from streams.inbox.limits import InboxLimits
from streams.inbox.pending import Ask, AskPush, AskRedelivery
from streams.inbox.presence import UNSEEN, Shown, tell_ms
from streams.inbox.rings import AskRing, CancelRing, RingAsk
from streams.inbox.sessions import Sessions

Effect = PresenceChanged | PushRequested | PushCancelled | RedeliveryAsked


@dataclass(slots=True)
class User:
    """`saved`: whether the log holds a snapshot of what is pending; `told_ms`, `differs_ms`: see `presence.tell_ms`, 0: not lately, not."""

    name: str
    tenant: str
    sessions: Sessions = field(default_factory=Sessions)
    shown: Shown = UNSEEN
    told_ms: int = 0
    differs_ms: int = 0
    pending: dict[str, PendingState] = field(default_factory=dict)
    rings: dict[str, RingState] = field(default_factory=dict)  # by call
    saved: bool = False
    changed: bool = False
    counted: int = 0  # what of `pending` is in the partition's count
    wake_ms: int | None = None

    # ---- presence

    def on_session(self, event: SessionEvent) -> None:
        self.tenant = event.tenant
        self.sessions.fold(event)

    def tell(self, now_ms: int, floor_ms: int, limits: InboxLimits) -> list[Effect]:
        """The presence, if it is time to publish it."""
        self.sessions.expire(now_ms)
        state, status = self.sessions.state(now_ms), self.sessions.status
        if not self.shown.differs(state, status):
            self.differs_ms = 0
            return []
        if not 0 < self.differs_ms <= now_ms:  # it has just begun to, or the clock was set back
            self.differs_ms = now_ms
        if self.told_ms > now_ms:
            self.told_ms = 0
        if now_ms < tell_ms(self.shown, state, self.differs_ms, self.told_ms, limits.settle_ms):
            return []
        at_ms = max(now_ms, floor_ms, self.shown.at_ms + 1)
        seen_ms = at_ms if state == "online" else max(self.sessions.online_ms, self.shown.last_seen_ms)
        self.shown, self.told_ms, self.differs_ms = Shown(state, status, seen_ms, at_ms), now_ms, 0
        return [PresenceChanged(tenant=self.tenant, user=self.name, state=state, status=status, last_seen_ms=seen_ms, at_ms=at_ms)]

    # ---- what is pending

    def on_notified(self, notification: MessagesNotified, from_seq: int, now_ms: int, limits: InboxLimits) -> list[Effect]:
        self.tenant = notification.tenant
        conversation = notification.conversation_id
        live = not self.sessions.absent(now_ms, limits.settle_ms)
        before = self.pending.get(conversation)
        if before is not None:
            before = pendings.turned(before, live, now_ms)
        self._put(conversation, pendings.notified(before, notification, from_seq, live, now_ms))
        return self._overflow(now_ms, limits)

    def _overflow(self, now_ms: int, limits: InboxLimits) -> list[Effect]:
        """More conversations than are kept: the oldest is given to a push and forgotten."""
        if len(self.pending) <= limits.conversations_limit:
            return []
        conversation = next(iter(self.pending))
        ask, _ = pendings.pushed(self.pending[conversation])
        self._put(conversation, None)
        return self._effects([ask] if ask is not None else [], now_ms)

    def on_delivered(self, conversation: str, up_to_seq: int, now_ms: int) -> list[Effect]:
        before = self.pending.get(conversation)
        if before is None or up_to_seq < before.from_seq:
            return []
        self._put(conversation, pendings.delivered(before, up_to_seq, now_ms))
        if before.pushed_seq < before.from_seq:
            return []
        last = min(up_to_seq, before.to_seq)
        return [PushCancelled(tenant=self.tenant, user=self.name, conversation_id=conversation, up_to_seq=last, at_ms=now_ms)]

    def reach(self, conversation: str, now_ms: int, limits: InboxLimits) -> list[Effect]:
        """Everything that is due for this conversation."""
        before = self.pending[conversation]
        live = not self.sessions.absent(now_ms, limits.settle_ms)
        turned = pendings.turned(before, live, now_ms)
        after, asks = pendings.advanced(turned, limits.waits, limits.keep_ms, now_ms)
        if after != before:
            self._put(conversation, after)
        return self._effects(asks, now_ms)

    def _put(self, conversation: str, pending: PendingState | None) -> None:
        if pending is None:
            del self.pending[conversation]
        elif self.pending.get(conversation) == pending:
            return
        else:
            self.pending[conversation] = pending
        self._touched()

    def _touched(self) -> None:
        self.changed = bool(self.pending or self.rings) or self.saved

    def _effects(self, asks: list[Ask], now_ms: int) -> list[Effect]:
        return [self._effect(ask, now_ms) for ask in asks]

    def _effect(self, ask: Ask, now_ms: int) -> Effect:
        common = {"tenant": self.tenant, "user": self.name, "conversation_id": ask.conversation_id, "at_ms": now_ms}
        match ask:
            case AskRedelivery(from_seq=from_seq):
                return RedeliveryAsked(from_seq=from_seq, **common)  # type: ignore[arg-type]
            case AskPush(from_seq=from_seq, to_seq=to_seq, attempt=attempt, reason=reason):
                return PushRequested(
                    push_id=f"{self.name}:{ask.conversation_id}:{to_seq}:{attempt}",
                    conversation_kind=ask.conversation_kind,
                    from_seq=from_seq,
                    to_seq=to_seq,
                    attempt=attempt,
                    reason=reason,
                    **common,  # type: ignore[arg-type]
                )
            case _:
                assert_never(ask)

    # ---- rings

    def on_rung(self, notification: RingNotified, now_ms: int, limits: InboxLimits) -> None:
        self.tenant = notification.tenant
        call, absent = notification.call_id, self.sessions.absent(now_ms, limits.settle_ms)
        self._put_ring(call, rings.rung(self.rings.get(call), notification, absent, now_ms, limits.rings))
        while len(self.rings) > limits.rings.rings_limit:
            self._put_ring(next(iter(self.rings)), None)

    def on_ring_settled(self, said: RingSettled, now_ms: int, limits: InboxLimits) -> list[Effect]:
        before = self.rings.get(said.call_id)
        if before is None:
            return []
        after, asks = rings.settled(before, said, self.sessions.absent(now_ms, limits.settle_ms))
        self._put_ring(said.call_id, after)
        return [self._ring_effect(ask, said.at_ms, now_ms, limits) for ask in asks]

    def reach_rings(self, now_ms: int, limits: InboxLimits) -> list[Effect]:
        """Everything that is due for the rings."""
        effects: list[Effect] = []
        absent = bool(self.rings) and self.sessions.absent(now_ms, limits.settle_ms)
        for call, ring in list(self.rings.items()):
            after, asks = rings.reached(ring, absent, now_ms)
            self._put_ring(call, None if after.forget_ms <= now_ms else after)
            effects += [self._ring_effect(ask, ring.rung_ms, now_ms, limits) for ask in asks]
        return effects

    def _put_ring(self, call: str, ring: RingState | None) -> None:
        if ring is None:
            del self.rings[call]
        elif self.rings.get(call) == ring:
            return
        else:
            self.rings[call] = ring
        self._touched()

    def _ring_effect(self, ask: RingAsk, at_ms: int, now_ms: int, limits: InboxLimits) -> Effect:
        ring = ask.ring
        common = {"tenant": self.tenant, "user": self.name, "conversation_id": ring.conversation_id, "ref": ring.call_id}
        match ask:
            case CancelRing(replaced=replaced):
                return PushCancelled(up_to_seq=0, at_ms=now_ms, attempt=ring.rung_seq, replaced=replaced, **common)
            case AskRing(attempt=attempt, missed=missed):
                return PushRequested(
                    push_id=f"{self.name}:{ring.call_id}:0:{attempt}",
                    conversation_kind=ring.conversation_kind,
                    from_seq=0,
                    to_seq=0,
                    attempt=attempt,
                    reason="absent" if self.sessions.absent(now_ms, limits.settle_ms) else "silent",
                    at_ms=at_ms,
                    purpose="call",
                    deadline_ms=0 if missed else ring.deadline_ms,
                    caller=ring.caller,
                    video=ring.video,
                    missed=missed,
                    **common,
                )
            case _:
                assert_never(ask)

    # ---- time

    def idle(self, now_ms: int, limits: InboxLimits) -> bool:
        """Whether nothing of the user needs to be kept in memory."""
        plain = self.shown.state == "offline" and not self.shown.status and not self.sessions.status
        quiet = not self.sessions.live and not self.pending and not self.rings and not self.changed and not self.saved
        return plain and quiet and now_ms >= self.told_ms + limits.settle_ms and now_ms >= self.sessions.live_ms + limits.settle_ms

    def next_ms(self, now_ms: int, limits: InboxLimits, *, reaching: bool) -> int | None:
        """When time alone changes something next. `reaching` False: what is pending is not looked at."""
        moments: list[int] = []
        if (end_ms := self.sessions.next_end_ms) is not None:
            moments.append(end_ms)
        if self.differs_ms:
            state = self.sessions.state(now_ms)
            moments.append(tell_ms(self.shown, state, self.differs_ms, self.told_ms, limits.settle_ms))
        if self.pending and reaching:
            moments.append(min(pendings.due_ms(each, limits.waits, limits.keep_ms) for each in self.pending.values()))
        if self.rings and reaching:
            moments.append(min(rings.next_ms(each, now_ms) for each in self.rings.values()))
        if (self.pending or self.rings) and reaching and not self.sessions.absent(now_ms, limits.settle_ms):
            moments.append(self.sessions.absent_from_ms(now_ms, limits.settle_ms))
        if not moments and not self.pending and not self.rings and not self.saved:
            moments.append(max(now_ms, self.told_ms, self.sessions.live_ms) + limits.settle_ms)  # then it may be idle
        return min(moments, default=None)
