"""Watermarks of a chunk as writes: of each device and state only the largest is written, of `unread` the last. Pure.

Rule: the timestamp is the watermark itself (of `unread` its time), so repeats, other chunks and any order come to the same rows.
Source: docs/decisions/0003-projection-timestamps.md
"""

from schemas.records import WatermarkRaised
from store import cql
from streams.timelines.write import Write

Device = tuple[str, str, str, str]  # conversation, state, user, device
Place = tuple[str, str]  # user, conversation


class Marks:
    """What a chunk's watermarks come to."""

    def __init__(self) -> None:
        self._receipts: dict[Device, tuple[int, int, bool, int]] = {}  # up_to_seq, up_to_ordinal, hidden, at_ms
        self._own_reads: dict[Place, tuple[int, int]] = {}
        self._unread: dict[Place, tuple[int, int]] = {}  # at_ms, up_to_seq

    def take(self, mark: WatermarkRaised) -> None:
        place = (mark.user, mark.conversation_id)
        if mark.state == "unread":
            self._unread[place] = max(self._unread.get(place, (0, 0)), (mark.at_ms, mark.up_to_seq))
            return
        if mark.up_to_seq < 1:
            return
        cells = (mark.up_to_seq, mark.up_to_ordinal, mark.hidden, mark.at_ms)
        key = (mark.conversation_id, mark.state, mark.user, mark.device)
        self._receipts[key] = _larger(self._receipts.get(key, cells), cells)
        if mark.state == "read":
            read = (mark.up_to_seq, mark.up_to_ordinal)
            self._own_reads[place] = max(self._own_reads.get(place, read), read)

    def writes(self) -> list[Write]:
        writes = [Write(cql.PUT_RECEIPT, (*key, *cells, cells[0])) for key, cells in self._receipts.items()]
        writes += [Write(cql.PUT_OWN_READ, (*place, *read, read[0])) for place, read in self._own_reads.items()]
        writes += [Write(cql.PUT_UNREAD_MARK, (*place, seq, at_ms, at_ms)) for place, (at_ms, seq) in self._unread.items()]
        return writes


def _larger(known: tuple[int, int, bool, int], new: tuple[int, int, bool, int]) -> tuple[int, int, bool, int]:
    """Of two of one seq each cell's larger value, which is what Cassandra keeps of equal timestamps."""
    if known[0] != new[0]:
        return max(known, new)
    return known[0], max(known[1], new[1]), max(known[2], new[2]), max(known[3], new[3])
