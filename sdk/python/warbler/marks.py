"""How far this device's user got, on its way to the server: coalesced, and told again when it may have been lost. Pure.

Rule 1: what a device holds it says, own events and repeats too: the server writes again what stays unacknowledged, and then closes.
Rule 2: a mark that was told shortly before the connection broke is told again on the next one; `unread` is not, another device may
have taken it back since.
"""

from warbler.frames import Mark, MarkState

INTERVAL_MS = 500
TOLD_AGAIN_MS = 60_000  # longer than a silent link is believed in


class Marks:
    def __init__(self) -> None:
        self._waiting: dict[tuple[str, MarkState], int] = {}
        self._told: dict[tuple[str, MarkState], tuple[int, int]] = {}  # -> (seq, when), the longest ago first
        self._told_ms = -INTERVAL_MS

    def note(self, conversation: str, state: MarkState, up_to_seq: int) -> None:
        place = (conversation, state)
        self._waiting[place] = up_to_seq if state == "unread" else max(up_to_seq, self._waiting.get(place, 0))

    def due(self, now_ms: int) -> list[Mark]:
        """What is to be told now, each place once."""
        if not self._waiting or now_ms - self._told_ms < INTERVAL_MS:
            return []
        return self.all(now_ms)

    def all(self, now_ms: int) -> list[Mark]:
        """Everything that waits, whatever was told just before."""
        waiting, self._waiting = self._waiting, {}
        self._told_ms = now_ms
        for place, seq in waiting.items():
            self._told.pop(place, None)
            self._told[place] = (seq, now_ms)
        self._forget_told(now_ms)
        return [Mark(conversation, state, seq) for (conversation, state), seq in waiting.items()]

    def wake_ms(self) -> int | None:
        return self._told_ms + INTERVAL_MS if self._waiting else None

    def connection_lost(self, now_ms: int) -> None:
        self._forget_told(now_ms)
        for (conversation, state), (seq, _) in self._told.items():
            if state != "unread":
                self.note(conversation, state, seq)
        self._told.clear()

    def forget(self, conversation: str) -> None:
        for kept in (self._waiting, self._told):
            for place in [place for place in kept if place[0] == conversation]:
                del kept[place]

    def clear(self) -> None:
        """The log changed: seqs mean other events now."""
        self._waiting.clear()
        self._told.clear()

    def _forget_told(self, now_ms: int) -> None:
        while self._told:
            place = next(iter(self._told))
            if now_ms - self._told[place][1] < TOLD_AGAIN_MS:
                return
            del self._told[place]
