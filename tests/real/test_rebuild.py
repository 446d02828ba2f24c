"""`warbler rebuild` beside live traffic on real edges: equal to the live projection, switched and switched back, and nobody notices."""

from __future__ import annotations

import asyncio
import contextlib
import io
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from rich.console import Console
from warbler import Client, TimelineEvent

from log.kafka import KafkaLog
from log.settings import LogSettings
from ops import statefile
from ops.rebuild.command import Asked, Different, show_all
from ops.rebuild.command import run as rebuild
from ops.settings import ClusterSettings
from store.cassandra import Store
from store.generations import FIRST, PROJECTIONS, Standing
from store.settings import StoreSettings
from store.standings import Standings
from tests.real.running import Running
from tests.real.test_sdk_python import run, signed_in

pytestmark = pytest.mark.real
# What a rebuild must never write to, and nobody else does while nothing happens.
QUIET = ("conversation-events", "account-events", "push-campaigns", "replies", "rosters", "call-commands", "dead-letters")
# By these users are told and pushed; the inbox goes on with what earlier tests left undelivered, but a second telling would double them.
TELLING = ("notifications", "push-requests", "push-results")
PATIENCE_S = 200.0


async def done(warbler: Running, name: str, asked: Asked) -> str:
    """What `warbler rebuild` does and prints, in this process, which saves a start of Python each time."""
    output = io.StringIO()
    await rebuild(clusters_of(warbler), name, replace(asked, wait_s=PATIENCE_S), Console(file=output, width=200))
    return output.getvalue()


def clusters_of(warbler: Running) -> ClusterSettings:
    return ClusterSettings(warbler.kafka, warbler.cassandra, statefile.read(warbler.data).keyspace)


@contextlib.asynccontextmanager
async def stored(warbler: Running) -> AsyncIterator[Store]:
    store = await Store.connect(StoreSettings(warbler.cassandra, clusters_of(warbler).keyspace))
    try:
        yield store
    finally:
        await store.close()


async def standing(warbler: Running, projection: str) -> Standing:
    async with stored(warbler) as store:
        return (await Standings(store).all())[projection]


async def sizes(warbler: Running) -> dict[str, int]:
    log = KafkaLog(LogSettings(warbler.kafka))
    await log.start()
    try:
        counts = {topic: await log.partitions_count(topic) for topic in (*QUIET, *TELLING)}
        return {topic: sum([await log.end_offset(topic, number) for number in range(count)]) for topic, count in counts.items()}
    finally:
        await log.close()


class Talk:
    """Ana on one edge talks to Ben on the other without end; each is told everything, in order and once."""

    def __init__(self, ana: Client, ben: Client, group: str) -> None:
        self.ana, self.ben, self.group = ana, ben, group
        self.seqs: dict[str, list[int]] = {"ana": [], "ben": []}
        self.pages = 0
        self._ending = asyncio.Event()
        self.running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        hearing = [asyncio.create_task(self._hear(name, client)) for name, client in (("ana", self.ana), ("ben", self.ben))]
        number, last = 0, 0
        while not self._ending.is_set():
            number += 1
            last = await self.ana.send(self.group, f"number {number}")
            if number % 5 == 0:
                await self.ben.react(self.group, last, "+1")
                last = await self.ana.edit(self.group, last, f"number {number}, better")
            await self._read(number, last)
        while any(not seqs or seqs[-1] < last for seqs in self.seqs.values()):  # noqa: ASYNC110  what was sent is awaited, not a time
            await asyncio.sleep(0.05)
        for task in hearing:
            task.cancel()
        assert all(seqs == list(range(1, seqs[-1] + 1)) for seqs in self.seqs.values()), self.seqs

    async def _read(self, number: int, last: int) -> None:
        """Each looks at the history once it has heard the event: the message is there, whatever generation the node reads."""
        for name, client in (("ana", self.ana), ("ben", self.ben)):
            while not self.seqs[name] or self.seqs[name][-1] < last:  # noqa: ASYNC110  it is heard within milliseconds
                await asyncio.sleep(0.005)
            page = await client.history(self.group)
            texts = [message.content.text for message in page.messages if message.content is not None]
            assert f"{texts[-1]},".startswith(f"number {number},"), (name, texts[-1], number)
        self.pages += 1

    async def _hear(self, name: str, client: Client) -> None:
        async for happening in client.events():
            if isinstance(happening, TimelineEvent) and happening.conversation == self.group:
                self.seqs[name].append(happening.event.seq)

    async def go_on(self, count: int) -> None:
        """So many more messages are said and read. Raises: what went wrong with the talk."""
        goal = self.pages + count
        while self.pages < goal:
            if self.running.done():
                self.running.result()
            await asyncio.sleep(0.05)

    async def end(self) -> None:
        self._ending.set()
        await asyncio.wait_for(self.running, PATIENCE_S)


