"""`warbler verify timelines` on a real Cassandra: equal is equal, and every row that was tampered with is named."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from log.kafka import KafkaLog
from log.memory import MemoryLog
from log.port import Entry, Log, Record
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.reading import READ_RECORDS
from ops.verify_compare import Report, Verifier
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.records import WriterChanged
from store.cassandra import Store
from tests.real.running import Servers
from tests.store.histories import TOPIC, Story, interleaved, records, stories
from tests.store.opening import Projection, opened

pytestmark = pytest.mark.real
PARTITIONS = 4


async def logged(log: Log, new: Sequence[Record]) -> list[Record]:
    """The records appended to the log, as it gives them back: with its offsets."""
    for record in new:
        assert record.key is not None
        await log.publish(TOPIC, partition_of(record.key, PARTITIONS), [Entry(record.key, record.value, record.timestamp_ms)])
    return await whole(log)


async def whole(log: Log) -> list[Record]:
    found: list[Record] = []
    for partition in range(PARTITIONS):
        offset = await log.start_offset(TOPIC, partition)
        while part := await log.read(TOPIC, partition, offset, READ_RECORDS):
            found += part
            offset = part[-1].offset + 1
    return found


async def verified(log: Log, store: Store, wait_s: float = 0) -> Report:
    return await Verifier(log, store, wait_s, lambda line: None).run()


async def projected(store: Store, seed: int) -> tuple[MemoryLog, list[Story]]:
    """A log with a control record and a damaged one in each partition, projected whole."""
    log, made = MemoryLog(PARTITIONS), [story for story in stories(seed, 8, 600) if story.history]
    for partition in range(PARTITIONS):
        control = encode(TOPIC, WriterChanged(partition=partition, writer="w", at_ms=1))
        await log.publish(TOPIC, partition, [Entry(None, control), Entry(b"g-damaged", b"not avro")])
    await Projection(store).apply(await logged(log, records(interleaved(seed, made))))
    return log, made


def test_what_the_projector_wrote_is_equal_and_the_checksums_agree(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_equal") as store:
            log, made = await projected(store, 1)
            report = await verified(log, store)
            assert (report.differences, report.unsure) == ([], [])
            assert report.damaged_count == PARTITIONS
            for table, tally in report.tallies.items():
                assert tally.log_rows == tally.table_rows
                assert tally.log_rows > 0 or table == "expired"  # of what expired: tests/real/test_retention.py
                assert tally.log_sum == tally.table_sum
                assert tally.log_sum != 0 or table == "expired"
            assert report.tallies["events"].log_rows == sum(len(story.history) for story in made)
            assert [(each.log_sum, each.log_rows) for each in (await verified(log, store)).tallies.values()] == [
                (each.log_sum, each.log_rows) for each in report.tallies.values()
            ]

    asyncio.run(body())


TAMPERED: dict[str, tuple[str, str]] = {
    # what was done by hand: (the statement, how the first difference begins)
    "an event's text": (
        "UPDATE events SET value = 0x00 WHERE conversation = '{c}' AND bucket = 0 AND message = {m} AND seq = 2",
        "events {c}/2: differs",
    ),
    "an event gone": (
        "DELETE FROM events WHERE conversation = '{c}' AND bucket = 0 AND message = {m} AND seq = 2",
        "events {c}/2: missing",
    ),
    "an event more": (
        "INSERT INTO events (conversation, bucket, message, seq, value) VALUES ('{c}', 0, true, 999, 0x00)",
        "events {c}/999: extra",
    ),
    "an event in a bucket of its own": (
        "INSERT INTO events (conversation, bucket, message, seq, value) VALUES ('{c}', 7, true, 7001, 0x00)",
        "events {c}/7: extra",
    ),
    "an unknown conversation": (
        "INSERT INTO events (conversation, bucket, message, seq, value) VALUES ('g-strange', 0, true, 1, 0x00)",
        "events g-strange/0: extra",
    ),
    "a reaction": (
        "UPDATE message_changes SET reactions[('heart', 'u-eve')] = true WHERE conversation = '{c}' AND bucket = 0 AND seq = {t}",
        "message_changes {c}/{t}: differs",
    ),
    "changes gone": (
        "DELETE FROM message_changes WHERE conversation = '{c}' AND bucket = 0 AND seq = {t}",
        "message_changes {c}/{t}: missing",
    ),
    "a recall": (
        "UPDATE message_changes SET recalled = true WHERE conversation = '{c}' AND bucket = 0 AND seq = 1",
        "message_changes {c}/1: extra",
    ),
    "a title": ("UPDATE members SET title = 'taken over' WHERE conversation = '{c}'", "heads {c}: differs"),
    "a head": ("UPDATE members SET head_seq = 1 WHERE conversation = '{c}'", "heads {c}: differs"),
    "the newest message": ("UPDATE members SET last = 0x00 WHERE conversation = '{c}'", "heads {c}: differs"),
    "a role": ("UPDATE members SET role = 'owner' WHERE conversation = '{c}' AND user = 'u-ben'", "members {c}/u-ben: differs"),
    "a read mark": ("UPDATE members SET read_seq = 1 WHERE conversation = '{c}' AND user = 'u-ben'", "members {c}/u-ben: differs"),
    "a member gone": ("DELETE FROM members WHERE conversation = '{c}' AND user = 'u-ben'", "members {c}/u-ben: missing"),
    "a member more": (
        "INSERT INTO members (conversation, user, role, active) VALUES ('{c}', 'u-eve', 'owner', true)",
        "members {c}/u-eve: extra",
    ),
    "a stranger's conversation": (
        "INSERT INTO members (conversation, user, role) VALUES ('g-strange', 'u-eve', 'owner')",
        "members g-strange: extra",
    ),
    "a user's list": (
        "UPDATE conversations SET active = false WHERE user = 'u-ana' AND conversation = '{c}'",
        "conversations u-ana/{c}: differs",
    ),
    "a list's row gone": ("DELETE FROM conversations WHERE user = 'u-ana' AND conversation = '{c}'", "conversations u-ana/{c}: missing"),
    "a list's row more": (
        "INSERT INTO conversations (user, conversation, active, changed_seq) VALUES ('u-eve', '{c}', true, 1)",
        "conversations u-eve/{c}: extra",
    ),
    "the progress": (
        "UPDATE progress SET next_offset = 5000000 WHERE topic = 'conversation-events' AND partition = {p}",
        "progress conversation-events/{p}: 5000000",
    ),
}


def story_for_tampering() -> Story:
    """Direct, so that nobody leaves: created by u-ana, then a message by u-ben that is edited, and another."""
    story = stories(3, 1, 0)[0]
    story.conversation, story.kind = "d-tampered", "direct"
    story.create()
    story.send("u-ben", "text")
    while story.history[-1].seq < 60:
        story.step()
    story.send("u-ana", "the last one")
    return story


@pytest.mark.parametrize("what", TAMPERED)
def test_a_row_tampered_with_by_hand_is_found(cassandra_address: str, keyspace: str, what: str) -> None:
    """Each on tables of its own partition of the log: the same story under a name of its own."""
    statement, begins = TAMPERED[what]
    story = story_for_tampering()
    changed: list[Any] = [event for event in story.history if type(event).__name__ == "MessageEdited"]
    names = {"c": story.conversation, "m": "true", "t": changed[0].target_seq, "p": partition_of(b"d-tampered", PARTITIONS)}

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_tampered") as store:
            for table in ("events", "message_changes", "members", "conversations", "progress"):
                await store.execute(f"TRUNCATE {table}")
            log = MemoryLog(PARTITIONS)
            await Projection(store).apply(await logged(log, records(story.history)))
            assert (await verified(log, store)).differences == []
            await store.execute(statement.format(**names))
            report = await verified(log, store)
            assert report.differences_count == len(report.differences) > 0
            assert any(line.startswith(begins.format(**names)) for line in report.differences), report.differences

    asyncio.run(body())


def test_a_projector_that_is_behind_is_reported_and_not_taken_for_a_difference(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_behind") as store:
            log, made = await projected(store, 4)
            made[0].send("u-ana", "not projected yet")
            new = await logged(log, records(made[0].history[-1:]))
            report = await verified(log, store)
            assert report.differences == []
            assert [line.split("(")[1].split(")")[0] for line in report.unsure] == ["1 records behind"]

            async def catch_up() -> None:
                await asyncio.sleep(0.5)
                await Projection(store).apply(new)

            report, _ = await asyncio.gather(verified(log, store, wait_s=20), catch_up())
            assert (report.differences, report.unsure) == ([], [])

    asyncio.run(body())


def test_live_traffic_is_not_taken_for_differences(cassandra_address: str, keyspace: str) -> None:
    """New events of old and new conversations are appended and projected all the time while the tables are compared."""

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_live") as store:
            log, made = await projected(store, 5)
            stop = asyncio.Event()

            async def traffic() -> None:
                projection, offsets, rounds = Projection(store), {}, 0
                for partition in range(PARTITIONS):
                    offsets[partition] = await log.end_offset(TOPIC, partition)
                while not stop.is_set():
                    rounds += 1
                    story = made[rounds % len(made)]
                    if rounds % 5 == 0:
                        story = Story(made[0].rng, f"g-live-{rounds}")
                    length = len(story.history)
                    story.step()
                    await logged(log, records(story.history[length:]))
                    for partition, offset in offsets.items():
                        new = await log.read(TOPIC, partition, offset, READ_RECORDS)
                        if new:
                            await projection.projector.apply(new)
                            offsets[partition] = new[-1].offset + 1

            task = asyncio.create_task(traffic())
            reports = [await verified(log, store, wait_s=20) for _ in range(3)]
            stop.set()
            await task
            assert [report.differences for report in reports] == [[], [], []]
            last = await verified(log, store)
            assert (last.differences, last.unsure) == ([], [])

    asyncio.run(body())


def test_the_command_prints_the_checksums_and_ends_with_1_on_a_difference(own: Servers) -> None:
    """Over a real Kafka of its own: what other tests leave in the log, their retention too, would be compared with this one's tables."""
    name, story = f"{own.keyspace}_command", stories(77, 1, 40)[0]
    story.conversation = f"g-{own.keyspace}"
    story.history.clear()
    story.create()
    story.send("u-ana", "text")
    env = {**os.environ, "WARBLER_KAFKA": own.kafka, "WARBLER_CASSANDRA": own.cassandra, "WARBLER_KEYSPACE": name}

    def command() -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", "from ops.verify import app; app()", "timelines", "--wait-s", "5"]
        return subprocess.run(arguments, env=env, capture_output=True, text=True, timeout=120)

    async def prepare() -> None:
        await ensure_topics(LogSettings(own.kafka), PARTITIONS)
        log = KafkaLog(LogSettings(own.kafka))
        await log.start()
        async with opened(own.cassandra, name) as store:
            await Projection(store).apply(await logged(log, records(story.history)))
        await log.close()

    async def tamper() -> None:
        async with opened(own.cassandra, name) as store:
            await store.execute(f"UPDATE members SET title = 'other' WHERE conversation = '{story.conversation}'")

    asyncio.run(prepare())
    equal = command()
    assert equal.returncode == 0, equal.stdout + equal.stderr
    assert "the timelines are equal to the log" in equal.stdout
    asyncio.run(tamper())
    different = command()
    assert different.returncode == 1, different.stdout + different.stderr
    assert f"heads {story.conversation}: differs from the log" in different.stdout
