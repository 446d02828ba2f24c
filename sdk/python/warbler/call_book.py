"""What a device knows of calls: which ring, which are live and how they stand, which are over. Pure; fed with the edge's frames.

Rule 1: a frame that is older than what is known changes nothing: readers of the log may bring one twice.
Rule 2: after a new connection the edge tells again what rings and what is live; what it does not tell within a moment is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from warbler.call_frames import CallChanged, CallFromEdge, CallOver, CallRing, CallShown, CallStop

OVER_REMEMBERED = 256


@dataclass(slots=True)
class CallBook:
    """`rings`, `live`: by call id. `over`: how those ended that ended here; the oldest are forgotten."""

    rings: dict[str, CallRing] = field(default_factory=dict)
    live: dict[str, CallShown] = field(default_factory=dict)
    over: dict[str, CallOver] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)

    def take(self, frame: CallFromEdge) -> bool:
        """Whether it says something new of what is known here. Shape: True for frames that say nothing of that kind."""
        match frame:
            case CallRing():
                if frame.call in self.rings:
                    return False
                self.rings[frame.call] = frame
            case CallStop():
                return self.rings.pop(frame.call, None) is not None
            case CallChanged():
                return self._changed(frame.call)
            case CallOver():
                return self._ended(frame)
            case _:
                pass
        return True

    def _changed(self, shown: CallShown) -> bool:
        self.unconfirmed.discard(shown.call)
        known, over = self.live.get(shown.call), self.over.get(shown.call)
        if (known is not None and shown.seq <= known.seq) or (over is not None and shown.seq <= over.seq):
            return False
        self.live[shown.call] = shown
        return True

    def _ended(self, frame: CallOver) -> bool:
        known = self.over.get(frame.call)
        if known is not None and known.seq >= frame.seq:
            return False
        self.live.pop(frame.call, None)
        self.rings.pop(frame.call, None)
        self.unconfirmed.discard(frame.call)
        self.over[frame.call] = frame
        while len(self.over) > OVER_REMEMBERED:
            del self.over[next(iter(self.over))]
        return True

    def connected(self) -> None:
        """A new session: rings come again, and live calls are confirmed."""
        self.rings.clear()
        self.unconfirmed = set(self.live)

    def unconfirmed_over(self, at_ms: int) -> list[CallOver]:
        """Calls that ended while this device was away; it does not know how."""
        gone = [self.live[call] for call in sorted(self.unconfirmed)]
        ends = [CallOver(shown.conversation, shown.call, shown.seq, at_ms) for shown in gone]
        for end in ends:
            self._ended(end)
        return ends

    def to_renew(self, user: str, device: str) -> Iterable[CallShown]:
        """Calls of this device whose lease nobody renews but itself: not answered yet, or without an engine."""
        for shown in self.live.values():
            inside = any(party.user == user and party.device == device for party in shown.parties)
            if inside and (shown.engine_kind == "p2p" or shown.state in ("requested", "ringing")):
                yield shown
