"""A small honest world for the checks: a conversation-events partition with checkpoints, as a bundle and as a log directory."""

from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.bundle import BundleWriter
from audit.chain import Trust
from audit.checkpoint import Checkpoint, Origin
from audit.leaf import Leaf, leaf_bytes
from audit.manifest import ConversationPart, Manifest
from audit.note import Note, Signer, cosigned, signed
from audit.tree import Tree, gaps
from schemas.audits import CheckpointSigned, CheckpointWitnessed
from schemas.codec import encode
from schemas.events import MessageSent
from schemas.registry import SCHEMAS
from schemas.values import Content

TOPIC, NUMBER = "conversation-events", 0
ORIGIN = Origin("cluster", TOPIC, NUMBER)
RECORDS_COUNT = 40
CHECKPOINT_SIZES = (10, 25, 40)
START_MS = 1_760_000_000_000


def signer(number: int, name: str) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


SEALER, WITNESS, THIEF = signer(1, "warbler-sealer"), signer(2, "warbler-witness"), signer(3, "warbler-sealer")
TRUST = Trust([SEALER.verifier])


def conversation_of(number: int) -> str:
    return f"g-{number % 2}"


def event(number: int, seq: int = 0) -> bytes:
    """Event `number` of the partition; two conversations take turns, each dense from 1."""
    sent = MessageSent(
        event_id=f"{conversation_of(number)}:{number // 2 + 1}",
        tenant="default",
        conversation_id=conversation_of(number),
        seq=seq or number // 2 + 1,
        ordinal=number // 2 + 1,
        at_ms=START_MS + number,
        user="u-ana",
        device="d-1",
        command_id=f"c-{number}",
        trace_id="",
        content=Content("text/plain", f"hello {number}".encode()),
    )
    return encode(TOPIC, sent)


def records(count: int = RECORDS_COUNT) -> list[Leaf]:
    """Offsets have a hole after the first five, as a control batch leaves one."""
    return [
        Leaf(number + (number > 4), START_MS + number, conversation_of(number).encode(), event(number), (("command", bytes([number])),))
        for number in range(count)
    ]


def tree_of(leaves: list[Leaf]) -> Tree:
    tree = Tree()
    tree.extend([leaf_bytes(*leaf) for leaf in leaves])
    return tree


def checkpoints(leaves: list[Leaf], sizes: tuple[int, ...] = CHECKPOINT_SIZES, origin: Origin = ORIGIN) -> list[Checkpoint]:
    tree, made_so_far, previous = tree_of(leaves), list[Checkpoint](), None
    for size in sizes:
        last = Checkpoint(origin, size, tree.root(size), leaves[0].offset, leaves[size - 1].offset, START_MS + size, previous)
        made_so_far.append(last)
        previous = last.digest()
    return made_so_far


def notes(leaves: list[Leaf], by: Signer = SEALER, sizes: tuple[int, ...] = CHECKPOINT_SIZES) -> list[Note]:
    return [signed(checkpoint.text(), [by]) for checkpoint in checkpoints(leaves, sizes)]


@dataclass(frozen=True)
class Made:
    """How a bundle is made; the tampering changes one of these, or the files afterwards."""

    leaves: tuple[Leaf, ...] = tuple(records())
    only: str = ""  # a conversation; empty: all of the partition
    by: Signer = SEALER  # who signs the manifest
    notes: tuple[Note, ...] = ()
    count: int = -1


def bundle(folder: Path, made_of: Made = Made()) -> Path:
    leaves, writer = list(made_of.leaves), BundleWriter(folder)
    chosen = [number for number, leaf in enumerate(leaves) if not made_of.only or leaf.key == made_of.only.encode()]
    tree = tree_of(leaves)
    with writer.records(TOPIC, NUMBER) as out:
        for number in chosen:
            out.add(number, leaves[number].offset, leaf_bytes(*leaves[number]))
        out.flush()
        part = out.part(ORIGIN, len(leaves))
    writer.checkpoints(TOPIC, NUMBER, list(made_of.notes) or notes(leaves))
    writer.gaps(TOPIC, NUMBER, [tree.subtree(*each) for each in gaps(chosen, len(leaves))])
    writer.schemas({schema.id: schema.source for schema in SCHEMAS.values() if (schema.topic, schema.record) == (TOPIC, "message_sent")})
    whole = [conversation for conversation in ("g-0", "g-1") if made_of.only in ("", conversation)]
    count = writer.conversations(ConversationPart(conversation, 1, len(leaves) // 2) for conversation in whole)
    writer.put("readable/all.csv", b"hello\n")
    manifest = Manifest(START_MS, "operator:ana@host", "cluster", {"all": "yes"}, parts=(part,), conversations_count=count)
    writer.seal(replace(manifest, conversations_count=count if made_of.count < 0 else made_of.count), made_of.by)
    return folder


def batch(leaves: list[Leaf], base: int) -> bytes:
    """A record batch as a broker stores it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for leaf in leaves:
        builder.append(leaf.offset - base, leaf.timestamp_ms, leaf.key, leaf.value, list(leaf.headers))
    data = bytearray(builder.build())
    data[:8] = base.to_bytes(8, "big")
    return bytes(data)


def log_directory(folder: Path, leaves: list[Leaf], said: list[Note]) -> Path:
    """Two segments of records, and one of checkpoints with the witness's after the sealer's."""
    place = folder / f"{TOPIC}-{NUMBER}"
    place.mkdir(parents=True)
    for segment in (leaves[:20], leaves[20:]):
        runs = [segment[:5], segment[5:12], segment[12:]]
        data = b"".join(batch(run, run[0].offset) for run in runs if run)
        if segment:
            (place / f"{segment[0].offset:020d}.log").write_bytes(data)
    audit = folder / f"audit-checkpoints-{NUMBER}"
    audit.mkdir()
    entries = [leaf for number, note in enumerate(said) for leaf in _published(note, 2 * number)]
    (audit / f"{0:020d}.log").write_bytes(batch(entries, 0) if entries else b"")
    return folder


def _published(note: Note, offset: int) -> list[Leaf]:
    fields = {"origin": str(ORIGIN), "topic": TOPIC, "partition": NUMBER, "size": 0, "last_offset": 0, "at_ms": START_MS}
    by_sealer = CheckpointSigned(**fields, note=str(note))  # type: ignore[arg-type]
    by_both = CheckpointWitnessed(**fields, note=str(cosigned(note, WITNESS)))  # type: ignore[arg-type]
    values = [encode("audit-checkpoints", by_sealer), encode("audit-checkpoints", by_both)]
    return [Leaf(offset + number, START_MS, b"key", value) for number, value in enumerate(values)]
