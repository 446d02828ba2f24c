"""Whether a leg's packets come: up with the first, lost after a silence, gone after a long one. Pure."""

from typing import Literal

State = Literal["new", "up", "lost", "gone"]
Change = Literal["up", "lost", "gone"]
SPARSE_MS = 1_000


class Flow:
    """`lost_ms`: silence where media came until it began; `silent_ms`: where only signs of life came, which are rarer."""

    def __init__(self, now_ms: int, lost_ms: int, silent_ms: int, gone_ms: int) -> None:
        self._lost_ms, self._silent_ms, self._gone_ms = lost_ms, silent_ms, gone_ms
        self.state: State = "new"
        self._media_ms = self._life_ms = now_ms

    def media(self, now_ms: int) -> None:
        self._media_ms = self._life_ms = now_ms

    def alive(self, now_ms: int) -> None:
        """A report or check of the leg: no media, but it is there."""
        self._life_ms = now_ms

    def judge(self, carries: bool, now_ms: int) -> Change | None:
        """What changed. `carries`: some packet of media has passed, in either direction, since the last silence."""
        silence_ms = now_ms - self._life_ms
        allowed_ms = self._lost_ms if self._life_ms - self._media_ms < SPARSE_MS else self._silent_ms
        if self.state == "gone":
            return None
        if silence_ms >= self._gone_ms:
            self.state = "gone"
            return "gone"
        if self.state == "up" and silence_ms >= allowed_ms:
            self.state = "lost"
            return "lost"
        if self.state in ("new", "lost") and carries and silence_ms < self._lost_ms:
            self.state = "up"
            return "up"
        return None
