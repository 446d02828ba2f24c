"""`warbler audit prove`: one event of a conversation as a bundle of its own, which `warbler audit verify` checks anywhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from audit.bundle import BundleWriter
from audit.leaf import leaf_bytes
from audit.manifest import Manifest
from audit.ring import Ring
from audit.tree import gaps
from log.places import AtSeq, End
from log.port import Log, Record
from log.spans import Span, read_span, spans_of
from ops.acts import operator
from ops.errors import OpsError
from ops.sealed import SealedTrees
from schemas.registry import SCHEMAS
from schemas.shown import line

EVENTS = "conversation-events"


@dataclass(frozen=True, slots=True)
class Proven:
    record: Record
    index: int
    tree_size: int


async def prove(log: Log, trees: SealedTrees, ring: Ring, cluster: str, conversation: str, seq: int, folder: Path) -> Proven:
    """Writes the bundle. Raises: OpsError for a folder that is not empty; NotSealed, RangeGone, UnknownPosition, LogError, OSError."""
    check_empty(folder)
    record = await _record(log, conversation, seq)
    index = await _index(log, trees, record)
    tree = await trees.proof(EVENTS, record.partition, index + 1)
    bundle = BundleWriter(folder)
    with bundle.records(EVENTS, record.partition) as records:
        records.add(index, record.offset, leaf_bytes(*record[2:]))
        records.flush()
        part = records.part(tree.origin, tree.size)
    bundle.checkpoints(EVENTS, record.partition, tree.notes)
    bundle.gaps(EVENTS, record.partition, (tree.hashes.subtree(*each) for each in gaps([index], tree.size)))
    bundle.put("readable/event.ndjson", line(record))
    schema_id = int.from_bytes((record.value or b"")[1:5], "big")
    bundle.schemas({schema_id: SCHEMAS[schema_id].source} if schema_id in SCHEMAS else {})
    asked = {"conversation": conversation, "seq": str(seq)}
    bundle.seal(Manifest(time.time_ns() // 1_000_000, operator(), cluster, asked, {"events": 1}, (part,)), ring.signer, ring.rotations)
    return Proven(record, index, tree.size)


def check_empty(folder: Path) -> None:
    """Raises: OpsError for a folder in which something lies."""
    if folder.exists() and any(folder.iterdir()):
        raise OpsError(f"{folder} is not empty")


async def _record(log: Log, conversation: str, seq: int) -> Record:
    spans = await spans_of(log, [EVENTS], AtSeq(conversation, seq), End())
    found = [record for span in spans for record in await log.read(EVENTS, span.partition, span.start_offset, 1)]
    of_conversation = [record for record in found if record.key == conversation.encode()]
    if len(of_conversation) != 1:
        raise OpsError(f"{conversation} has no event {seq}")
    return of_conversation[0]


async def _index(log: Log, trees: SealedTrees, record: Record) -> int:
    """Which leaf the record is: counted from one that the sealer has noted. Raises: NotSealed, LogError."""
    index, offset = await trees.place_of(EVENTS, record.partition, record.offset)
    async for records in read_span(log, Span(EVENTS, record.partition, offset, record.offset)):
        index += len(records)
    return index
