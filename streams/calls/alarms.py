"""When which line wakes: one moment a line, the earliest first. Pure."""

import heapq


class Alarms:
    """Shape: a moment that was replaced stays in the heap until it comes, or until there are as many of those as of the others."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, bytes]] = []
        self._at_ms: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._at_ms)

    def put(self, key: bytes, at_ms: int | None) -> None:
        """The line wakes then and at no other moment; None: not at all."""
        if at_ms is None:
            self._at_ms.pop(key, None)
        elif self._at_ms.get(key) != at_ms:
            self._at_ms[key] = at_ms
            heapq.heappush(self._heap, (at_ms, key))
        if len(self._heap) > 2 * len(self._at_ms) + 64:
            self._heap = [(at_ms, key) for key, at_ms in self._at_ms.items()]
            heapq.heapify(self._heap)

    def next_ms(self) -> int | None:
        while self._heap:
            at_ms, key = self._heap[0]
            if self._at_ms.get(key) == at_ms:
                return at_ms
            heapq.heappop(self._heap)
        return None

    def pop(self, now_ms: int) -> bytes | None:
        """The line that had to wake first, up to now; it has no moment any more."""
        at_ms = self.next_ms()
        if at_ms is None or at_ms > now_ms:
            return None
        _, key = heapq.heappop(self._heap)
        del self._at_ms[key]
        return key
