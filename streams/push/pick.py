"""Which token of a device an alert goes through: one, by the order of the push channels. Pure. Called by `streams.push.decide`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from store.pushing import PushToken
from streams.push.reasons import Withheld
from streams.push.situation import RING_ONLY, ChannelNow, Situation


@dataclass(frozen=True, slots=True)
class Pick:
    """One device. `waits`: why the chosen token cannot be sent to just now. `others`: its tokens that get nothing, and why."""

    device: str
    tokens: tuple[PushToken, ...]
    chosen: PushToken | None
    waits: Withheld | None
    others: tuple[tuple[PushToken, Withheld], ...]

    @property
    def repeated(self) -> bool:
        return any(reason == "repeated" for _, reason in self.others)

    def turned_down(self, reason: Withheld) -> "Pick":
        """The same device, not to be alerted."""
        if self.chosen is None:
            return self
        return replace(self, chosen=None, waits=None, others=(*self.others, (self.chosen, reason)))


def candidates(situation: Situation) -> Iterator[tuple[str, tuple[PushToken, ...]]]:
    """The devices and their tokens, each in the order of the push channels; of a retry only the token that it is about."""
    rank = {channel: at for at, channel in enumerate(situation.channel_order)}
    only = situation.only
    tokens = [token for token in situation.tokens if only is None or (only.device, only.channel) == (token.device, token.channel)]
    if only is not None and only.moved:
        return
    by_device: dict[str, list[PushToken]] = {}
    for token in sorted(tokens, key=lambda token: (token.device, rank.get(token.channel, len(rank)), token.channel)):
        by_device.setdefault(token.device, []).append(token)
    yield from ((device, tuple(ordered)) for device, ordered in by_device.items())


def pick(device: str, tokens: tuple[PushToken, ...], situation: Situation) -> Pick:
    """The token for this alert: the first whose push channel is on, else the first that may be on again; and why not the others."""
    if _alerted(device, situation):
        return Pick(device, tokens, None, None, tuple((token, "repeated") for token in tokens))
    fitting = [token for token in tokens if _takes(token, situation)]
    if _rings(situation):
        fitting.sort(key=lambda token: not _has_ring(token, situation))  # stable: else by the order of the channels
    chosen = next((token for token in fitting if _on(token, situation)), None)
    if chosen is None:
        chosen = next((token for token in fitting if _now(token, situation) is not None), None)
    others = tuple((token, _why_not(token, chosen, situation)) for token in tokens if token is not chosen)
    return Pick(device, tokens, chosen, _waits(chosen, situation), others)


def _alerted(device: str, situation: Situation) -> bool:
    """Whether the device, through whichever push channel, was sent this request or a newer one about the same."""
    asked = (situation.request.to_seq, situation.request.attempt)
    return any(row.device == device and (row.to_seq, row.attempt) >= asked for row in situation.alerted)


def _rings(situation: Situation) -> bool:
    return situation.request.purpose == "call" and (situation.call is None or situation.call.state == "ringing")


def _takes(token: PushToken, situation: Situation) -> bool:
    return token.channel not in RING_ONLY or _rings(situation)


def _has_ring(token: PushToken, situation: Situation) -> bool:
    now = _now(token, situation)
    return now is not None and now.traits.rings


def _now(token: PushToken, situation: Situation) -> ChannelNow | None:
    return situation.channels.get((token.channel, token.app))


def _on(token: PushToken, situation: Situation) -> bool:
    now = _now(token, situation)
    return now is not None and now.on


def _waits(chosen: PushToken | None, situation: Situation) -> Withheld | None:
    """An open breaker does not make another push channel be chosen: after a crash the first may have been sent through already."""
    now = _now(chosen, situation) if chosen is not None else None
    if now is None:
        return None
    if not now.on:
        return "channel_off"
    return "breaker_open" if now.open else None


def _why_not(token: PushToken, chosen: PushToken | None, situation: Situation) -> Withheld:
    if not _takes(token, situation):
        return "ring_only"
    return "channel_off" if chosen is None or not _on(token, situation) else "second_channel"
