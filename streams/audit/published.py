"""What stands in audit-checkpoints, and how to put something there."""

from collections.abc import AsyncIterator
from typing import Any

from audit.checkpoint import Checkpoint, Origin
from audit.note import Note
from audit.rotation import parse_rotation
from log.errors import PositionGone
from log.port import Entry, Log, Record
from schemas.audits import AlarmKind, AuditAlarmed, AuditRecord, CheckpointSigned, CheckpointWitnessed, KeyRotated
from schemas.codec import decode, encode
from schemas.errors import Undecodable
from streams.audit.settings import AUDIT_TOPIC

PAGE_RECORDS = 1_000


def entry_of(record: AuditRecord, key: str) -> Entry:
    return Entry(key.encode(), encode(AUDIT_TOPIC, record))


def signed_entry(checkpoint: Checkpoint, note: Note) -> Entry:
    return entry_of(CheckpointSigned(**_fields(checkpoint, note)), str(checkpoint.origin))


def witnessed_entry(checkpoint: Checkpoint, note: Note) -> Entry:
    return entry_of(CheckpointWitnessed(**_fields(checkpoint, note)), str(checkpoint.origin))


def _fields(checkpoint: Checkpoint, note: Note) -> dict[str, Any]:
    origin = checkpoint.origin
    return {
        "origin": str(origin),
        "topic": origin.topic,
        "partition": origin.partition,
        "size": checkpoint.size,
        "last_offset": checkpoint.last_offset,
        "at_ms": checkpoint.at_ms,
        "note": str(note),
    }


def alarm_entry(origin: Origin, size: int, alarm: AlarmKind, detail: str, by: str, at_ms: int) -> Entry:
    record = AuditAlarmed(
        origin=str(origin), topic=origin.topic, partition=origin.partition, size=size, alarm=alarm, detail=detail, by=by, at_ms=at_ms
    )
    return entry_of(record, str(origin))


def rotated_entry(note: Note) -> Entry:
    """Raises: Malformed for what is no change of keys."""
    found = parse_rotation(note.text)
    record = KeyRotated(name=found.new.name, old=str(found.old), new=str(found.new), at_ms=found.at_ms, note=str(note))
    return entry_of(record, found.new.name)


def read_audit(record: Record) -> AuditRecord | None:
    """None for what cannot be understood: it proves nothing, and must not stop who reads on."""
    try:
        return decode(record.value, AuditRecord)  # type: ignore[arg-type]  # a union, as the other decoders take it
    except Undecodable:
        return None


async def published(log: Log, partition: int, start: int) -> AsyncIterator[tuple[int, AuditRecord]]:
    """Offset and record of everything from `start` to the end of now; all there is where `start` is gone. Raises: LogError."""
    position = start
    while True:
        try:
            records = await log.read(AUDIT_TOPIC, partition, position, PAGE_RECORDS)
        except PositionGone:
            if position == (position := await log.start_offset(AUDIT_TOPIC, partition)):
                raise
            continue
        if not records:
            return
        for record in records:
            if (found := read_audit(record)) is not None:
                yield record.offset, found
        position = records[-1].offset + 1
