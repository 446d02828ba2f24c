"""One worker with both roles: what the owner accepts stands in Cassandra's timelines, also across a kill of the worker."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from schemas.events import Event
from store.cassandra import Store
from store.schema import ensure_tables
from store.settings import StoreSettings
from store.timelines import Timelines
from tests.real.workers import PARTITIONS, READY_S, Talk, Worker, opened, workers

pytestmark = pytest.mark.real


def caught_up(answer: dict[str, Any]) -> bool:
    timelines = answer["detail"].get("timelines", {})
    return bool(timelines.get("partitions")) and timelines["lag"] == 0


async def until_projected(timelines: Timelines, events: dict[str, list[Event]]) -> None:
    """Until every conversation's timeline is what the log holds, seq by seq."""
    async with asyncio.timeout(READY_S):
        for conversation, expected in events.items():
            while list(await timelines.read_events(conversation, 1, len(expected) + 10)) != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


def test_what_the_owner_accepts_is_in_the_timelines_also_after_a_kill(stack: Stack, keyspace: str, tmp_path: Path) -> None:
    async def body() -> None:
        await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
        await ensure_tables(StoreSettings(stack.cassandra, keyspace), 1)
        worker = Worker(
            stack.kafka,
            tmp_path,
            "both",
            STREAMS_ROLES="conversations,timelines",
            WARBLER_CASSANDRA=stack.cassandra,
            WARBLER_KEYSPACE=keyspace,
        )
        store = await Store.connect(StoreSettings(stack.cassandra, keyspace))
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(stack.kafka) as log:
                talk = Talk(log)
                await talk.create()
                await talk.say(300)
                worker.send(signal.SIGKILL)
                worker.wait()
                worker.start()
                await talk.say(100)
                await until_projected(Timelines(store), await talk.check())
                await worker.until(caught_up, "caught up")
                async with httpx.AsyncClient(trust_env=False) as http:
                    metrics = (await http.get(f"http://127.0.0.1:{worker.port}/metrics")).text
                assert "warbler_timelines_lag 0.0" in metrics
                assert "warbler_conversations_partitions 4.0" in metrics
            assert worker.stop() == 0
        await store.close()

    asyncio.run(body())
