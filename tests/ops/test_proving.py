"""One event is proven to a stranger: sealed by the sealer, found again, bundled, checked with nothing but the public key."""

import asyncio
from pathlib import Path

import pytest

from audit.chain import Trust
from audit.ring import Ring
from audit.verify import verify_bundle
from log.memory import MemoryLog
from log.port import Entry
from ops.errors import OpsError
from ops.proving import prove
from ops.sealed import NotSealed, SealedTrees
from schemas.partition import partition_of
from store.objects import MemoryObjects
from streams.audit.sealer import Sealer, SealStats
from streams.audit.settings import AuditSettings
from tests.audit.world import SEALER, TOPIC, conversation_of, event

COUNT = 1_500
SETTINGS = AuditSettings(topics=(TOPIC,), events=400, interval_ms=5)


async def sealed_world(objects: MemoryObjects) -> MemoryLog:
    log = MemoryLog(1)
    entries = [Entry(conversation_of(number).encode(), event(number), number) for number in range(COUNT)]
    await log.publish(TOPIC, partition_of(b"g-0", 1), entries)
    sealer = Sealer(log, objects, lambda: Ring(SEALER), "cluster", 0, SETTINGS, SealStats(), lambda: 1)
    task = asyncio.ensure_future(sealer.run())
    try:
        await SealedTrees(objects, "cluster", wait_s=60).proof(TOPIC, 0, COUNT)
    finally:
        task.cancel()
        await asyncio.wait([task])
    return log


@pytest.mark.parametrize(("conversation", "seq"), [("g-0", 1), ("g-1", 1), ("g-0", 600), ("g-1", 750)])
def test_an_event_is_proven_to_a_stranger(tmp_path: Path, conversation: str, seq: int) -> None:
    async def whole() -> None:
        objects = MemoryObjects()
        log = await sealed_world(objects)
        found = await prove(log, SealedTrees(objects, "cluster", 1), Ring(SEALER), "cluster", conversation, seq, tmp_path / "proof")
        assert (found.index, found.tree_size) == ((seq - 1) * 2 + (conversation == "g-1"), COUNT)

    asyncio.run(whole())
    report = verify_bundle(tmp_path / "proof", Trust([SEALER.verifier]))
    assert report.findings == []
    assert report.records_count == 1
    assert f"hello {(seq - 1) * 2 + (conversation == 'g-1')}" in (tmp_path / "proof/readable/event.ndjson").read_text()


def test_what_is_not_there_or_not_sealed_is_not_proven(tmp_path: Path) -> None:
    async def whole() -> None:
        objects = MemoryObjects()
        log = await sealed_world(objects)
        trees = SealedTrees(objects, "cluster", wait_s=0.01)
        with pytest.raises(OpsError, match="has no event 751"):
            await prove(log, trees, Ring(SEALER), "cluster", "g-0", 751, tmp_path / "1")
        with pytest.raises(NotSealed):
            await SealedTrees(objects, "other", wait_s=0.01).proof(TOPIC, 0, 1)
        with pytest.raises(NotSealed, match="1501 records are needed, 1500 are sealed"):
            await trees.proof(TOPIC, 0, COUNT + 1)
        objects.objects = {name: data for name, data in objects.objects.items() if "checkpoints" not in name}
        with pytest.raises(NotSealed, match="missing or damaged"):
            await trees.proof(TOPIC, 0, COUNT)
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "x").write_bytes(b"")
        with pytest.raises(OpsError, match="not empty"):
            await prove(log, trees, Ring(SEALER), "cluster", "g-0", 1, tmp_path / "full")

    asyncio.run(whole())