@contextlib.asynccontextmanager
async def talking(warbler: Running) -> AsyncIterator[Talk]:
    first, second = warbler.addresses()
    async with signed_in(first) as (_, ana), signed_in(second, "msgpack") as (_, ben):
        group = await ana.create_group(f"tea {secrets.token_hex(3)}", [ben.user])
        talk = Talk(ana, ben, group)
        try:
            yield talk
            await talk.end()
        finally:
            talk.running.cancel()


def test_the_timelines_are_rebuilt_under_traffic_equal_the_live_ones_and_nobody_notices_the_switch(warbler: Running) -> None:
    async def work() -> None:
        async with talking(warbler) as talk:
            output = await done(warbler, "timelines", Asked(verify=True, switch=True))
            assert "different" not in output
            assert all(table in output for table in PROJECTIONS["timelines"].tables if table != "public_groups")
            switched = await standing(warbler, "timelines")
            assert (switched.live, switched.generations[FIRST].state) == (2, "ready")
            await talk.go_on(1)
            listed = io.StringIO()
            await show_all(clusters_of(warbler), Console(file=listed, width=200))
            assert "edge-1, edge-2" in listed.getvalue()
            await talk.go_on(5)  # in the new generation
            await done(warbler, "timelines", Asked(rollback=True))
            assert (await standing(warbler, "timelines")).live == FIRST
            await done(warbler, "timelines", Asked(verify=True))  # the one that was left is brought up to date, and is equal again
            await done(warbler, "timelines", Asked(drop_old=True))
        after = await standing(warbler, "timelines")
        assert (after.live, after.numbers) == (FIRST, (FIRST,))

    run(work(), 2 * PATIENCE_S)


def test_the_small_projections_equal_the_live_ones_and_nothing_is_told_to_anybody(warbler: Running) -> None:
    async def work() -> None:
        before = await sizes(warbler)
        for projection in ("accounts", "presence", "receipts"):  # one of each writer; making tables is what takes the time
            output = await done(warbler, projection, Asked(verify=True, switch=True))
            assert "different" not in output, output
            await done(warbler, projection, Asked(rollback=True))
            await done(warbler, projection, Asked(drop_old=True))
        after = await sizes(warbler)
        assert {topic: after[topic] for topic in QUIET} == {topic: before[topic] for topic in QUIET}
        assert all(after[topic] - before[topic] <= max(5, before[topic] // 2) for topic in TELLING), (before, after)

    run(work(), 2 * PATIENCE_S)


def test_a_projection_whose_first_tables_are_gone_is_rebuilt_and_compared_like_any_other(warbler: Running) -> None:
    async def work() -> None:
        await done(warbler, "calls", Asked(switch=True))
        await done(warbler, "calls", Asked(drop_old=True))
        output = await done(warbler, "calls", Asked(verify=True))
        assert output.count("equal") == 3, output
        await done(warbler, "calls", Asked(drop_old=True))

    run(work(), PATIENCE_S)


def test_a_rebuild_that_is_killed_goes_on_where_it_was(warbler: Running) -> None:
    """Method: stopped as soon as there is any progress of its generation; the next call says what was left to do."""

    async def work() -> None:
        argv = (sys.executable, "-m", "ops.cli", "rebuild", "receipts", "--data", str(warbler.data))
        killed = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
        while not len((await standing(warbler, "receipts")).generations) > 1:  # noqa: ASYNC110  another process's work is awaited
            await asyncio.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
        begun = await standing(warbler, "receipts")
        output = await done(warbler, "receipts", Asked(verify=True))
        assert f"generation {begun.newest}" in output
        assert (await standing(warbler, "receipts")).newest == begun.newest
        await done(warbler, "receipts", Asked(drop_old=True))

    run(work(), PATIENCE_S)


def test_a_row_that_somebody_changed_is_a_difference_and_nothing_is_switched(warbler: Running) -> None:
    async def work() -> None:
        async with talking(warbler) as talk:
            await talk.go_on(3)
        async with stored(warbler) as store:
            await store.execute("UPDATE members SET title = ? WHERE conversation = ?", ("another title", talk.group))
            with pytest.raises(Different):
                await done(warbler, "timelines", Asked(verify=True, switch=True))
            assert (await standing(warbler, "timelines")).live == FIRST
            output = await done(warbler, "timelines", Asked(verify=True, switch=True, anyway=True))
            assert f"members {talk.group}: differs" in output
            await done(warbler, "timelines", Asked(rollback=True))
            await store.execute("DELETE title FROM members WHERE conversation = ?", (talk.group,))
        await done(warbler, "timelines", Asked(drop_old=True))

    run(work(), 2 * PATIENCE_S)
