"""The signals of one leg in the order in which its device made them. Pure; one `LegSignals` for each leg of a room.

A device may change its edge in the middle, so what it sent may arrive twice, late or not at all; and browsers find candidates before the
description that they belong to has left.
Rule 1: what an engine gets is dense by seq within a generation; a candidate comes after the description of its connection.
Rule 2: a newer generation takes the place of the older one at once: its device has given the old connections up.
Rule 3: nothing waits without a limit: not in number, and a hole not in time.
"""

from msgspec import Struct

from schemas.call_signals import PeerConnection, SignalCandidate, SignalCode, SignalDescription

WAITING_LIMIT = 64
Ordered = SignalDescription | SignalCandidate


class Taken(Struct, frozen=True):
    """`ready`: for the engine, in this order. `refused`: why the signal was not kept; None where it was, or was a repeat."""

    ready: tuple[Ordered, ...] = ()
    refused: SignalCode | None = None


class LegSignals:
    """Shape: at most WAITING_LIMIT signals wait."""

    def __init__(self, waiting_limit: int = WAITING_LIMIT) -> None:
        self._limit = waiting_limit
        self.generation = 0
        self._restart(0)

    def _restart(self, generation: int) -> None:
        self.generation = generation
        self._next_seq = 1
        self._ahead: dict[int, Ordered] = {}  # by seq; something before them is missing
        self._undescribed: dict[PeerConnection, list[SignalCandidate]] = {"publish": [], "subscribe": []}
        self._described: set[PeerConnection] = set()
        self._hole_since_ms: int | None = None

    def take(self, signal: Ordered, now_ms: int) -> Taken:
        if signal.seq < 1 or signal.generation < 1:
            return Taken(refused="invalid")
        if signal.generation > self.generation:
            self._restart(signal.generation)
        if signal.generation < self.generation or signal.seq < self._next_seq or signal.seq in self._ahead:
            return Taken()
        if self._waiting >= self._limit and signal.seq != self._next_seq:
            return Taken(refused="too_many")
        self._ahead[signal.seq] = signal
        return self._released(now_ms)

    def hole(self, now_ms: int, patience_ms: int) -> int:
        """The seq that others have waited for so long that it will not come; 0: none. Said once."""
        if self._hole_since_ms is None or now_ms - self._hole_since_ms < patience_ms:
            return 0
        self._hole_since_ms = None
        return self._next_seq

    @property
    def _waiting(self) -> int:
        return len(self._ahead) + sum(map(len, self._undescribed.values()))

    def _released(self, now_ms: int) -> Taken:
        ready: list[Ordered] = []
        while (signal := self._ahead.pop(self._next_seq, None)) is not None:
            self._next_seq += 1
            self._hole_since_ms = None
            if isinstance(signal, SignalDescription):
                ready += [signal, *self._undescribed[signal.pc]]
                self._undescribed[signal.pc] = []
                self._described.add(signal.pc)
            elif signal.pc in self._described:
                ready.append(signal)
            elif self._waiting >= self._limit:
                return Taken(tuple(ready), "too_many")
            else:
                self._undescribed[signal.pc].append(signal)
        if self._ahead and self._hole_since_ms is None:
            self._hole_since_ms = now_ms
        return Taken(tuple(ready))
