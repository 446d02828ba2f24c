"""CloudEvents of our records: what they say, read by the CloudEvents SDK; and that each is written once, whatever dies."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from hypothesis import given, settings
from hypothesis import strategies as st

from log.errors import Fenced, LogUnavailable
from log.memory import MemoryLog
from log.port import Entry, Record
from schemas.golden import Example, load_examples
from schemas.registry import STABLE, TOPICS
from streams.bridge.cloud import RESUMED, bridged, cloud_event, positions_header, positions_of, resumed
from streams.bridge.lane import BridgeLane
from streams.bridge.settings import AVRO, CLOUDEVENTS_TOPIC, BridgeSettings

EVENTS, CALLS = "conversation-events", "call-events"
AS_JSON = BridgeSettings(topics=f"{EVENTS},{CALLS}", retry_ms=1)
AT_MS = 1_760_000_005_004
EXAMPLES = [each for each in load_examples() if TOPICS[each.schema.topic].contract == STABLE and each.wire]


def record(example: Example, offset: int = 7, key: bytes | None = b"g-1") -> Record:
    return Record(example.schema.topic, 3, offset, AT_MS, key, example.wire)


def read(entry: Entry) -> BaseCloudEvent:
    """The event as the SDK sees it. Raises: its errors, for what is no CloudEvent."""
    return from_binary_event(KafkaMessage(dict(entry.headers), entry.key, entry.value or b""))


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.schema.subject}-{e.schema.version}" for e in EXAMPLES])
def test_the_sdk_reads_every_record_that_was_ever_published(example: Example) -> None:
    entry = cloud_event(record(example), AS_JSON)
    assert entry is not None
    event = read(entry)
    assert event.get_specversion() == "1.0"
    assert event.get_type() == f"warbler.{example.schema.record}"
    assert event.get_source() == f"/warbler/{example.value.get('tenant') or 'default'}/{example.schema.topic}"
    assert event.get_subject() == event.get_extension("partitionkey") == "g-1"
    assert event.get_datacontenttype() == "application/json"
    assert event.get_time() is not None
    data = json.loads(entry.value or b"")
    assert {"tenant": data.get("tenant"), "seq": data.get("seq")} == {name: example.value.get(name) for name in ("tenant", "seq")}
    assert event.get_extension("sequence") == (str(data["seq"]) if "seq" in data else None)


def test_the_same_record_is_the_same_event_and_an_act_told_twice_is_two() -> None:
    sent = next(each for each in EXAMPLES if each.schema.record == "message_sent")
    assert cloud_event(record(sent), AS_JSON) == cloud_event(record(sent), AS_JSON)
    assert cloud_event(record(sent), AS_JSON) == cloud_event(record(sent, offset=99), AS_JSON)  # found again in a restored log
    acted = next(each for each in EXAMPLES if each.schema.record == "admin_acted")
    ids = {read(entry).get_id() for offset in (1, 2) if (entry := cloud_event(record(acted, offset), AS_JSON))}
    assert len(ids) == 2


def test_avro_is_passed_on_as_it_is_with_its_schema_named() -> None:
    sent = next(each for each in EXAMPLES if each.schema.record == "message_sent")
    entry = cloud_event(record(sent), BridgeSettings(topics=EVENTS, data=AVRO))
    assert entry is not None
    assert entry.value == sent.wire
    assert dict(entry.headers)["ce_dataschema"] == f"urn:warbler:schema-id:{sent.schema.id}".encode()
    assert dict(entry.headers)["content-type"] == b"application/avro"


@pytest.mark.parametrize(
    ("key", "value"), [(None, EXAMPLES[0].wire), (b"k", None), (b"k", b""), (b"k", b"\0\0\0\0\1rest"), (b"k", b"text")], ids=str
)
def test_what_is_no_event_is_passed_over_and_the_position_moves_on(key: bytes | None, value: bytes | None) -> None:
    positions: dict[str, int] = {}
    assert bridged([Record(EVENTS, 0, 41, AT_MS, key, value)], positions, AS_JSON) == []
    assert positions == {EVENTS: 42}


def test_taking_over_is_an_event_too() -> None:
    event = read(resumed(3, {EVENTS: 5}, AT_MS, AS_JSON))
    assert (event.get_type(), event.get_data()) == (f"warbler.{RESUMED}", None) or not event.get_data()


@given(st.dictionaries(st.sampled_from(sorted(TOPICS)), st.integers(0, 1 << 62), max_size=5))
def test_positions_come_back_as_they_were_written(positions: dict[str, int]) -> None:
    assert positions_of([("ce_id", b"x"), positions_header(positions)]) == positions


@given(st.binary(max_size=60))
def test_a_strangers_header_gives_no_position_and_no_error(value: bytes) -> None:
    assert all(offset >= 0 for offset in positions_of([("warbler-positions", value)]).values())


@pytest.mark.parametrize("topics", ["no-such-topic", "conversation-state", "cloudevents", "dead-letters", f"{EVENTS},signals"])
def test_only_topics_for_others_are_bridged(topics: str) -> None:
    with pytest.raises(ValueError, match="STREAMS_BRIDGE_TOPICS"):
        BridgeSettings.from_env({"STREAMS_BRIDGE_TOPICS": topics})


# ---- once, whatever dies

SENT = next(each for each in EXAMPLES if each.schema.record == "message_sent")


async def filled(log: MemoryLog, count: int) -> list[Record]:
    """Records of two topics in partition 0, mixed, each with a key of its own."""
    topics = [EVENTS if number % 3 else CALLS for number in range(count)]
    for number, topic in enumerate(topics):
        await log.publish(topic, 0, [Entry(b"k%d" % number, SENT.wire, AT_MS)])
    mixed = [*await log.read(EVENTS, 0, 0, count), *await log.read(CALLS, 0, 0, count)]
    return sorted(mixed, key=lambda each: int((each.key or b"k0")[1:]))


async def written(log: MemoryLog) -> list[bytes]:
    """The keys of all events in the partition, in their order; marks of take-overs have none."""
    return [each.key for each in await log.read(CLOUDEVENTS_TOPIC, 0, 0, 10_000) if each.key is not None]


def lane(log: MemoryLog) -> BridgeLane:
    return BridgeLane(log, 0, AS_JSON, lambda: AT_MS)


class Flaky:
    """Answers are lost before or after they took effect, some of the time."""

    def __init__(self, rng: random.Random, ratio: float) -> None:
        self._rng, self._ratio = rng, ratio

    async def __call__(self, operation: str, moment: str) -> None:
        await asyncio.sleep(0)
        if self._rng.random() < self._ratio:
            raise LogUnavailable(f"{operation} {moment}")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([0.0, 0.03, 0.1]))
def test_every_event_is_there_once_and_in_order_though_workers_die_and_answers_get_lost(seed: int, ratio: float) -> None:
    async def body() -> None:
        rng, truth = random.Random(seed), MemoryLog(1)
        records = await filled(truth, 20)
        at = 0
        while at < len(records):
            log = truth.seen_with(Flaky(rng, ratio))
            worker = lane(log)
            for _ in range(rng.randint(1, 4)):  # chunks until this worker dies
                chunk = records[at : at + rng.randint(1, 5)]
                task = asyncio.create_task(worker.forward(chunk))
                if rng.random() < 0.3:
                    for _ in range(rng.randint(0, 30)):
                        await asyncio.sleep(0)
                    task.cancel()  # dies with the chunk under way, acknowledged or not: its successor gets the chunk again
                    await asyncio.gather(task, return_exceptions=True)
                    break
                await task
                at += len(chunk)
            at = max(0, at - rng.randint(0, 2))  # what was done and not committed yet is handed over again
        await lane(truth).forward(records)
        assert await written(truth) == [each.key for each in records]

    asyncio.run(body())


def test_a_predecessor_that_slept_writes_nothing_any_more() -> None:
    async def body() -> None:
        log = MemoryLog(1)
        records = await filled(log, 9)
        old, new = lane(log), lane(log)
        await old.forward(records[:3])
        await new.forward(records[:6])
        with pytest.raises(Fenced):
            await old.forward(records[3:6])
        await new.forward(records[6:])
        assert await written(log) == [each.key for each in records]

    asyncio.run(body())


def test_what_the_predecessor_wrote_between_the_look_and_the_mark_is_not_written_again() -> None:
    async def body() -> None:
        log = MemoryLog(1)
        records = await filled(log, 6)
        old = lane(log)
        await old.forward(records[:2])
        raced = False

        async def race(operation: str, moment: str) -> None:
            nonlocal raced
            if (operation, moment) == ("append", "before") and not raced:
                raced = True
                await old.forward(records[2:4])

        await lane(log.seen_with(race)).forward(records)
        assert raced
        assert await written(log) == [each.key for each in records]

    asyncio.run(body())


def test_a_position_beyond_a_log_that_was_lost_is_not_believed() -> None:
    async def body() -> None:
        log = MemoryLog(1)
        await filled(log, 3)
        await log.publish(CLOUDEVENTS_TOPIC, 0, [Entry(b"old", b"{}", AT_MS, (positions_header({EVENTS: 900}),))])
        fresh = await log.read(EVENTS, 0, 0, 10)
        await lane(log).forward(fresh)
        assert (await written(log))[1:] == [each.key for each in fresh]

    asyncio.run(body())


def test_nothing_kept_means_the_groups_own_position_counts() -> None:
    async def body() -> None:
        log = MemoryLog(1)
        records = await filled(log, 6)
        await lane(log).forward(records[:4])
        log.drop_before(CLOUDEVENTS_TOPIC, 0, await log.end_offset(CLOUDEVENTS_TOPIC, 0))
        await lane(log).forward(records[4:])
        assert [
            each.key for each in await log.read(CLOUDEVENTS_TOPIC, 0, await log.start_offset(CLOUDEVENTS_TOPIC, 0), 99) if each.key
        ] == [each.key for each in records[4:]]

    asyncio.run(body())
