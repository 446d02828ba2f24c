"""What follows from a decision and from a vendor's answer: rows, records to be tried again, results, tokens to be removed. Pure.

Called by the outbox's lane, which performs it in this order: rows, removals, retry records, results; then the request is settled.
"""

from dataclasses import dataclass, field

from schemas.notices import PushCancelled, PushRequested
from schemas.pushes import PushResult, PushRetrying, PushState
from store.pushing import Alerted, AlertRow, PushToken
from streams.push.channels.port import Accepted, Outcome, Refused
from streams.push.decide import Planned, Suppressed
from streams.push.reasons import state_of
from streams.push.retrying import in_time, spared
from streams.push.situation import subject_of

VENDOR_CODE_CHARACTERS = 64
SHOWN_KINDS = ("alert", "ring")
RETRY_SHORT_TOPIC = "push-retry-10s"
RETRY_MIDDLE_TOPIC = "push-retry-1m"
RETRY_LONG_TOPIC = "push-retry-10m"


@dataclass(frozen=True, slots=True)
class Classes:
    """The longest delays of the short and the middle retry topic."""

    short_ms: int
    middle_ms: int

    def topic(self, delay_ms: int) -> str:
        if delay_ms <= self.short_ms:
            return RETRY_SHORT_TOPIC
        return RETRY_MIDDLE_TOPIC if delay_ms <= self.middle_ms else RETRY_LONG_TOPIC


@dataclass(frozen=True, slots=True)
class Dead:
    """A token that its vendor will not take any more. `reason`: the vendor's word. `asked_ms`: a registration after it stays."""

    tenant: str
    token: PushToken
    reason: str
    asked_ms: int


@dataclass(slots=True)
class Outputs:
    """What one request came to. `retries`: (topic, record)."""

    rows: list[AlertRow] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    retries: list[tuple[str, PushRetrying]] = field(default_factory=list)
    results: list[PushResult] = field(default_factory=list)

    def add(self, other: "Outputs") -> None:
        self.rows += other.rows
        self.dead += other.dead
        self.retries += other.retries
        self.results += other.results

    def __bool__(self) -> bool:
        return bool(self.rows or self.dead or self.retries or self.results)


@dataclass(frozen=True, slots=True)
class About:
    """The request that is worked on. `subject`: what its alerts are about; `tries`: sends that a vendor saw before."""

    request: PushRequested
    subject: str
    tries: int = 0

    @classmethod
    def of(cls, request: PushRequested, tries: int = 0) -> "About":
        return cls(request, subject_of(request), tries)


def about_withdrawal(cancelled: PushCancelled, subject: str) -> About:
    """As if it had been a request: what is taken back about the subject."""
    until = cancelled.attempt if cancelled.ref else cancelled.up_to_seq
    request = PushRequested(
        push_id=f"{cancelled.user}:{subject}:{until}:withdraw",
        tenant=cancelled.tenant,
        user=cancelled.user,
        conversation_id=cancelled.conversation_id,
        conversation_kind="group",
        from_seq=cancelled.up_to_seq,
        to_seq=cancelled.up_to_seq,
        attempt=cancelled.attempt or 1,
        reason="absent",
        at_ms=cancelled.at_ms,
        purpose="call" if cancelled.ref else "message",
        ref=cancelled.ref,
    )
    return About(request, subject)


def result(
    about: About,
    state: PushState,
    reason: str,
    now_ms: int,
    *,
    device: str = "",
    channel: str = "",
    token_id: str = "",
    send_key: str = "",
    status: int = 0,
    code: str = "",
    tries: int = 0,
    latency_ms: int = 0,
) -> PushResult:
    request = about.request
    return PushResult(
        push_id=request.push_id,
        tenant=request.tenant,
        user=request.user,
        conversation_id=request.conversation_id,
        from_seq=request.from_seq,
        to_seq=request.to_seq,
        purpose=request.purpose,
        ref=request.ref,
        device=device,
        channel=channel,
        token_id=token_id,
        send_key=send_key,
        state=state,
        reason=reason,
        vendor_status=status,
        vendor_code=code[:VENDOR_CODE_CHARACTERS],
        tries=tries,
        latency_ms=latency_ms,
        at_ms=now_ms,
    )


def suppressed(about: About, one: Suppressed, now_ms: int) -> PushResult:
    return result(
        about,
        state_of(one.reason),
        one.reason,
        now_ms,
        device=one.device,
        channel=one.channel,
        token_id=one.token_id,
        tries=about.tries,
    )


