"""Sealer and witness over a change of keys: no place is lost, no checkpoint is missing, and nobody believes a change that is none."""

import asyncio
import os
from pathlib import Path

import pytest

from audit.chain import Trust, check_chain
from audit.checkpoint import Origin
from audit.findings import Report
from audit.note import Signer, parse_note, read_signer
from audit.ring import Ring, read_ring
from audit.rotation import followed, rotation_note
from log.errors import LogUnavailable
from log.memory import MemoryLog
from ops.audit import rotated
from ops.keys import ensure_keys, token_pem
from ops.programs import public_half
from schemas.accounts import AdminActed
from schemas.audits import AuditAlarmed, CheckpointSigned, CheckpointWitnessed, KeyRotated
from schemas.codec import decode
from streams.audit.keys import WatchedRing
from streams.audit.published import rotated_entry
from streams.audit.sealer import Sealer, SealStats
from streams.audit.settings import AUDIT_TOPIC, AuditSettings, sealers_of
from tests.streams.audit.test_sealing import CLUSTER, PATIENCE_S, SEALER, SETTINGS, STRANGER, TOPIC, World, running, signer, whole

SECOND = signer(4, "sealer")
NAME = AuditSettings().name


async def change(world: World, new: Signer, by: Signer | None = None) -> None:
    """As the command does: first the log, then the key."""
    ring = world.ring.rotated(new, 7)
    note = ring.rotations[-1] if by is None else rotation_note(by, new, 7)
    await world.log.publish(AUDIT_TOPIC, 0, [rotated_entry(note)])
    world.ring = ring


async def chain_of(world: World) -> Report:
    """The check of all checkpoints of the topic by who trusts the first key alone."""
    report = Report()
    changes = [parse_note(record.note) for record in await world.said(KeyRotated)]
    trust = followed(Trust([SEALER.verifier]), changes, AUDIT_TOPIC, report)
    notes = [parse_note(record.note) for record in await world.said(CheckpointSigned) if record.topic == TOPIC]
    check_chain(notes, Origin(CLUSTER, TOPIC, 0), TOPIC, trust, report)
    return report


@whole
async def test_a_sealer_that_runs_signs_with_the_new_key_and_goes_on_where_it_was() -> None:
    world = World()
    async with running(world.sealer(), world.witness()):
        await world.say(150)
        await world.sealed(150)
        await change(world, SECOND)
        await world.say(30)
        last = await world.sealed(180)
        await world.until(lambda: world.saved_size() == 180)
    report = await chain_of(world)
    assert report.findings == []
    assert report.signers == sorted([str(SEALER.verifier), str(SECOND.verifier)])
    assert last.root == (await world.tree()).root(180)


@whole
async def test_a_sealer_that_was_started_again_with_the_new_key_believes_what_the_old_one_signed() -> None:
    world = World()
    async with running(world.sealer()):
        await world.say(150)
        await world.sealed(150)
    world.objects = type(world.objects)()  # everything it had saved is lost
    await change(world, SECOND)
    await world.say(30)
    async with running(world.sealer()):
        await world.sealed(180)
    assert (await chain_of(world)).findings == []
    assert [checkpoint.origin.generation for checkpoint in await world.checkpoints()] == [0] * len(await world.checkpoints())
    assert await world.said(AuditAlarmed) == []


@whole
async def test_a_witness_follows_the_sealers_key_also_after_it_was_started_again() -> None:
    world = World()
    async with running(world.sealer(), world.witness()):
        await world.say(150)
        await world.sealed(150)
        await change(world, SECOND)
        await world.say(30)
        await witnessed(world, 180)
    async with running(world.sealer(), world.witness()):
        await world.say(20)
        await witnessed(world, 200)
    assert await world.said(AuditAlarmed) == []


