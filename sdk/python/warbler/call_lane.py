"""The signals of one generation of a device's peer connections, in their order. Pure; called by `warbler.call_exchange`.

Rule 1: what comes is handed on by its seq, each once, whatever order the log's readers bring it in.
Rule 2: a candidate waits until the other side's description of its connection was handed on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from warbler.call_frames import CallCandidateCame, CallDescribed, CallTicket
from warbler.call_values import PeerConnection

EARLY_LIMIT = 256  # signals that came before one that is missing; more are dropped, and the missing one is the trouble anyway
Incoming = CallDescribed | CallCandidateCame


@dataclass(frozen=True, slots=True, order=True)
class LaneKey:
    """Shape: the later one is greater: an epoch is the engine's, a generation the device's within it."""

    epoch: int
    generation: int


@dataclass(slots=True)
class Lane:
    """`ticket`: what let this generation in; the token goes with its first offer and never again."""

    key: LaneKey
    ticket: CallTicket
    next_seq: int = 1
    sent: int = 0
    token: str = ""
    early: dict[int, Incoming] = field(default_factory=dict)
    gap_since_ms: int | None = None
    described: set[PeerConnection] = field(default_factory=set)
    held: list[CallCandidateCame] = field(default_factory=list)
    connected: set[PeerConnection] = field(default_factory=set)
    connected_ms: int | None = None

    def number(self) -> int:
        self.sent += 1
        return self.sent

    def take_token(self) -> str:
        token, self.token = self.token, ""
        return token

    def take(self, signal: Incoming, now_ms: int) -> list[Incoming]:
        """Those that may be used now, in order."""
        if signal.seq == self.next_seq or (signal.seq > self.next_seq and len(self.early) < EARLY_LIMIT):
            self.early.setdefault(signal.seq, signal)
        ready = [usable for each in self._in_order() for usable in self._past_gate(each)]
        if not self.early:
            self.gap_since_ms = None
        elif ready or self.gap_since_ms is None:
            self.gap_since_ms = now_ms
        return ready

    def _in_order(self) -> Iterator[Incoming]:
        while (signal := self.early.pop(self.next_seq, None)) is not None:
            self.next_seq += 1
            yield signal

    def _past_gate(self, signal: Incoming) -> list[Incoming]:
        if isinstance(signal, CallCandidateCame):
            if signal.pc in self.described:
                return [signal]
            self.held.append(signal)
            return []
        self.described.add(signal.pc)
        freed = [candidate for candidate in self.held if candidate.pc == signal.pc]
        self.held = [candidate for candidate in self.held if candidate.pc != signal.pc]
        return [signal, *freed]
