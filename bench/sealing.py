"""What sealing costs: records of a topic of its own, read from Kafka and sealed as a sealer does it, in a process with nothing else.

`python -m bench.sealing --kafka HOST:PORT`: records of the size of a message's event are produced first; then they are read and put into a
tree, and every 10,000 a checkpoint is signed, and tiles and state are written to a folder. Without --kafka: the same without the reading.
"""

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Origin
from audit.note import Signer, signed
from audit.sealing import Sealing
from bench.apart import say
from bench.report import Figure
from log.clients import client_options
from log.kafka_read import tail
from log.port import Record
from log.settings import LogSettings
from log.topics import ensure_other_topic
from store.objects import FolderObjects
from streams.audit.places import save, take

EVENTS_PER_CHECKPOINT = 10_000
VALUE_BYTES = 330  # of a message's event with a line of text
BATCH_RECORDS = 2_000
WITHIN_S = 240.0
KEY = b"g-0199c82cc00071238123456789abcdef"
SIGNER = Signer("bench", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def made(topic: str, start: int, count: int) -> list[Record]:
    header = (("command", bytes(16)),)
    return [
        Record(topic, 0, number, 1_760_000_000_000 + number, KEY, number.to_bytes(8, "big") + bytes(VALUE_BYTES), header)
        for number in range(start, start + count)
    ]


async def from_memory(count: int) -> AsyncIterator[list[Record]]:
    for start in range(0, count, BATCH_RECORDS):
        yield made("bench", start, min(BATCH_RECORDS, count - start))


async def from_kafka(kafka: str, count: int) -> AsyncIterator[list[Record]]:
    topic = f"bench-seal-{uuid.uuid4().hex[:8]}"
    await ensure_other_topic(LogSettings(kafka), topic, 1)
    producer = AIOKafkaProducer(**client_options(LogSettings(kafka)), linger_ms=20, max_batch_size=1 << 19)
    await producer.start()
    for start in range(0, count, BATCH_RECORDS):
        batch = made(topic, start, min(BATCH_RECORDS, count - start))
        sent = [await producer.send(topic, record.value, key=record.key, partition=0, headers=list(record.headers)) for record in batch]
        await asyncio.gather(*sent)
    await producer.stop()
    async for records in tail(LogSettings(kafka, fetch_bytes_min=1 << 16), {(topic, 0): 0}):
        yield records


async def sealed(source: AsyncIterator[list[Record]], count: int, name: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        objects, tree, checkpoints = FolderObjects(Path(folder)), Sealing(Origin("bench", "bench", 0)), 0
        begun_s = begun_cpu_s = 0.0
        async with asyncio.timeout(WITHIN_S):
            async for records in source:
                if not begun_s:
                    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
                take(tree, records)
                if tree.size - max(0, tree.sealed_size) >= EVENTS_PER_CHECKPOINT or tree.size >= count:
                    checkpoint = tree.checkpoint(0)
                    signed(checkpoint.text(), [SIGNER])
                    tree.sealed(checkpoint, checkpoints)
                    checkpoints += 1
                    await save(objects, "bench", tree)
                if tree.size >= count:
                    break
        wall_s, cpu_s = time.monotonic() - begun_s, time.process_time() - begun_cpu_s
    return [
        Figure(f"{name}: events a second", "1/s", count / wall_s),
        Figure(f"{name}: events a second of one core's time", "1/s", count / cpu_s),
        Figure(f"{name}: checkpoints", "", checkpoints),
    ]


async def whole(count: int, kafka: str) -> list[Figure]:
    figures = await sealed(from_memory(count), count, "sealing, the records there")
    return figures + (await sealed(from_kafka(kafka, count), count, "sealing, read from Kafka") if kafka else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300_000, help="records (%(default)s)")
    parser.add_argument("--kafka", default="", help="where to read them from as well")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    say(uvloop.run(whole(given.count, given.kafka)), as_json=given.json)


if __name__ == "__main__":
    main()
