"""Which alerts are taken back once what they told has become needless: a message delivered elsewhere, a call that no longer rings. Pure.

Called by the outbox for every `push_cancelled`. Rule 1: only what may be on a screen is taken back, by the collapse key it was shown under.
Rule 2: never through a token that takes only calls; what such a token showed is taken back through another of the device's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.notices import PushCancelled
from store.pushing import CHANNELS, Alerted, PushSettings, PushToken
from streams.push.alert import Alert
from streams.push.decide import Decision, Planned, Suppressed, collapse_key, send_key
from streams.push.reasons import Withheld
from streams.push.situation import RING_ONLY, ChannelNow, Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What became needless, and how things stand. `subject`: the conversation, or the call whose ring is taken back.

    `alerted`: the rows of the subject. `unread`: for the badge; None: not known.
    """

    cancelled: PushCancelled
    subject: str
    tokens: tuple[PushToken, ...]
    alerted: tuple[Alerted, ...]
    channels: Mapping[tuple[str, str], ChannelNow]
    settings: PushSettings
    unread: int | None = None
    times: Times = field(default_factory=Times)
    channel_order: tuple[str, ...] = CHANNELS


def withdraw(cancellation: Cancellation, now_ms: int) -> Decision:
    """A withdrawal for every device that shows something needless. Sent once and never tried again: it is a courtesy."""
    sends: list[Planned] = []
    suppressed: list[Suppressed] = []
    for row in _needless(cancellation):
        found = _token(row, cancellation)
        if now_ms >= _deadline_ms(cancellation):
            found = "expired"
        if isinstance(found, PushToken):
            sends.append(Planned(found, _alert(found, row, cancellation)))
        else:
            suppressed.append(Suppressed(found, row.device, row.channel))
    return Decision(tuple(sends), tuple(suppressed))


def is_needless(row: Alerted, cancelled: PushCancelled) -> bool:
    """Whether the row may stand for something on a screen that is needless now."""
    told = row.attempt <= cancelled.attempt if cancelled.ref else row.to_seq <= cancelled.up_to_seq
    return row.shown and told


def _needless(cancellation: Cancellation) -> Iterator[Alerted]:
    """One row of each device: what it shows now. A newer alert than what became needless stays."""
    newest: dict[str, Alerted] = {}
    for row in cancellation.alerted:
        before = newest.get(row.device)
        if before is None or (row.to_seq, row.attempt, row.at_ms, row.channel) > (
            before.to_seq,
            before.attempt,
            before.at_ms,
            before.channel,
        ):
            newest[row.device] = row
    yield from (row for row in newest.values() if is_needless(row, cancellation.cancelled))


def _token(row: Alerted, cancellation: Cancellation) -> PushToken | Withheld:
    """Through what it is taken back: the push channel that showed it, or, of a ring, the first other that can."""
    own = [token for token in cancellation.tokens if token.device == row.device and token.channel not in RING_ONLY]
    if row.channel not in RING_ONLY:
        own = [token for token in own if token.channel == row.channel]
    if not own:
        return "cannot_withdraw" if row.channel in RING_ONLY else "token_gone"
    rank = {channel: at for at, channel in enumerate(cancellation.channel_order)}
    own.sort(key=lambda token: (rank.get(token.channel, len(rank)), token.channel))
    reasons = [_why_not(cancellation.channels.get((token.channel, token.app))) for token in own]
    return next((token for token, reason in zip(own, reasons, strict=True) if reason is None), reasons[0] or own[0])


def _why_not(now: ChannelNow | None) -> Withheld | None:
    if now is None or not now.on:
        return "channel_off"
    if not now.traits.withdraws:
        return "cannot_withdraw"
    return "breaker_open" if now.open else None


def _deadline_ms(cancellation: Cancellation) -> int:
    return cancellation.cancelled.at_ms + cancellation.times.withdraw_ms


def _alert(token: PushToken, row: Alerted, cancellation: Cancellation) -> Alert:
    cancelled = cancellation.cancelled
    push_id = f"{cancelled.user}:{cancellation.subject}:{row.to_seq}:{row.attempt}:withdraw"
    return Alert(
        kind="withdraw",
        send_key=send_key(push_id, token.device, token.channel),
        collapse_key=collapse_key(cancelled.user, cancellation.subject),
        title="",
        body="",
        badge=cancellation.unread if cancellation.settings.badge else None,
        at_ms=cancelled.at_ms,
        deadline_ms=_deadline_ms(cancellation),
        ticket="",
        locale=token.locale,
        data=_data(cancelled),
    )


def _data(cancelled: PushCancelled) -> dict[str, str]:
    if cancelled.ref:
        return {"purpose": "call", "conversation": cancelled.conversation_id, "ref": cancelled.ref}
    return {"conversation": cancelled.conversation_id, "seq": str(cancelled.up_to_seq)}
