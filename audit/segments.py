"""A Kafka log directory, as copied from a broker: its records, read with aiokafka's own parser, without a broker.

For `audit.logdir`. Records come as a consumer would get them: without control batches, and with the batch's time where the topic takes
the broker's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit.errors import Malformed
from audit.leaf import Leaf

Place = tuple[str, int]
HEAD_BYTES = 12  # base offset and length stand before each batch
BATCH_BYTES_LIMIT = 256 << 20


class SegmentCut(Malformed):
    """The file ends within a batch."""


def segments_of(folder: Path) -> list[Path]:
    """The segments of one partition, oldest first. Raises: OSError."""
    return sorted(path for path in folder.glob("*.log") if path.stem.isdigit())


def partition_of_folder(folder: Path) -> Place | None:
    """Topic and partition of a folder's name; None for any other folder."""
    topic, _, number = folder.name.rpartition("-")
    return (topic, int(number)) if topic and number.isdigit() and folder.is_dir() else None


def partitions_in(folder: Path) -> dict[Place, Path]:
    """The partitions of a log directory, or the one that the folder itself is. Raises: OSError."""
    candidates = [folder, *sorted(folder.iterdir())]
    return {place: path for path in candidates if (place := partition_of_folder(path)) is not None and segments_of(path)}


def read_segments(folder: Path) -> Iterator[Leaf]:
    """Every record of a partition, in the order of the files.

    Raises: Malformed for a batch whose checksum or form is wrong, SegmentCut for one that is not all there; OSError. Memory: one batch.
    """
    for path in segments_of(folder):
        with path.open("rb") as file:
            while head := file.read(HEAD_BYTES):
                if len(head) < HEAD_BYTES:
                    raise SegmentCut(f"{path.name} ends within a batch")
                if not any(head) and not any(file.read(1 << 16)):
                    break  # a segment that Kafka had laid out and not yet filled
                length = int.from_bytes(head[8:12], "big", signed=True)
                if not 0 < length <= BATCH_BYTES_LIMIT:
                    raise Malformed(f"{path.name}: a batch of {length} bytes")
                body = file.read(length)
                if len(body) < length:
                    raise SegmentCut(f"{path.name} ends within a batch")
                yield from _records(head + body, path.name)


def _records(data: bytes, name: str) -> Iterator[Leaf]:
    from aiokafka.record.memory_records import MemoryRecords  # here: who checks a bundle needs no Kafka client

    base = int.from_bytes(data[:8], "big")
    try:
        batches = MemoryRecords(data)
        batch: Any = batches.next_batch()
        if batch is None or batch.magic != 2:
            raise Malformed(f"{name}: at offset {base} is no batch of a format since Kafka 0.11")
        if not batch.validate_crc():
            raise Malformed(f"{name}: the checksum of the batch at offset {base} is wrong")
        if batch.is_control_batch:
            return
        records = list(batch)
    except Malformed:
        raise
    except Exception as exc:  # aiokafka raises whatever its parser does on bytes that are no batch
        raise Malformed(f"{name}: the batch at offset {base}: {type(exc).__name__}: {exc}") from exc
    for record in records:
        yield Leaf(record.offset, record.timestamp, record.key, record.value, tuple(record.headers))
