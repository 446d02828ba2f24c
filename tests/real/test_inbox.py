"""The inbox and the notifier on a real Kafka and Cassandra: presence, what an undelivered message leads to, and workers that die or sleep.

With servers of its own: the groups of notifier and inbox start at the beginning of the log, and tables of other tests are not theirs.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from log.kafka import KafkaLog
from log.settings import LogSettings
from log.topics import ensure_topics
from store.cassandra import Store
from store.schema import ensure_tables
from store.settings import StoreSettings
from tests.real.inbox_world import (
    SAVE_MS,
    SETTLE_MS,
    TIMEOUT_MS,
    Group,
    Person,
    cancelled,
    has_all,
    inbox_worker,
    presences,
    pushes,
    redeliveries,
    row_of,
    saved,
    until,
)
from tests.real.running import Servers
from tests.real.workers import PARTITIONS, Worker, opened, workers

pytestmark = pytest.mark.real


@dataclass
class World:
    own: Servers
    folder: Path
    log: KafkaLog
    store: Store

    def worker(self, name: str) -> Worker:
        return inbox_worker(self.own.kafka, self.own.cassandra, self.own.keyspace, self.folder / name, name)


@contextlib.asynccontextmanager
async def world(own: Servers, folder: Path) -> AsyncIterator[World]:
    """Topics, tables, and an owner of the conversations."""
    await ensure_topics(LogSettings(own.kafka), PARTITIONS)
    await ensure_tables(StoreSettings(own.cassandra, own.keyspace), 1)
    owner = Worker(own.kafka, folder, "owner")
    with workers(owner):
        owner.start()
        await owner.until_ready()
        store = await Store.connect(StoreSettings(own.cassandra, own.keyspace))
        async with opened(own.kafka) as log:
            yield World(own, folder, log, store)
        await store.close()


def run(own: Servers, folder: Path, body: Callable[[World, Worker], Awaitable[None]]) -> None:
    """The body, with one worker that is ready."""

    async def whole() -> None:
        async with world(own, folder) as there:
            worker = there.worker("people")
            with workers(worker):
                worker.start()
                await worker.until(has_all, "owner of all users")
                await body(there, worker)

    asyncio.run(whole())


def pending(answer: dict[str, Any]) -> int:
    return int(answer["detail"]["inbox"]["pending"])


def test_a_user_comes_is_away_goes_and_a_dead_edges_lease_runs_out(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, worker: Worker) -> None:
        ana, ben = Person(there.log), Person(there.log)
        await ana.comes()
        await until(lambda: presences(there.log, ana.name), lambda found: [each.state for each in found] == ["online"], "online")
        row = await row_of(there.store, ana.name)
        assert row is not None
        assert row.state == "online"
        await asyncio.sleep(SETTLE_MS / 1000)
        await ana.shows(away=True, status="at lunch")
        await until(lambda: presences(there.log, ana.name), lambda found: found[-1].state == "away", "away")
        await ana.goes()
        await ana.comes()  # a flicker
        await ana.shows(away=True)
        await asyncio.sleep(2 * SETTLE_MS / 1000)
        await ana.goes()
        await until(lambda: presences(there.log, ana.name), lambda found: found[-1].state == "offline", "offline")
        told = await presences(there.log, ana.name)
        assert [(each.state, each.status) for each in told] == [("online", ""), ("away", "at lunch"), ("offline", "at lunch")]
        await until(lambda: row_of(there.store, ana.name), lambda found: found.state == "offline", "offline in the table")

        await ben.comes(lease_ms=1_500)
        await until(lambda: presences(there.log, ben.name), lambda found: len(found) == 2, "expired")
        told = await presences(there.log, ben.name)
        assert [each.state for each in told] == ["online", "offline"]
        assert told[1].at_ms - told[0].at_ms >= 1_500, "not before the lease ended"

    run(own, tmp_path, body)


def test_an_absent_user_gets_a_push_request_at_once_and_what_is_delivered_later_cancels_it(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, worker: Worker) -> None:
        ana, ben, cleo, dan = (Person(there.log) for _ in range(4))
        group = Group(there.log)
        await group.create(ana.name, ben.name, cleo.name)
        await cleo.comes()
        seq = await group.say(ana.name)
        asked = await until(lambda: pushes(there.log, ben.name), bool, "asked for")
        assert [(each.from_seq, each.to_seq, each.attempt, each.reason) for each in asked] == [(seq, seq, 1, "absent")]
        assert asked[0].push_id == f"{ben.name}:{group.id}:{seq}:1"
        await ben.comes()
        await ben.got(group.id, seq)
        gone = await until(lambda: cancelled(there.log, ben.name), bool, "cancelled")
        assert gone[0].up_to_seq == seq
        await cleo.got(group.id, seq)

        await group.leave(ben.name)
        await ben.goes()
        await group.add(ana.name, dan.name)
        seq = await group.say(ana.name)
        asked = await until(lambda: pushes(there.log, dan.name), bool, "asked for")
        assert [(each.from_seq, each.to_seq) for each in asked] == [(seq, seq)], "a later joiner hears nothing of before"
        assert len(await pushes(there.log, ben.name)) == 1, "who left hears nothing"
        assert await pushes(there.log, ana.name) == [], "nor does the sender"
        assert await pushes(there.log, cleo.name) == [], "nor, by a push, who got it"

    run(own, tmp_path, body)


def test_a_live_but_silent_session_is_asked_again_then_a_push_is_asked_for(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, worker: Worker) -> None:
        ana, ben = Person(there.log), Person(there.log)
        group = Group(there.log)
        await group.create(ana.name, ben.name)
        await ben.comes()
        seq = await group.say(ana.name)
        asked = await until(lambda: pushes(there.log, ben.name), bool, "asked for", 5 * TIMEOUT_MS / 1000 + 5)
        assert [(each.to_seq, each.reason) for each in asked] == [(seq, "silent")]
        again = await redeliveries(there.log, ben.name)
        assert [(each.conversation_id, each.from_seq) for each in again] == [(group.id, seq)] * 2
        assert again[1].at_ms - again[0].at_ms >= 2 * TIMEOUT_MS - 50
        await ben.got(group.id, seq, "read")
        await until(lambda: cancelled(there.log, ben.name), bool, "cancelled")
        states = await until(lambda: saved(there.log, ben.name), lambda found: len(found) > 1 and found[-1] is None, "forgotten")
        assert states[0].pending[0].from_seq == seq

    run(own, tmp_path, body)


def test_a_worker_that_is_killed_keeps_the_deadlines(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, worker: Worker) -> None:
        ana = Person(there.log)
        people = [Person(there.log) for _ in range(6)]
        group = Group(there.log)
        await group.create(ana.name, *(person.name for person in people))
        for person in people:
            await person.comes(lease_ms=600_000)
        before = pending(await worker.live())
        seq = await group.say(ana.name)
        await worker.until(lambda answer: pending(answer) == before + len(people), "noted")
        await people[0].got(group.id, seq)
        await asyncio.sleep(3 * SAVE_MS / 1000)  # saved: from here on nothing is left in notifications that a successor would read
        worker.send(signal.SIGKILL)
        worker.wait()
        worker.start()
        await worker.until(has_all, "owner of all users")
        for person in people[1:]:
            asked = await until(lambda who=person: pushes(there.log, who.name), bool, "asked for", 30)  # type: ignore[misc]
            assert [(each.to_seq, each.reason) for each in asked] == [(seq, "silent")]
            assert await redeliveries(there.log, person.name)
        assert await pushes(there.log, people[0].name) == []
        for person in people:
            assert [each.state for each in await presences(there.log, person.name)] == ["online"], "a successor tells nothing anew"

    run(own, tmp_path, body)


def test_a_zombie_woken_after_its_successor_took_over_writes_nothing(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, old: Worker) -> None:
        new = there.worker("successor")
        ana = Person(there.log)
        people = [Person(there.log) for _ in range(8)]
        group = Group(there.log)
        await group.create(ana.name, *(person.name for person in people))
        for person in people:
            await person.comes(lease_ms=600_000)
        before = pending(await old.live())  # of the tests before
        await group.say(ana.name)
        await old.until(lambda answer: pending(answer) == before + len(people), "noted")
        with workers(new):
            old.send(signal.SIGSTOP)  # with deadlines under way
            new.start()
            await new.until(has_all, "owner of all users")
            for person in people[:4]:
                await person.goes()
            for person in people:
                await until(lambda who=person: pushes(there.log, who.name), bool, "asked for", 30)  # type: ignore[misc]
            for person in people[:4]:
                await until(lambda who=person: presences(there.log, who.name), lambda found: found[-1].state == "offline", "offline", 10)  # type: ignore[misc]
            written = [await everything_of(there, person) for person in people]
            old.send(signal.SIGCONT)
            await asyncio.sleep(4)
            assert [await everything_of(there, person) for person in people] == written
            if old.process is not None and old.process.poll() is not None:  # found itself fenced; else it left its lanes before it appended
                assert old.wait() == 70
                assert "Fenced" in old.output

    run(own, tmp_path, body)


async def everything_of(there: World, person: Person) -> list[object]:
    looks = (presences, pushes, cancelled, redeliveries)
    return [*[await look(there.log, person.name) for look in looks], await row_of(there.store, person.name)]
