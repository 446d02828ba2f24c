"""Where the owner keeps its conversations: the ones in use unpacked, all others as the bytes of their snapshot. Pure.

A million idle conversations fit because a packed one costs its snapshot's bytes and one dictionary entry.
"""

from collections import OrderedDict

from schemas import codec
from schemas.errors import Undecodable, WarblerError
from schemas.records import ConversationSnapshot
from streams.conversations.snapshots import restore, snapshot
from streams.conversations.state import Conversation

STATE_TOPIC = "conversation-state"


class SnapshotCorrupt(WarblerError):
    """A snapshot that was trusted at take-over cannot be unpacked: the state has to be folded from the whole log."""

    def __init__(self, key: bytes, reason: str) -> None:
        super().__init__(f"snapshot of {key!r}: {reason}")
        self.key = key


class Shelf:
    def __init__(self, unpacked_limit: int) -> None:
        self.unpacked_limit = unpacked_limit
        self._packed: dict[bytes, bytes] = {}
        self._unpacked: OrderedDict[bytes, Conversation] = OrderedDict()  # least recently used first
        self._stale: set[bytes] = set()  # unpacked ones that changed since they were packed

    def __len__(self) -> int:
        """How many conversations there are."""
        return len(self._packed) + sum(key not in self._packed for key in self._unpacked)

    def __contains__(self, key: bytes) -> bool:
        return key in self._packed or key in self._unpacked

    @property
    def unpacked_count(self) -> int:
        return len(self._unpacked)

    def put_packed(self, key: bytes, value: bytes) -> None:
        self._packed[key] = value

    def drop(self, key: bytes) -> None:
        self._packed.pop(key, None)
        self._unpacked.pop(key, None)
        self._stale.discard(key)

    def get(self, key: bytes) -> Conversation | None:
        """The conversation, now the most recently used. Raises: SnapshotCorrupt."""
        state = self._unpacked.get(key)
        if state is not None:
            self._unpacked.move_to_end(key)
            return state
        packed = self._packed.get(key)
        if packed is None:
            return None
        try:
            state = restore(codec.decode(packed, ConversationSnapshot))
        except Undecodable as exc:
            raise SnapshotCorrupt(key, exc.reason) from exc
        self._unpacked[key] = state
        return state

    def put(self, key: bytes, state: Conversation, events_offset: int) -> None:
        """Keep the changed conversation; the least recently used one is packed when there are too many."""
        self._unpacked[key] = state
        self._unpacked.move_to_end(key)
        self._stale.add(key)
        while len(self._unpacked) > self.unpacked_limit:
            oldest = next(iter(self._unpacked))
            self.pack(oldest, events_offset)
            del self._unpacked[oldest]

    def pack(self, key: bytes, events_offset: int) -> bytes:
        """The conversation as snapshot bytes, after everything up to `events_offset`."""
        if key in self._stale or key not in self._packed:
            self._packed[key] = codec.encode(STATE_TOPIC, snapshot(self._unpacked[key], events_offset))
            self._stale.discard(key)
        return self._packed[key]
