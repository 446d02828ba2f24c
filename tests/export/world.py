"""An export over a log in memory, with a sealer that is one tree for each partition."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.bundle import BundleReader
from audit.checkpoint import Checkpoint, Origin, parse_checkpoint
from audit.leaf import leaf_bytes, leaf_hash, parse_leaf
from audit.manifest import Manifest, is_note_of, parse_manifest
from audit.note import Note, Signer, parse_note, signed
from audit.ring import Ring
from audit.tree import GapFiller, Tree
from log.memory import MemoryLog
from log.port import Entry
from ops.export.forms import FORMATS
from ops.export.run import Asked, Exporter
from schemas.codec import decode_event, encode
from schemas.events import Event
from schemas.partition import partition_of
from tests.export.story import EVENTS

SIGNER = Signer("sealer", Ed25519PrivateKey.from_private_bytes(bytes(32)))
PARTITIONS = 2


def log_of(histories: Iterable[Sequence[Event]]) -> MemoryLog:
    """The histories woven together by time, as the conversations' owners would have written them."""
    log = MemoryLog(PARTITIONS)
    for event in sorted((event for history in histories for event in history), key=lambda event: event.at_ms):
        asyncio.run(put(log, EVENTS, event.conversation_id, event, event.at_ms))
    return log


async def put(log: MemoryLog, topic: str, key: str, record: Any, at_ms: int | None = None) -> None:
    await log.publish(topic, partition_of(key.encode(), PARTITIONS), [Entry(key.encode(), encode(topic, record), at_ms)])


@dataclass(frozen=True, slots=True)
class TreeProof:
    origin: Origin
    size: int
    notes: tuple[Note, ...]
    hashes: Tree


class TreeSeals:
    """Seals whatever is in the log when it is asked."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def place_of(self, topic: str, partition: int, offset: int) -> tuple[int, int]:
        return 0, 0

    async def proof(self, topic: str, partition: int, size: int) -> TreeProof:
        tree, origin = Tree(), Origin("test", topic, partition)
        records = await self._log.read(topic, partition, 0, 1_000_000)
        tree.extend(leaf_bytes(*record[2:]) for record in records)
        assert tree.size >= size
        note = signed(Checkpoint(origin, tree.size, tree.root(tree.size), 0, tree.size - 1, 1, None).text(), [SIGNER])
        return TreeProof(origin, tree.size, (note,), tree)


def exporter(log: MemoryLog, names: Mapping[str, str] | None = None, commit_records: int = 3) -> Exporter:
    async def named(users: Sequence[str]) -> Mapping[str, str]:
        return {user: (names or {})[user] for user in users if user in (names or {})}

    return Exporter(
        log=log,
        seals=TreeSeals(log),
        ring=Ring(SIGNER),
        cluster="test",
        maker="operator:ana@host",
        clock_ms=lambda: 1_760_000_000_000,
        names=named,
        boot="b",
        sync=lambda: None,
        commit_records=commit_records,
    )


def asked(*conversations: str, formats: tuple[str, ...] = FORMATS, **fields: Any) -> Asked:
    return Asked(conversations=conversations, formats=formats, domain="chat.example", **fields)


def checked(folder: Path) -> tuple[Manifest, dict[str, list[Event]]]:
    """The manifest and the events by conversation, after the bundle's signature, hashes and proofs were checked."""
    reader = BundleReader(folder)
    note = parse_note(reader.note())
    assert is_note_of(note, reader.manifest())
    assert note.signers([SIGNER.verifier])
    manifest = parse_manifest(reader.manifest())
    found: dict[str, list[Event]] = {}
    for part in manifest.parts:
        checkpoint = parse_checkpoint(reader.checkpoints(part.topic, part.partition)[-1].text)
        filler = GapFiller(checkpoint.size, reader.gaps(part.topic, part.partition))
        for index, leaf in reader.leaves(part.topic, part.partition):
            filler.add(index, leaf_hash(leaf))
            key, value = parse_leaf(leaf)[2:4]
            if part.topic == EVENTS and key is not None:
                found.setdefault(key.decode(), []).append(decode_event(value))
        assert filler.root() == checkpoint.root
    for said in reader.conversations():
        seqs = [event.seq for event in found[said.conversation] if said.first_seq <= event.seq <= said.last_seq]
        assert seqs == list(range(said.first_seq, said.last_seq + 1))
    return manifest, found


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