async def witnessed(world: World, size: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if size in [record.size for record in await world.said(CheckpointWitnessed) if record.topic == TOPIC]:
                return
            await asyncio.sleep(0.002)


@whole
async def test_a_change_that_the_old_key_has_not_signed_is_an_alarm_and_changes_nothing() -> None:
    world = World()
    async with running(world.sealer(), world.witness()):
        await world.say(150)
        await witnessed(world, 150)
        await world.log.publish(AUDIT_TOPIC, 0, [rotated_entry(rotation_note(STRANGER, SECOND, 7))])
        (alarm,) = await world.alarms(1)
        assert (alarm.alarm, alarm.by) == ("forged", "witness")
        assert "a change of keys" in alarm.detail
        await world.say(30)
        await witnessed(world, 180)
    assert all(SEALER.verifier in parse_note(each.note).signers([SEALER.verifier]) for each in await world.said(CheckpointSigned))


@whole
async def test_a_sealer_under_a_new_key_is_fenced_in_as_before() -> None:
    world = World()
    await world.say(10)
    world.ring = Ring(SEALER).rotated(SECOND, 7)
    sealer = Sealer(world.log, world.objects, lambda: world.ring, CLUSTER, 0, SETTINGS, SealStats(), world.clock_ms)
    async with running(sealer):
        await world.sealed(10)
    (first, *_) = await world.said(CheckpointSigned)
    assert parse_note(first.note).signers([SECOND.verifier]) == [SECOND.verifier]


# ---- the command


@whole
async def test_the_command_tells_the_log_first_and_then_changes_the_file(tmp_path: Path) -> None:
    keys, log = ensure_keys(tmp_path, {}), MemoryLog(3)
    old = read_ring(NAME, keys.audit_key.read_bytes())
    watched = WatchedRing({"WARBLER_AUDIT_KEY": str(keys.audit_key)}, "WARBLER_AUDIT_KEY", NAME)
    ring = await rotated(log, keys.audit_key, NAME, 7)
    assert ring.verifiers == (old.signer.verifier, ring.signer.verifier)
    assert watched().verifiers == ring.verifiers
    assert sealers_of({"WARBLER_AUDIT_SEALER": str(public_half(keys.audit_key))}) == list(ring.verifiers)
    assert keys.audit_key.stat().st_mode & 0o777 == 0o600
    for number in range(3):
        (record,) = await log.read(AUDIT_TOPIC, number, 0, 10)
        assert decode(record.value, KeyRotated).note == str(ring.rotations[-1])
    acts = [decode(record.value, AdminActed) for number in range(3) for record in await log.read("admin-events", number, 0, 10)]
    assert [(act.action, act.outcome) for act in acts] == [("audit.rotate_key", "begun"), ("audit.rotate_key", "done")]
    assert str(ring.signer.verifier) in acts[-1].detail


@whole
async def test_a_change_that_was_cut_short_goes_on_with_the_same_key(tmp_path: Path) -> None:
    keys, log = ensure_keys(tmp_path, {}), MemoryLog(3)
    before, published = keys.audit_key.read_bytes(), []

    async def failing(topic: str, partition: int, entries: object) -> int:
        if topic == AUDIT_TOPIC:
            published.append(partition)
            if len(published) == 2:
                raise LogUnavailable("away")
        return await MemoryLog.publish(log, topic, partition, entries)  # type: ignore[arg-type]

    log.publish = failing  # type: ignore[method-assign]
    with pytest.raises(LogUnavailable):
        await rotated(log, keys.audit_key, NAME, 7)
    assert keys.audit_key.read_bytes() == before
    (told,) = await log.read(AUDIT_TOPIC, 0, 0, 10)
    ring = await rotated(log, keys.audit_key, NAME, 99)
    assert str(ring.rotations[-1]) == decode(told.value, KeyRotated).note
    assert sorted(path.name for path in (tmp_path / "secrets").glob("audit-key*")) == ["audit-key.pem", "audit-key.pub"]
    assert (await rotated(log, keys.audit_key, NAME, 100)).rotations[:-1] == ring.rotations


def test_a_file_that_cannot_be_read_leaves_the_key_before(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(token_pem())
    watched = WatchedRing({"KEY": str(path)}, "KEY", NAME)
    first = watched()
    for content in (b"no key", b""):
        (tmp_path / "other").write_bytes(content)
        os.replace(tmp_path / "other", path)
        assert watched() is first
    path.unlink()
    assert watched() is first
    (tmp_path / "other").write_bytes(pem := token_pem())
    os.replace(tmp_path / "other", path)
    assert watched().signer.verifier == read_signer(NAME, pem).verifier
