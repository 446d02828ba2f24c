"""Sealer and witness over a real Kafka: one is killed, both change their keys, and copies of the broker's own files are checked."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import parse_checkpoint
from audit.command import GOOD, WRONG
from audit.note import parse_note
from audit.ring import read_ring
from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.audit import rotated
from ops.embedded.stack import Stack
from ops.keys import ensure_keys
from ops.programs import public_half
from schemas.audits import AuditAlarmed, CheckpointSigned, CheckpointWitnessed
from streams.audit.published import published
from streams.audit.settings import AUDIT_TOPIC, AuditSettings
from tests.real.workers import PARTITIONS, READY_S, ROOT, Worker, opened, workers

pytestmark = pytest.mark.real
TOPIC = "conversation-events"
RECORDS_COUNT = 500
NAMES = AuditSettings()


def made(kafka: str, data: Path, role: str) -> Worker:
    keys = ensure_keys(data, {})
    return Worker(
        kafka,
        data,
        role,
        STREAMS_ROLES=role,
        WARBLER_AUDIT_KEY=str(keys.audit_key),
        WARBLER_WITNESS_KEY=str(keys.witness_key),
        WARBLER_AUDIT_SEALER=str(public_half(keys.audit_key)),
        AUDIT_INTERVAL_MS="300",
        AUDIT_EVENTS="100",
        AUDIT_TOPICS=TOPIC,  # into the others the tests before may have written
    )


async def say(log: KafkaLog, count: int) -> None:
    """Whatever stands in a partition is sealed, also what no decoder of ours knows."""
    for partition in range(PARTITIONS):
        await log.publish(TOPIC, partition, [Entry(b"g-audit", str(number).encode(), None, (("h", b"1"),)) for number in range(count)])


async def newest(log: KafkaLog, kind: type[Any]) -> dict[tuple[str, int], Any]:
    found = {}
    for partition in range(PARTITIONS):
        async for _, record in published(log, partition, 0):
            if isinstance(record, kind):
                found[record.topic, record.partition] = record
    return found


async def until_all_is_witnessed(log: KafkaLog) -> dict[tuple[str, int], CheckpointWitnessed]:
    """Until the newest checkpoint of every partition covers its last record, and the witness has signed it."""
    async with asyncio.timeout(READY_S):
        while True:
            signed, seen = await newest(log, CheckpointSigned), await newest(log, CheckpointWitnessed)
            ends = [await log.end_offset(TOPIC, partition) for partition in range(PARTITIONS)]
            covered = [signed[TOPIC, number].last_offset + 1 if (TOPIC, number) in signed else 0 for number in range(PARTITIONS)]
            if covered == ends and all((TOPIC, n) in seen and seen[TOPIC, n].size == signed[TOPIC, n].size for n in range(PARTITIONS)):
                return seen
            await asyncio.sleep(0.1)


def checked(folder: Path, *keys: str) -> tuple[int, str]:
    """What the auditor's command says, in a process of its own that can reach no server."""
    command = [sys.executable, "-m", "audit", "verify", str(folder), *keys]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=READY_S, check=False)
    return done.returncode, done.stdout + done.stderr


def copied(stack: Stack, into: Path) -> Path:
    places = [
        path for topic in (TOPIC, AUDIT_TOPIC) for path in stack.home.rglob(f"{topic}-*") if path.is_dir() and path.name[-1].isdigit()
    ]
    for path in places:
        shutil.copytree(path, into / path.name)
    return into


def test_a_killed_sealer_goes_on_a_witness_agrees_and_the_brokers_files_are_what_was_sealed(stack: Stack, tmp_path: Path) -> None:
    keys, first = ensure_keys(tmp_path, {}), tmp_path / "first"
    first.mkdir()
    for path in (keys.audit_key, keys.witness_key):  # what an auditor got before the keys were changed
        shutil.copy(public_half(path), first)

    async def body() -> dict[tuple[str, int], CheckpointWitnessed]:
        await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
        sealer, witness = made(stack.kafka, tmp_path, "seal"), made(stack.kafka, tmp_path, "witness")
        with workers(sealer, witness):
            sealer.start()
            witness.start()
            async with opened(stack.kafka) as log:
                await say(log, RECORDS_COUNT)
                await sealer.until(lambda answer: answer["detail"].get("seal", {}).get("checkpoints", 0) > 0, "sealing")
                sealer.send(signal.SIGKILL)
                sealer.wait()
                await say(log, RECORDS_COUNT)
                sealer.start()
                await until_all_is_witnessed(log)
                for path, name in ((keys.audit_key, NAMES.name), (keys.witness_key, NAMES.witness_name)):
                    await rotated(log, path, name, time.time_ns() // 1_000_000)
                await say(log, RECORDS_COUNT)
                seen = await until_all_is_witnessed(log)
                assert await newest(log, AuditAlarmed) == {}
                live = await witness.live()
                assert live["detail"]["witness"]["alarms"] == 0
                assert "warbler_seal_checkpoints_total" in await sealer.metrics()
        return seen

    seen = asyncio.run(body())
    signing = [read_ring(NAMES.name, keys.audit_key.read_bytes()), read_ring(NAMES.witness_name, keys.witness_key.read_bytes())]
    for record in seen.values():
        note = parse_note(record.note)
        assert len(note.signers([ring.signer.verifier for ring in signing])) == 2, "both sign with their new keys"
        assert parse_checkpoint(note.text).size == record.size
    folder = copied(stack, tmp_path / "copy")
    code, said = checked(folder, "--key", str(first / "audit-key.pub"), "--witness", str(first / "witness-key.pub"))
    assert code == GOOD, said
    segment = max((folder / f"{TOPIC}-0").glob("*.log"), key=lambda path: path.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[-3] ^= 1  # in the last record; between two batches it would be an offset, which no checksum covers, only the root
    segment.write_bytes(data)
    code, said = checked(folder, "--key", str(first / "audit-key.pub"))
    assert (code, "segment-damaged: conversation-events-0" in said) == (WRONG, True), said
    assert checked(folder, "--key", str(first / "witness-key.pub"))[0] == WRONG  # nobody trusted has signed