def answered(
    about: About, planned: Planned, outcome: Outcome, latency_ms: int, delay_ms: int | None, now_ms: int, classes: Classes
) -> Outputs:
    """`delay_ms`: after how long it may be tried again; None: never."""
    match outcome:
        case Accepted():
            return _accepted(about, planned, outcome, latency_ms, now_ms)
        case Refused():
            return _refused(about, planned, outcome, latency_ms, delay_ms, now_ms, classes)


def _accepted(about: About, planned: Planned, outcome: Accepted, latency_ms: int, now_ms: int) -> Outputs:
    token, request = planned.token, about.request
    row = Alerted(token.device, token.channel, request.to_seq, request.attempt, planned.alert.kind in SHOWN_KINDS, now_ms)
    state: PushState = "withdrawn" if planned.alert.kind == "withdraw" else "accepted"
    said = _said(about, planned, state, "", now_ms, outcome.status, outcome.vendor_id, latency_ms)
    return Outputs(rows=[AlertRow(request.user, about.subject, row)], results=[said])


def _refused(
    about: About, planned: Planned, outcome: Refused, latency_ms: int, delay_ms: int | None, now_ms: int, classes: Classes
) -> Outputs:
    def said(state: PushState, reason: str) -> PushResult:
        return _said(about, planned, state, reason, now_ms, outcome.status, outcome.code, latency_ms)

    reason = reason_of(outcome)
    if outcome.verdict == "remove_token" and not spared(outcome, planned.token.registered_at_ms):
        asked_ms = max(now_ms - latency_ms, planned.token.registered_at_ms)
        dead = Dead(about.request.tenant, planned.token, outcome.code or reason, asked_ms)
        return Outputs(dead=[dead], results=[said("invalidated", "dead_token")])
    if outcome.verdict == "give_up":
        return Outputs(results=[said("expired", "expired") if outcome.code == "expired" else said("rejected", reason)])
    if planned.alert.kind == "withdraw":
        return Outputs(results=[said("rejected", reason)])  # a courtesy: never tried again
    if delay_ms is None:
        return Outputs(results=[said("rejected", reason)])
    if not in_time(now_ms, delay_ms, planned.alert.deadline_ms):
        return Outputs(results=[said("expired", reason)])
    retry = waiting(about, planned, delay_ms, reason, now_ms, tries=about.tries + 1)
    return Outputs(retries=[(classes.topic(delay_ms), retry)], results=[said("retrying", reason)])


def held(about: About, planned: Planned, reason: str, delay_ms: int, now_ms: int, classes: Classes) -> Outputs:
    """Not sent, no try: it waits, at most to its deadline, which is looked at when it comes back."""
    retry = waiting(about, planned, delay_ms, reason, now_ms, tries=about.tries)
    said = _said(about, planned, "retrying", reason, now_ms, 0, "", 0, tried=0)
    return Outputs(retries=[(classes.topic(delay_ms), retry)], results=[said])


def waiting(about: About, planned: Planned, delay_ms: int, why: str, now_ms: int, tries: int) -> PushRetrying:
    """The record of a send that waits. Its time is never after the deadline: then it is expired there, and said so."""
    request, token, alert = about.request, planned.token, planned.alert
    return PushRetrying(
        push_id=request.push_id,
        tenant=request.tenant,
        user=request.user,
        conversation_id=request.conversation_id,
        conversation_kind=request.conversation_kind,
        from_seq=request.from_seq,
        to_seq=request.to_seq,
        attempt=request.attempt,
        reason=request.reason,
        at_ms=request.at_ms,
        purpose=request.purpose,
        ref=request.ref,
        deadline_ms=alert.deadline_ms,
        device=token.device,
        channel=token.channel,
        token_id=token.token_id,
        send_key=alert.send_key,
        tries=tries,
        not_before_ms=min(now_ms + delay_ms, alert.deadline_ms),
        why=why,
        caller=request.caller,
        video=request.video,
        missed=request.missed,
    )


def reason_of(outcome: Refused) -> str:
    """The word for results. `status` below 400: the vendor refused it in the body of a good answer."""
    if outcome.verdict == "misconfigured":
        return "misconfigured"
    if outcome.status == 0:
        return "timeout" if outcome.code == "timeout" else "connection"
    return f"status_{outcome.status}" if outcome.status >= 400 else "vendor"


def _said(
    about: About,
    planned: Planned,
    state: PushState,
    reason: str,
    now_ms: int,
    status: int,
    code: str,
    latency_ms: int,
    tried: int = 1,
) -> PushResult:
    token = planned.token
    return result(
        about,
        state,
        reason,
        now_ms,
        device=token.device,
        channel=token.channel,
        token_id=token.token_id,
        send_key=planned.alert.send_key,
        status=status,
        code=code,
        tries=about.tries + tried,
        latency_ms=latency_ms,
    )
