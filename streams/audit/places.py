"""Where the objects of one tree lie, and how its records are read up to a size. Shared by sealer and witness."""

from collections.abc import Sequence

from audit.checkpoint import Origin
from audit.errors import Malformed
from audit.leaf import leaf_bytes, leaf_hash
from audit.sealing import Sealing, read_state
from log.port import Log, Record
from store.objects import Objects, get, put

READ_RECORDS = 2_000


def folder_of(cluster: str, topic: str, partition: int) -> str:
    return f"audit/{cluster}/{topic}/{partition}"


def state_name(folder: str) -> str:
    return f"{folder}/state"


def tree_name(folder: str, origin: Origin, name: str) -> str:
    """The object `name` of one generation of a tree."""
    return f"{folder}/{origin.generation}/{name}"


async def saved(objects: Objects, folder: str) -> Sealing | None:
    """The tree as it was saved; None if it never was, or the object is damaged: then the log itself says how far it was sealed."""
    data = await get(objects, state_name(folder))
    try:
        return None if data is None else read_state(data)
    except Malformed:
        return None


async def save(objects: Objects, folder: str, sealing: Sealing) -> None:
    """Tiles before the state that counts on them."""
    full = sealing.edge.full
    while full:  # one by one, so that a failure loses none
        await put(objects, tree_name(folder, sealing.origin, full[0].name), full[0].data)
        del full[0]
    await put(objects, state_name(folder), sealing.state())


def take(sealing: Sealing, records: Sequence[Record]) -> None:
    for record in records:
        sealing.append(record.offset, record.timestamp_ms, record.key, record.value, record.headers)


async def grow_to(log: Log, sealing: Sealing, size: int) -> bool:
    """Reads on until the tree has `size` leaves; False where the log ends before. Raises: LogError."""
    while sealing.size < size:
        limit = min(READ_RECORDS, size - sealing.size)
        records = await log.read(sealing.origin.topic, sealing.origin.partition, sealing.next_offset, limit)
        if not records:
            return False
        take(sealing, records)
    return True


async def why_another(log: Log, sealing: Sealing) -> str:
    """Why the log is not the one whose records are in the tree; empty if it is, as far as its last record shows. Raises: LogError."""
    topic, partition = sealing.origin.topic, sealing.origin.partition
    end = await log.end_offset(topic, partition)
    if end < sealing.next_offset:
        return f"the log ends at offset {end}, sealed was up to {sealing.next_offset}"
    if sealing.last_offset < await log.start_offset(topic, partition):
        return ""
    records = await log.read(topic, partition, sealing.last_offset, 1)
    if not records or leaf_hash(leaf_bytes(*records[0][2:])) != sealing.last_leaf:
        return f"the record at offset {sealing.last_offset} is another one than was sealed"
    return ""
