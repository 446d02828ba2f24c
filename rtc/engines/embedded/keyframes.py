"""When a source is asked for a key frame: at once, but not again within a while, and a wish of meanwhile is kept. Pure."""


class KeyframeGate:
    def __init__(self, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._asked_ms = -(1 << 60)
        self._wanted = False

    def want(self, now_ms: int) -> bool:
        """Whether to ask now."""
        self._wanted = True
        return self.due(now_ms)

    def due(self, now_ms: int) -> bool:
        """Whether a wish that had to wait is to be asked now."""
        if not self._wanted or now_ms - self._asked_ms < self._interval_ms:
            return False
        self._asked_ms, self._wanted = now_ms, False
        return True

    def came(self) -> None:
        """A key frame came: who waited has it."""
        self._wanted = False
