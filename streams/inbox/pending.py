"""What was notified to a user in one conversation and is not delivered: how it begins, shrinks, and what is due for it. Pure.

Rule 1: a seq leaves only by being delivered (or its user leaving), or after a push was asked for it and the time to keep it is over.
Rule 2: one run of seqs per conversation with one deadline, the oldest one's: what is newer is asked for a little earlier than it must.
"""

from dataclasses import dataclass
from typing import assert_never

from msgspec.structs import replace

from schemas.notices import MessagesNotified, PendingState, PushReason
from schemas.values import ConversationKind
from streams.inbox.schedule import Action, Waits, steps


@dataclass(frozen=True, slots=True)
class AskRedelivery:
    conversation_id: str
    from_seq: int


@dataclass(frozen=True, slots=True)
class AskPush:
    conversation_id: str
    conversation_kind: ConversationKind
    from_seq: int
    to_seq: int
    attempt: int
    reason: PushReason


Ask = AskRedelivery | AskPush


def notified(before: PendingState | None, notification: MessagesNotified, from_seq: int, live: bool, now_ms: int) -> PendingState:
    """With the notification's messages from `from_seq` on. Shape: unchanged when they were all there already."""
    if before is None:
        return PendingState(
            conversation_id=notification.conversation_id,
            conversation_kind=notification.conversation_kind,
            qos=notification.qos,
            from_seq=from_seq,
            to_seq=notification.to_seq,
            pushed_seq=0,
            pushes=0,
            live=live,
            step=0,
            base_ms=now_ms,
        )
    if notification.to_seq <= before.to_seq:
        return before
    qos = "at_least_once" if "at_least_once" in (before.qos, notification.qos) else before.qos  # the schedule with more steps
    grown = replace(before, to_seq=notification.to_seq, qos=qos)
    if before.live and before.pushed_seq == 0:
        return grown  # the older one's deadline is under way, and covers this one
    return replace(grown, step=0, base_ms=now_ms)


def delivered(before: PendingState, up_to_seq: int, now_ms: int) -> PendingState | None:
    """What is left; None: nothing. A session that made progress gets its time anew."""
    if up_to_seq >= before.to_seq:
        return None
    if up_to_seq < before.from_seq:
        return before
    left = replace(before, from_seq=up_to_seq + 1)
    if left.pushed_seq <= up_to_seq:
        left = replace(left, pushed_seq=0, pushes=0)
    return replace(left, step=0, base_ms=now_ms) if before.live else left


def turned(before: PendingState, live: bool, now_ms: int) -> PendingState:
    """With the schedule for a user who is there (or not), which begins when the user came (or went)."""
    if before.live != live:
        return replace(before, live=live, step=0, base_ms=now_ms)
    return replace(before, base_ms=now_ms) if before.base_ms > now_ms else before  # the clock was set back


def due_ms(pending: PendingState, waits: Waits, keep_ms: int) -> int:
    """When something is next to be done: the schedule's step, or forgetting it."""
    planned = steps(pending.conversation_kind, pending.qos, pending.live, waits)
    return pending.base_ms + (planned[pending.step].after_ms if pending.step < len(planned) else keep_ms)


def advanced(pending: PendingState, waits: Waits, keep_ms: int, now_ms: int) -> tuple[PendingState | None, list[Ask]]:
    """After everything that is due by now, and what that asks for; None: it was kept long enough."""
    planned = steps(pending.conversation_kind, pending.qos, pending.live, waits)
    asks: list[Ask] = []
    while due_ms(pending, waits, keep_ms) <= now_ms:
        if pending.step >= len(planned):
            return None, asks
        ask, pending = _taken(replace(pending, step=pending.step + 1), planned[pending.step].action)
        if ask is not None:
            asks.append(ask)
    return pending, asks


def pushed(pending: PendingState) -> tuple[AskPush | None, PendingState]:
    """A push for what none was asked for yet."""
    if pending.pushed_seq >= pending.to_seq:
        return None, pending
    from_seq = max(pending.from_seq, pending.pushed_seq + 1)
    reason: PushReason = "silent" if pending.live else "absent"
    ask = AskPush(pending.conversation_id, pending.conversation_kind, from_seq, pending.to_seq, 1, reason)
    return ask, replace(pending, pushed_seq=pending.to_seq, pushes=1)


def _taken(pending: PendingState, action: Action) -> tuple[Ask | None, PendingState]:
    match action:
        case Action.REDELIVER:
            return AskRedelivery(pending.conversation_id, pending.from_seq), pending
        case Action.PUSH:
            return pushed(pending)
        case Action.PUSH_AGAIN:
            if pending.pushes > 1:
                return None, pending
            place = (pending.conversation_id, pending.conversation_kind)
            again = AskPush(*place, pending.from_seq, pending.to_seq, 2, "undelivered")
            return again, replace(pending, pushed_seq=pending.to_seq, pushes=2)
        case _:
            assert_never(action)
