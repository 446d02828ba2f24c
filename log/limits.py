"""How much one record batch of a topic may hold: pure arithmetic over the topics' data files."""

from collections.abc import Sequence

from log.port import Entry
from schemas.registry import TOPICS

BATCH_BYTES_DEFAULT = 1_048_588  # Kafka's own default of max.message.bytes
BATCH_OVERHEAD_BYTES = 128  # the batch's header (61 bytes), rounded up
ENTRY_OVERHEAD_BYTES = 40  # lengths, attributes, timestamp and offset deltas of one record, at most


def batch_bytes_limit(topic: str) -> int:
    """The largest sum of entry sizes that fits in one batch of the topic."""
    known = TOPICS.get(topic)
    configured = known.config.get("max.message.bytes") if known else None
    return int(configured or BATCH_BYTES_DEFAULT) - BATCH_OVERHEAD_BYTES


def entry_bytes(entry: Entry) -> int:
    """An upper bound of what the entry takes in a batch."""
    size = ENTRY_OVERHEAD_BYTES + len(entry.key or b"") + len(entry.value or b"")
    for name, value in entry.headers:
        size += 8 + len(name) + len(value)
    return size


def entries_bytes(entries: Sequence[Entry]) -> int:
    return sum(map(entry_bytes, entries))


def split(entries: Sequence[Entry], limit_bytes: int) -> list[list[Entry]]:
    """The entries in runs that fit a batch each. Shape: order kept, none empty; an entry above the limit gets a run of its own."""
    runs: list[list[Entry]] = []
    room = 0
    for entry in entries:
        size = entry_bytes(entry)
        if not runs or size > room:
            runs.append([])
            room = limit_bytes
        runs[-1].append(entry)
        room -= size
    return runs
