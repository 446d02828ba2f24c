"""Where the owner keeps its conversations: the ones in use unpacked, all others as the bytes of their snapshot. Pure.

A million idle conversations fit because a packed one costs its snapshot's bytes and one dictionary entry. A large one is packed as a head
and the parts of its members; only parts that changed are packed anew.
"""

from collections import OrderedDict

from schemas import codec
from schemas.errors import Undecodable
from schemas.records import ConversationMembersPart, ConversationSnapshot
from streams.conversations.snapshots import members_part, restore, snapshot
from streams.conversations.state import Conversation
from streams.owning.port import SnapshotCorrupt

STATE_TOPIC = "conversation-state"


class Shelf:
    def __init__(self, unpacked_limit: int) -> None:
        self.unpacked_limit = unpacked_limit
        self._packed: dict[bytes, bytes] = {}
        self._unpacked: OrderedDict[bytes, Conversation] = OrderedDict()  # least recently used first
        self._stale: set[bytes] = set()  # unpacked ones that changed since they were packed
        self._parts: dict[bytes, dict[int, bytes]] = {}
        self._stale_parts: dict[bytes, set[int]] = {}  # that changed since they were packed
        self._unsaved_parts: dict[bytes, set[int]] = {}  # that changed since `take_unsaved`

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

    def put_part(self, key: bytes, part: int, value: bytes | None) -> None:
        """A part as it was saved; without a value it was removed."""
        parts = self._parts.setdefault(key, {})
        if value is None:
            parts.pop(part, None)
        else:
            parts[part] = value

    def drop(self, key: bytes) -> None:
        self._parts.pop(key, None)
        self._stale_parts.pop(key, None)
        self._unsaved_parts.pop(key, None)
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
            state = restore(codec.decode(packed, ConversationSnapshot), self._saved_parts(key))
        except Undecodable as exc:
            raise SnapshotCorrupt(key, exc.reason) from exc
        if state.parts is None:
            self._parts.pop(key, None)  # of a head that was never saved after them
        self._unpacked[key] = state
        return state

    def _saved_parts(self, key: bytes) -> list[ConversationMembersPart]:
        return [codec.decode(value, ConversationMembersPart) for value in self._parts.get(key, {}).values()]

    def put(self, key: bytes, state: Conversation, events_offset: int) -> None:
        """Keep the changed conversation; the least recently used one is packed when there are too many."""
        self._unpacked[key] = state
        self._unpacked.move_to_end(key)
        self._stale.add(key)
        if state.parts is not None and state.parts.touched:
            self._stale_parts.setdefault(key, set()).update(state.parts.touched)
            self._unsaved_parts.setdefault(key, set()).update(state.parts.touched)
            state.parts.touched.clear()
        while len(self._unpacked) > self.unpacked_limit:
            oldest = next(iter(self._unpacked))
            self.pack(oldest, events_offset)
            for part in list(self._stale_parts.get(oldest, ())):
                self.pack_part(oldest, part)
            del self._unpacked[oldest]

    def pack(self, key: bytes, events_offset: int) -> bytes:
        """The conversation as snapshot bytes, after everything up to `events_offset`."""
        if key in self._stale or key not in self._packed:
            self._packed[key] = codec.encode(STATE_TOPIC, snapshot(self._unpacked[key], events_offset))
            self._stale.discard(key)
        return self._packed[key]

    def take_unsaved(self, key: bytes) -> list[int]:
        """The parts that changed since this was asked before."""
        return sorted(self._unsaved_parts.pop(key, ()))

    def pack_part(self, key: bytes, part: int) -> bytes:
        """The part as bytes, as it is now."""
        stale = self._stale_parts.get(key)
        if stale is not None and part in stale:
            self._parts.setdefault(key, {})[part] = codec.encode(STATE_TOPIC, members_part(self._unpacked[key], part))
            stale.discard(part)
            if not stale:
                del self._stale_parts[key]
        return self._parts[key][part]
