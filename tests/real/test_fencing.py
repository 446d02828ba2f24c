"""A worker that slept while its successor took over, and is woken: on the real Kafka it can neither append nor stay."""

import asyncio
import signal
from pathlib import Path

import pytest

from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from tests.real.workers import PARTITIONS, Talk, Worker, opened, workers

pytestmark = pytest.mark.real


def test_a_zombie_woken_after_its_successor_took_over_appends_nothing_and_nothing_is_doubled(stack: Stack, tmp_path: Path) -> None:
    asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))

    async def body() -> None:
        old, new = Worker(stack.kafka, tmp_path, "zombie"), Worker(stack.kafka, tmp_path, "successor")
        with workers(old, new):
            old.start()
            await old.until_ready()
            async with opened(stack.kafka) as log:
                talk = Talk(log)
                await talk.create()
                await talk.say(100)
                await talk.check()
                saying = asyncio.ensure_future(talk.say(300))
                await asyncio.sleep(0.1)
                old.send(signal.SIGSTOP)  # with commands read, decided and half appended
                await saying
                new.start()
                await new.until_ready()
                await talk.check()
                old.send(signal.SIGCONT)
                await talk.say(200)
                events = await talk.check()
                assert sum(map(len, events.values())) == len(talk.conversations) + 600
                await asyncio.sleep(3)
                assert await talk.check() == events, "the zombie wrote after all"
                # It has either found itself fenced and ended, or left its lanes at the rebalance before it appended anything.
                if old.process is not None and old.process.poll() is None:
                    await old.until(lambda answer: bool(answer["ok"]), "alive")
                else:
                    assert old.wait() == 70
                    assert "Fenced" in old.output

    asyncio.run(body())


def test_a_zombie_of_the_same_name_is_replaced_by_its_restart(stack: Stack, tmp_path: Path) -> None:
    """What a supervisor does with a process that hangs: a new one under the same name, while the old one still sleeps."""
    asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))

    async def body() -> None:
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        old, new = Worker(stack.kafka, tmp_path / "old", "same"), Worker(stack.kafka, tmp_path / "new", "same")
        with workers(old, new):
            old.start()
            await old.until_ready()
            async with opened(stack.kafka) as log:
                talk = Talk(log)
                await talk.create()
                await talk.say(50)
                await talk.check()
                old.send(signal.SIGSTOP)
                await talk.say(50)
                new.start()
                await new.until_ready()
                await talk.check()
                old.send(signal.SIGCONT)
                await talk.say(50)
                await asyncio.sleep(3)
                events = await talk.check()
                assert sum(map(len, events.values())) == len(talk.conversations) + 150
                await new.until_ready()

    asyncio.run(body())
