"""Sealer and witness over the log in memory: what they sign, what they find, and that a crash anywhere changes nothing."""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, Origin, parse_checkpoint, read_notes
from audit.leaf import leaf_bytes
from audit.note import Signer, parse_note, signed
from audit.ring import Ring
from audit.sealing import Sealing, read_state
from audit.tiles import TiledHashes
from audit.tree import Tree
from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from log.port import Entry
from schemas.audits import AuditAlarmed, CheckpointSigned, CheckpointWitnessed
from store.objects import MemoryObjects, ObjectsUnavailable
from streams.audit import sealer
from streams.audit.published import published, signed_entry
from streams.audit.sealer import Sealer, SealStats
from streams.audit.settings import AuditSettings
from streams.audit.witness import Witness, WitnessStats

TOPIC = "conversation-events"
CLUSTER = "cluster"
PATIENCE_S = 60.0
SETTINGS = AuditSettings(topics=(TOPIC, "admin-events"), events=100, interval_ms=5, silence_ms=50)
FOLDER = f"audit/{CLUSTER}/{TOPIC}/0"


def signer(number: int, name: str) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


SEALER, WITNESS, STRANGER = signer(1, "sealer"), signer(2, "witness"), signer(3, "sealer")


def whole(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class World:
    def __init__(self) -> None:
        self.log = MemoryLog(1)
        self.objects = MemoryObjects()
        self.now_ms = 0
        self.ring = Ring(SEALER)

    def clock_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def sealer(self, log: MemoryLog | None = None, settings: AuditSettings = SETTINGS) -> Sealer:
        return Sealer(log or self.log, self.objects, lambda: self.ring, CLUSTER, 0, settings, SealStats(), self.clock_ms)

    def witness(self) -> Witness:
        ring, sealers = Ring(WITNESS), [SEALER.verifier]
        return Witness(self.log, self.objects, lambda: ring, sealers, CLUSTER, 0, SETTINGS, WitnessStats(), self.clock_ms)

    async def say(self, count: int, topic: str = TOPIC) -> None:
        start = await self.log.end_offset(topic, 0)
        await self.log.publish(topic, 0, [Entry(b"g-1", str(start + number).encode(), start + number) for number in range(count)])

    async def said(self, kind: type) -> list:  # type: ignore[type-arg]
        return [record async for _, record in published(self.log, 0, 0) if isinstance(record, kind)]

    async def checkpoints(self, topic: str = TOPIC) -> list[Checkpoint]:
        notes = [parse_note(record.note) for record in await self.said(CheckpointSigned) if record.topic == topic]
        assert all(note.signers(self.ring.verifiers) for note in notes)
        return [parse_checkpoint(note.text) for note in notes]

    async def sealed(self, size: int, generation: int = 0, topic: str = TOPIC) -> Checkpoint:
        """The first checkpoint over that many records."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for checkpoint in await self.checkpoints(topic):
                    if checkpoint.size == size and checkpoint.origin.generation == generation:
                        return checkpoint
                await asyncio.sleep(0.002)

    def saved_size(self, folder: str = FOLDER) -> int:
        state = self.objects.get(f"{folder}/state")
        return read_state(state).sealed_size if state else -1

    async def until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if found():
                    return
                await asyncio.sleep(0.002)

    async def alarms(self, count: int) -> list[AuditAlarmed]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if len(found := await self.said(AuditAlarmed)) >= count:
                    return found
                await asyncio.sleep(0.002)

    def position(self) -> int:
        """Where a witness that is begun now reads on."""
        return next((int(said) for name, said in self.objects.objects.items() if name.endswith("/position-0")), 0)

    async def tree(self) -> Tree:
        tree = Tree()
        tree.extend([leaf_bytes(*record[2:]) for record in await self.log.read(TOPIC, 0, 0, 10**6)])
        return tree


@contextlib.asynccontextmanager
async def running(*lanes: Sealer | Witness) -> AsyncIterator[None]:
    """While they run; a lane that ends with an error fails the test, unless the test looks at it itself."""
    tasks = [asyncio.ensure_future(lane.run()) for lane in lanes]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def chained(checkpoints: list[Checkpoint]) -> bool:
    return all(later.previous == earlier.digest() and later.size >= earlier.size for earlier, later in itertools.pairwise(checkpoints))


@whole
async def test_what_is_said_is_sealed_by_number_and_by_time() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(350)
        await world.say(3, "admin-events")
        last = await world.sealed(350)
        checkpoints = await world.checkpoints()
        assert last.root == (await world.tree()).root(350)
        assert (last.first_offset, last.last_offset, last.origin) == (0, 349, Origin(CLUSTER, TOPIC, 0))
        assert checkpoints[0].previous is None
        assert chained(checkpoints)
        await world.sealed(3, topic="admin-events")
    stored = world.objects.objects[f"{FOLDER}/0/checkpoints/000000000.notes"].decode()
    assert [parse_checkpoint(note.text) for note in read_notes(stored)] == checkpoints


@whole
async def test_nothing_is_signed_while_nothing_is_said() -> None:
    world = World()
    seal = world.sealer()
    async with running(seal):
        await world.say(1)
        await world.sealed(1)
        await asyncio.sleep(0.05)  # ten times the interval
        assert len(await world.checkpoints()) == 1


@whole
async def test_what_is_stored_proves_what_was_said() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(2_500)
        await world.sealed(2_500)
        await world.until(lambda: world.saved_size() == 2_500)
    state = read_state(world.objects.objects[f"{FOLDER}/state"])
    hashes, tree = TiledHashes(lambda name: world.objects.get(f"{FOLDER}/0/{name}"), state.edge), await world.tree()
    for level, index in ((0, 0), (0, 1023), (0, 1024), (3, 200), (10, 0), (10, 1), (1, 1249), (0, 2_499)):
        assert hashes.subtree(level, index) == tree.subtree(level, index)
    assert hashes.place_of(1_500) == (1_024, 1_024)


@whole
async def test_a_sealer_goes_on_from_its_state_and_reads_nothing_again() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(300)
        await world.sealed(300)
        await world.until(lambda: world.saved_size() == 300)
    await world.say(40)
    again = world.sealer()
    async with running(again):
        last = await world.sealed(340)
    assert again.stats.records == 40
    assert last.root == (await world.tree()).root(340)
    assert chained(await world.checkpoints())


@whole
async def test_where_nothing_is_said_a_sealer_reads_no_checkpoints_again() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(300)
        await world.sealed(300)
    async with running(world.sealer()):
        await world.say(1)
        await world.sealed(301)
    state = read_state(world.objects.objects[f"audit/{CLUSTER}/admin-events/0/state"])
    assert state.size == 0
    assert state.checkpoints_next > 2  # behind the first sealer's checkpoints


@whole
async def test_a_state_that_was_lost_is_made_anew_from_the_log_and_its_checkpoints() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(250)
        await world.sealed(250)
    for lost in (b"", None):
        if lost is None:
            world.objects.objects.clear()
        else:
            world.objects.objects[f"{FOLDER}/state"] = lost
        size = await world.log.end_offset(TOPIC, 0)
        await world.say(1)
        async with running(world.sealer()):
            last = await world.sealed(size + 1)
            await world.until(lambda size=size + 1: world.saved_size() == size)  # type: ignore[misc]
        checkpoints = await world.checkpoints()
        assert chained(checkpoints)
        assert last.origin.generation == 0
        stored = world.objects.objects[f"{FOLDER}/0/checkpoints/000000000.notes"].decode()
        assert [parse_checkpoint(note.text) for note in read_notes(stored)] == checkpoints


@whole
async def test_a_log_that_ends_before_what_was_sealed_is_another_one_and_named_so() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(50)
        await world.sealed(50)
        await world.until(lambda: world.saved_size() == 50)
    del world.log._rows[TOPIC, 0][30:]
    async with running(world.sealer()):
        first = await world.sealed(30, generation=1)
        (alarm,) = await world.alarms(1)
    assert alarm.alarm == "another_log"
    assert first.why == alarm.detail == "the log ends at offset 30, sealed was up to 50"
    assert first.previous == (await world.checkpoints())[-2].digest()
    await world.say(1)
    async with running(world.sealer()):
        second = await world.sealed(31, generation=1)
    assert second.why == ""
    assert len(await world.said(AuditAlarmed)) == 1


@whole
async def test_a_sealer_that_was_cut_short_after_telling_of_another_log_tells_it_once() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(50)
        await world.sealed(50)
        await world.until(lambda: world.saved_size() == 50)
    del world.log._rows[TOPIC, 0][30:]
    before = dict(world.objects.objects)
    async with running(world.sealer()):
        await world.sealed(30, generation=1)
    world.objects.objects = before  # as if nothing had been saved since
    await world.say(1)
    async with running(world.sealer()):
        last = await world.sealed(31, generation=1)
    assert last.root == (await world.tree()).root(31)
    assert chained((await world.checkpoints())[-2:])
    assert len(await world.said(AuditAlarmed)) == 1


@whole
async def test_what_a_stranger_puts_among_the_checkpoints_stops_nobody() -> None:
    world = World()
    await world.say(10)
    for note in (signed("x\n", [STRANGER]), replace(signed("x\n", [SEALER]), text="y\n")):
        checkpoint = Checkpoint(Origin(CLUSTER, TOPIC, 0, 9), 3, bytes(32), 0, 2, 1, None)
        await world.log.publish("audit-checkpoints", 0, [signed_entry(checkpoint, note)])
    forged = Checkpoint(Origin(CLUSTER, TOPIC, 0, 9), 3, bytes(32), 0, 2, 1, None)
    await world.log.publish("audit-checkpoints", 0, [signed_entry(forged, signed(forged.text(), [STRANGER]))])
    async with running(world.sealer()):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                sizes = [(record.origin, record.size) for record in await world.said(CheckpointSigned)]
                if (str(Origin(CLUSTER, TOPIC, 0)), 10) in sizes:
                    break
                await asyncio.sleep(0.002)
    assert await world.said(AuditAlarmed) == []


@whole
async def test_a_last_record_that_is_another_one_makes_another_log() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(50)
        await world.sealed(50)
        await world.until(lambda: world.saved_size() == 50)
    rows = world.log._rows[TOPIC, 0]
    rows[-1] = rows[-1]._replace(value=b"changed")
    async with running(world.sealer()):
        assert (await world.alarms(1))[0].detail == "the record at offset 49 is another one than was sealed"


@whole
async def test_without_its_state_a_sealer_sees_that_the_log_gives_another_root() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(50)
        await world.sealed(50)
    world.objects.objects.clear()
    rows = world.log._rows[TOPIC, 0]
    rows[7] = rows[7]._replace(value=b"changed")
    async with running(world.sealer()):
        assert (await world.alarms(1))[0].detail == "the log no longer gives the root of 50 records"
        assert (await world.sealed(50, generation=1)).root == (await world.tree()).root(50)


@whole
async def test_a_sealer_that_was_cut_short_anywhere_leaves_one_chain() -> None:
    """At each step of the log and of the storage in turn the lane dies; its successor must find the same tree and go on with the chain."""
    for step in range(1, 40):
        world = World()
        await world.say(120)
        steps = 0

        async def dying(operation: str, moment: Moment, step: int = step) -> None:
            nonlocal steps
            steps += 1
            if steps == step:
                raise LogUnavailable(f"{operation} {moment}")

        task = asyncio.ensure_future(world.sealer(world.log.seen_with(dying)).run())
        await asyncio.wait([task, asyncio.ensure_future(asyncio.sleep(0.05))], return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        await asyncio.wait([task])
        await world.say(1)
        async with running(world.sealer()):
            last = await world.sealed(121)
        assert last.root == (await world.tree()).root(121)
        assert chained(await world.checkpoints()), step
        assert await world.said(AuditAlarmed) == []


@whole
async def test_a_storage_that_fails_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "STORAGE_RETRY_S", 0.001)
    world = World()
    put, failures = world.objects.put, iter(range(7))

    def failing(name: str, data: bytes) -> None:
        if next(failures, None) is not None:
            raise ObjectsUnavailable("full")
        put(name, data)

    monkeypatch.setattr(world.objects, "put", failing)
    seal = world.sealer()
    async with running(seal):
        await world.say(1_500)
        await world.sealed(1_500)
        await world.until(lambda: world.saved_size() == 1_500)
    assert seal.stats.storage_failures == 7
    assert f"{FOLDER}/0/tiles/0/000000000" in world.objects.objects
    assert chained(await world.checkpoints())


@whole
async def test_of_two_sealers_the_older_one_is_fenced() -> None:
    world = World()
    older = asyncio.ensure_future(world.sealer().run())
    await world.say(10)
    await world.sealed(10)
    async with running(world.sealer()):
        await world.say(10)
        await world.sealed(20)
        await asyncio.wait([older], timeout=PATIENCE_S)
    with pytest.raises(BaseExceptionGroup, match="unhandled errors"):
        older.result()
    assert chained(await world.checkpoints())


@whole
async def test_a_witness_signs_what_it_comes_to_itself() -> None:
    world = World()
    witness = world.witness()
    async with running(world.sealer(), witness):
        await world.say(250)
        last = await world.sealed(250)
        await world.until(lambda: witness.stats.agreed >= 1 and witness._trees[TOPIC].sealed_size == 250)
        found = [parse_note(record.note) for record in await world.said(CheckpointWitnessed)]
    assert parse_checkpoint(found[-1].text) == last
    assert found[-1].signers([SEALER.verifier, WITNESS.verifier]) == [SEALER.verifier, WITNESS.verifier]
    assert await world.said(AuditAlarmed) == []


@whole
async def test_a_witness_that_comes_later_or_again_goes_on() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(50)
        await world.sealed(50)
    for size in (50, 60):
        async with running(world.sealer(), world.witness()):
            await world.say(size - await world.log.end_offset(TOPIC, 0))
            await world.sealed(size)
            # killed before this it would sign the same once more, which is harmless and not what is asked here
            await world.until(lambda size=size: world.saved_size(f"witness/{WITNESS.name}/{FOLDER}") == size)  # type: ignore[misc]
    sizes = [record.size for record in await world.said(CheckpointWitnessed)]
    assert sizes == [record.size for record in await world.said(CheckpointSigned)]
    assert await world.said(AuditAlarmed) == []


@whole
async def test_a_witness_raises_an_alarm_about_a_root_it_does_not_come_to_and_is_quiet_until_it_agrees_again() -> None:
    world = World()
    await world.say(10)
    witness, origin = world.witness(), Origin(CLUSTER, TOPIC, 0)
    async with running(witness):
        wrong = Checkpoint(origin, 10, bytes(32), 0, 9, 1, None)
        worse = replace(wrong, previous=wrong.digest(), at_ms=2)
        right = Checkpoint(origin, 10, (await world.tree()).root(10), 0, 9, 3, worse.digest())
        longer = replace(right, size=11, previous=right.digest())
        for checkpoint in (wrong, worse, right, longer):
            await world.log.publish("audit-checkpoints", 0, [signed_entry(checkpoint, signed(checkpoint.text(), [SEALER]))])
        found = await world.alarms(2)
    assert [(alarm.alarm, alarm.detail) for alarm in found] == [
        ("disagrees", "the root of 10 records is another one"),
        ("disagrees", "it covers 11 records, the log has 10"),
    ]
    assert [parse_note(record.note).text for record in await world.said(CheckpointWitnessed)] == [right.text()]


@whole
async def test_a_witness_sees_a_history_that_was_signed_again() -> None:
    world = World()
    async with running(world.sealer(), witness := world.witness()):
        await world.say(10)
        await world.sealed(10)
        await world.until(lambda: TOPIC in witness._trees and witness._trees[TOPIC].sealed_size == 10)
    root = (await world.tree()).root(10)
    again = Checkpoint(Origin(CLUSTER, TOPIC, 0), 10, root, 0, 9, 5, None)
    shorter = replace(again, size=9, last_offset=8, previous=again.digest())
    async with running(world.witness()):
        offset = await world.log.publish("audit-checkpoints", 0, [signed_entry(again, signed(again.text(), [SEALER]))])
        (alarm,) = await world.alarms(1)
        await world.until(lambda: world.position() > offset)  # before that its successor would tell the same again
    assert alarm.detail == "it does not name the checkpoint before as its previous one"
    async with running(world.witness()):
        await world.log.publish("audit-checkpoints", 0, [signed_entry(shorter, signed(shorter.text(), [SEALER]))])
        assert (await world.alarms(2))[1].detail == "it covers 9 records, the one before covered 10"


@pytest.mark.parametrize("origin", [Origin(CLUSTER, TOPIC, 0), Origin("other", TOPIC, 0), Origin(CLUSTER, "admin-events", 0)], ids=str)
@whole
async def test_a_witness_knows_a_checkpoint_that_is_not_the_sealers(origin: Origin) -> None:
    world = World()
    own = origin == Origin(CLUSTER, TOPIC, 0)
    checkpoint = Checkpoint(origin, 0, bytes(32), -1, -1, 1, None)
    entry = signed_entry(replace(checkpoint, origin=Origin(CLUSTER, TOPIC, 0)), signed(checkpoint.text(), [STRANGER if own else SEALER]))
    async with running(world.witness()):
        await world.log.publish("audit-checkpoints", 0, [entry])
        (alarm,) = await world.alarms(1)
    assert alarm.alarm == "forged"
    assert await world.said(CheckpointWitnessed) == []


@whole
async def test_a_witness_notices_that_nobody_seals() -> None:
    world = World()
    async with running(world.sealer(), witness := world.witness()):
        await world.say(10)
        await world.sealed(10)
        await world.until(lambda: witness.stats.agreed == 1)
    await world.say(1)
    async with running(world.witness()):
        (alarm,) = await world.alarms(1)
    assert (alarm.alarm, alarm.detail) == ("silent", "records up to offset 10 are there, and none after 9 is sealed")


@whole
async def test_a_sealer_that_is_always_a_little_behind_is_not_silent_and_one_that_stops_is() -> None:
    world = World()
    witness = world.witness()
    tree = Sealing(Origin(CLUSTER, TOPIC, 0))
    for _ in range(10):
        world.now_ms += SETTINGS.silence_ms * 3 // 4
        tree.last_offset += 10
        await witness._look_for_silence(TOPIC, tree, tree.last_offset + 6)
    assert await world.said(AuditAlarmed) == []
    for _ in range(2):
        world.now_ms += SETTINGS.silence_ms * 3 // 4
        await witness._look_for_silence(TOPIC, tree, tree.last_offset + 6)
    (alarm,) = await world.said(AuditAlarmed)
    assert alarm.alarm == "silent"
