"""Read and unread marks that the feed saw lately, by user: laid over the tables, which the projector writes a moment later. Pure.

Kept undecoded: most are never asked for. The projector is behind by far less than what is kept here.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from edge import frames
from log.port import Record
from schemas.codec import decode_receipt
from schemas.errors import Undecodable
from schemas.keys import SEPARATOR
from schemas.records import WatermarkRaised
from store.views import ReadMark

RECORDS_KEPT = 50_000
KEPT_STATES = (b"read", b"unread")


@dataclass(frozen=True, slots=True)
class OwnRows:
    """What the tables say of a user's own marks. `unread`: conversation -> (from which seq on, 0 where it was taken back; when)."""

    reads: Mapping[str, ReadMark]
    unread: Mapping[str, tuple[int, int]]


class OwnMarks:
    def __init__(self, records_kept: int = RECORDS_KEPT) -> None:
        self._records_kept = records_kept
        self._by_user: dict[bytes, OrderedDict[bytes, bytes]] = {}  # user -> key -> the newest value
        self._order: OrderedDict[bytes, bytes] = OrderedDict()  # key -> user, oldest first

    def on_record(self, record: Record) -> None:
        parts = (record.key or b"").split(SEPARATOR)
        if len(parts) != 4 or parts[3] not in KEPT_STATES or record.value is None or record.key is None:
            return
        key, user = record.key, parts[1]
        self._by_user.setdefault(user, OrderedDict())[key] = record.value
        self._order[key] = user
        self._order.move_to_end(key)
        if len(self._order) > self._records_kept:
            oldest, owner = self._order.popitem(last=False)
            marks = self._by_user[owner]
            del marks[oldest]
            if not marks:
                del self._by_user[owner]

    def of_user(self, user: str) -> list[WatermarkRaised]:
        """In no order."""
        found = []
        for value in self._by_user.get(user.encode(), {}).values():
            try:
                found.append(decode_receipt(value))
            except Undecodable:  # counted and logged where it came in
                continue
        return found


def unread_of(rows: Mapping[str, tuple[int, int]], marks: list[WatermarkRaised]) -> set[str]:
    """The conversations that are marked unread, by rows of (seq, at_ms) and by what came since."""
    newest = {conversation: (at_ms, seq) for conversation, (seq, at_ms) in rows.items()}
    for mark in marks:
        if mark.state == "unread":
            newest[mark.conversation_id] = max(newest.get(mark.conversation_id, (0, 0)), (mark.at_ms, mark.up_to_seq))
    return {conversation for conversation, (_, seq) in newest.items() if seq}


def reads_of(rows: Mapping[str, ReadMark], marks: list[WatermarkRaised]) -> dict[str, ReadMark]:
    """How far the user read by marks that are no events, by rows and by what came since."""
    reads = dict(rows)
    for mark in marks:
        if mark.state == "read":
            known = reads.get(mark.conversation_id, ReadMark(0, 0))
            if (mark.up_to_seq, mark.up_to_ordinal) > (known.seq, known.ordinal):
                reads[mark.conversation_id] = ReadMark(mark.up_to_seq, mark.up_to_ordinal)
    return reads


def laid_over(
    entries: tuple[frames.DirectoryEntry, ...], reads: Mapping[str, ReadMark], unread: set[str]
) -> tuple[frames.DirectoryEntry, ...]:
    """The entries with the user's own marks that are no events."""
    return tuple(_laid_over(entry, reads.get(entry.conversation), entry.conversation in unread) for entry in entries)


def _laid_over(entry: frames.DirectoryEntry, read: ReadMark | None, marked_unread: bool) -> frames.DirectoryEntry:
    if read is not None and read.seq > entry.read_seq:
        left = max(0, entry.head_ordinal - read.ordinal)
        entry = replace(entry, read_seq=read.seq, unread=min(entry.unread, left))
    return replace(entry, marked_unread=True) if marked_unread else entry
