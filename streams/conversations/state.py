"""What the owner knows of one conversation: its head, who may do what in it, and the commands it remembers. Pure.

Made by `evolve` and `restore`, read by `decide`, kept by `shelf`.
Rule 1: nothing here grows with the conversation's age, only with its members and the limits in `rules`.
Rule 2: `recent` is never empty and loses its oldest entries first, so it covers every seq from its first entry's on.
Rule 3: read marks are remembered apart, or 500 readers of one message would push the messages out of memory.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.records import MemberState, RecentCommand
from schemas.values import ConversationKind
from store.standing import Standing
from streams.conversations.parts import Parts

OTHER, MESSAGE, RECALLED, READ_MARK, COUNTED = range(5)  # RecentCommand.message; COUNTED: no message, but it raised the ordinal


class Memory:
    """Accepted commands, oldest first. Shape: ascending by seq, no id twice."""

    __slots__ = ("_by_id", "_order")

    def __init__(self, entries: Iterable[RecentCommand] = ()) -> None:
        self._order = deque(entries)
        self._by_id = {entry.command_id: entry for entry in self._order}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[RecentCommand]:
        return iter(self._order)

    def __reversed__(self) -> Iterator[RecentCommand]:
        return reversed(self._order)

    def __contains__(self, command_id: bytes) -> bool:
        return command_id in self._by_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memory) and self._order == other._order

    def __repr__(self) -> str:
        return f"Memory({list(self._order)!r})"

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def oldest(self) -> RecentCommand:
        return self._order[0]

    def get(self, command_id: bytes) -> RecentCommand | None:
        return self._by_id.get(command_id)

    def add(self, entry: RecentCommand) -> None:
        self._order.append(entry)
        self._by_id[entry.command_id] = entry

    def drop_oldest(self) -> RecentCommand:
        entry = self._order.popleft()
        del self._by_id[entry.command_id]
        return entry

    def replace(self, entry: RecentCommand) -> None:
        """Put the entry in the place of the one with its command id."""
        self._order[self._order.index(self._by_id[entry.command_id])] = entry
        self._by_id[entry.command_id] = entry


@dataclass(slots=True)
class Conversation:
    """Everything `decide` may look at. Changed in place by `evolve`, by nothing else."""

    tenant: str
    conversation_id: str
    title: str
    standing: Standing
    head_seq: int = 0
    head_ordinal: int = 0
    head_at_ms: int = 0
    call_seq: int = 0  # of the last call that was noted, among the events of the conversation's calls
    recent: Memory = field(default_factory=Memory)
    marks: Memory = field(default_factory=Memory)
    floors: dict[str, bytes] = field(default_factory=dict)  # user -> newest command id of its that was forgotten by count
    parts: Parts | None = field(default=None, compare=False)  # of many members; how they are kept, not what they are

    @property
    def kind(self) -> ConversationKind:
        return self.standing.kind

    @property
    def members(self) -> dict[str, MemberState]:
        return self.standing.members

    def remembered(self, command_id: bytes) -> RecentCommand | None:
        return self.recent.get(command_id) or self.marks.get(command_id)

    def covers(self, seq: int) -> bool:
        """Whether everything about this seq is still remembered."""
        return seq >= self.recent.oldest.seq

    def message_at(self, seq: int) -> RecentCommand | None:
        """The remembered message with this seq, recalled or not."""
        entry = self._latest(seq)
        return entry if entry is not None and entry.seq == seq and entry.message in (MESSAGE, RECALLED) else None

    def ordinals_at(self, seq: int, member: MemberState) -> tuple[int, int]:
        """The least and the most messages there can be up to `seq`; equal where it is covered.

        Shape: `seq` is above the member's read mark and not above the head.
        """
        entry = self._latest(seq)
        if entry is not None:
            return entry.ordinal, entry.ordinal
        oldest = self.recent.oldest
        before = oldest.ordinal - (oldest.message != OTHER)  # the ordinal at oldest.seq - 1
        least = max(member.read_ordinal, before - (oldest.seq - 1 - seq))
        return least, min(member.read_ordinal + seq - member.read_seq, before)

    def _latest(self, seq: int) -> RecentCommand | None:
        """The last remembered command up to `seq`. Newest first, because that is where devices ask."""
        for entry in reversed(self.recent):
            if entry.seq <= seq:
                return entry
        return None
