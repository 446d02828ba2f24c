"""Reads that are not yet answered: asked again after a reconnect, and when the server was too busy. Pure; called by `warbler.core`."""

from dataclasses import dataclass, field

import msgspec

from warbler.frames import DirectoryRequest, History, Receipts, Sync, WatchPresence

Read = Sync | History | DirectoryRequest | Receipts | WatchPresence
AGAIN_AFTER_MS = 20


@dataclass(slots=True)
class Reads:
    """Shape: each is settled exactly once, by `take`."""

    asked: dict[str, tuple[int, Read]] = field(default_factory=dict)
    again_ms: dict[str, int] = field(default_factory=dict)  # request id -> when to ask again

    def add(self, request: str, key: int, frame: Read) -> Read:
        frame = msgspec.structs.replace(frame, request=request)
        self.asked[request] = (key, frame)
        return frame

    def replace(self, kind: type[Read]) -> int | None:
        """The key of the read of this kind that is under way, which is over now: it could be served after the one that follows."""
        request = next((request for request, (_, frame) in self.asked.items() if isinstance(frame, kind)), None)
        return None if request is None else self.take(request)

    def __contains__(self, request: str) -> bool:
        return request in self.asked

    def take(self, request: str) -> int:
        """The key of a read that is over now."""
        self.again_ms.pop(request, None)
        return self.asked.pop(request)[0]

    def put_off(self, request: str, now_ms: int, retry_after_ms: int) -> None:
        self.again_ms[request] = now_ms + max(AGAIN_AFTER_MS, retry_after_ms)

    def all_again(self) -> list[Read]:
        """For a new connection."""
        self.again_ms.clear()
        return [frame for _, frame in self.asked.values()]

    def due(self, now_ms: int) -> list[Read]:
        requests = [request for request, at_ms in self.again_ms.items() if at_ms <= now_ms]
        for request in requests:
            del self.again_ms[request]
        return [self.asked[request][1] for request in requests]

    def drop_all(self) -> list[int]:
        keys = [key for key, _ in self.asked.values()]
        self.asked.clear()
        self.again_ms.clear()
        return keys
