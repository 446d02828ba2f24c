"""How far a node has handed on the events, said once for each step."""

import asyncio

from edge.passages import PASSAGES
from log.port import Entry
from schemas.codec import decode
from schemas.partition import partition_of
from schemas.records import LogPassed
from tests.edge.builders import GROUP, created, record, sent
from tests.edge.nodes import Stage, on_a_node, until


def test_a_partition_that_moved_is_told_once_and_one_that_did_not_is_not() -> None:
    async def body(stage: Stage) -> None:
        partition = partition_of(GROUP.encode(), await stage.log.partitions_count("conversation-events"))
        await asyncio.sleep(0.02)
        for event in (created(), sent(2)):
            stored = record(event, 0)
            await stage.log.publish("conversation-events", partition, [Entry(stored.key, stored.value)])
        await until(lambda: stage.node.feed.positions["conversation-events", partition] == 2)
        before = len(await stage.published(PASSAGES))
        for _ in range(3):
            stage.node.passages.tell()
        await asyncio.sleep(0.05)
        told = [decode(value, LogPassed) for value in (await stage.published(PASSAGES))]
        assert len(told) == before + 1
        (passed,) = [each for each in told if each.next_offset == 2]
        assert (passed.process, passed.stage, passed.topic, passed.partition) == ("edge-1", "fanned_out", "conversation-events", partition)
        assert passed.at_ms > 0

    on_a_node(body, produce_interval_ms=0)
