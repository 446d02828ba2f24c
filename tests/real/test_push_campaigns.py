"""Campaigns on a real Kafka and Cassandra with fake vendors: each audience, later, cancelled, and a worker that dies in the middle.

One world for all, with servers of its own: a push worker's group begins at the end of the log when it is new.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from edge.people.campaigns import CampaignDesk, new_campaign_id
from schemas.partition import partition_of
from schemas.pushes import Audience
from store.campaigns import Campaign
from store.push_campaigns import CampaignTables
from store.push_count_rows import CountRows
from store.push_counts import Counts, states_of
from store.push_tables import PushTables
from store.pushing import PushLabels
from tests.push.plain_worker import PLAIN
from tests.real.inbox_world import until
from tests.real.push_world import World, is_ready, now_ms, world
from tests.real.running import Servers
from tests.real.workers import PARTITIONS, ROOT, workers

pytestmark = pytest.mark.real

CROWD = 1_000
TTL_MS = 600_000


class Office:
    """Who schedules campaigns, and reads what became of them."""

    def __init__(self, there: World) -> None:
        self.tables = CampaignTables(there.store)
        self.desk = CampaignDesk(there.log, lambda topic, key: partition_of(key, PARTITIONS), self.tables)
        self._counts = CountRows(there.store, "")

    async def send(self, title: str, audience: Audience, of: Sequence[str] = (), send_at_ms: int = 0) -> str:
        name = new_campaign_id(now_ms())
        await self.desk.schedule(name, audience, tuple(of), (title, "to all of you", ""), send_at_ms, TTL_MS, "root")
        return name

    async def campaign(self, name: str) -> Campaign:
        found = await self.tables.get(name)
        assert found is not None
        return found

    async def until_counted(self, name: str, state: str, count: int, timeout_s: float = 120) -> Counts:
        async def look() -> Counts:
            return await self._counts.of_campaign(name)

        found: Counts = await until(look, lambda counts: states_of(counts).get(state, 0) >= count, f"{count} {state}", timeout_s)
        return found

    async def until_finished(self, name: str, timeout_s: float = 120) -> Campaign:
        async def look() -> Campaign:
            return await self.campaign(name)

        found: Campaign = await until(look, lambda campaign: campaign.finished_at_ms > 0, "finished", timeout_s)
        return found


def run(own: Servers, folder: Path, body: Callable[[World, Office], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with world(own, folder) as there:
            await body(there, Office(there))

    asyncio.run(whole())


def people(prefix: str, count: int) -> list[tuple[str, str]]:
    return [(f"u-{prefix}-{number}", PLAIN[number % len(PLAIN)]) for number in range(count)]


def test_each_audience_is_reached_once_by_what_stands_in_its_labels(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, office: Office) -> None:
        named = people("tag", 12)
        users = [user for user, _ in named]
        await there.register(named)
        labels = PushTables(there.store)
        for number, user in enumerate(users):
            tags = [tag for tag, labelled in (("news", number < 6), ("beta", 4 <= number < 8)) if labelled]
            await labels.put_labels("default", user, PushLabels(tuple(tags), "boss" if number == 11 else ""), now_ms())
        await labels.put_labels("default", "u-none", PushLabels(("news",)), now_ms())  # without a token
        await labels.put_labels("default", users[0], PushLabels(), now_ms() + 1)  # and one that is labelled no more
        worker = there.worker()
        with workers(worker):
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            tagged = await office.send("tags", "tags", ("news", "beta"))
            counts = await office.until_counted(tagged, "accepted", 7)
            await office.until_counted(tagged, "suppressed", 1)
            assert set(there.shown()) == {f"t-{user}" for user in users[1:8]}
            assert (await office.until_finished(tagged)).users == 8
            assert {each.channel for each in counts.results if each.state == "accepted"} == set(PLAIN)
            aliased = await office.send("alias", "alias", ("boss", "nobody"))
            await office.until_counted(aliased, "accepted", 1)
            named_ones = await office.send("users", "users", (users[9], users[10], users[9], "u-none"))
            await office.until_counted(named_ones, "accepted", 2)
            none = await office.send("tags", "tags", ("unheard of",))
            assert (await office.until_finished(none)).users == 0
            assert set(there.shown()) == {f"t-{user}" for user in (*users[1:8], *users[9:12])}
            assert set(there.shown().values()) == {1}
            counts = await office.until_counted(named_ones, "suppressed", 1)
            assert [(each.reason, each.count) for each in counts.results if each.state == "suppressed"] == [("no_device", 1)]
            assert worker.stop() == 0

    run(own, tmp_path, body)


def test_killed_in_the_middle_and_everybody_is_alerted_once_and_counted_exactly(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, office: Office) -> None:
        named = people("crowd", CROWD)
        await there.register(named)
        worker = there.worker(STREAMS_PUSH_CAMPAIGN_PER_S="400", STREAMS_PUSH_CAMPAIGN_PAGE_USERS="40")
        with workers(worker):
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            later = await office.send("later", "users", [named[0][0]], now_ms() + 4_000)
            dropped = await office.send("dropped", "users", [named[1][0]], now_ms() + 4_000)
            await office.desk.cancel(await office.campaign(dropped), "root")
            everybody = await office.send("all", "all")
            for share in (0.2, 0.6):
                await until(_shown(there, named), _more_than(share * CROWD), f"{share} shown")
                worker.send(signal.SIGKILL)
                worker.wait()
                worker.start()
            finished = await office.until_finished(everybody, 60)
            known = finished.users  # of the test before there are twelve more
            assert known >= CROWD
            counts = await office.until_counted(everybody, "accepted", known)
            assert states_of(counts) == {"accepted": known}
            await office.until_counted(later, "accepted", 1)
            shown = _of(there, named)
            expected = Counter(f"t-{user}" for user, _ in named) + Counter([f"t-{named[0][0]}"])
            assert shown == expected, "each once, and who was written to later once more"
            ended = await office.campaign(dropped)
            assert (ended.state(now_ms()), ended.started_at_ms) == ("cancelled", 0)
            assert [result for result in await there.results() if result.ref == dropped] == []
            told = await asyncio.to_thread(_stats, own)
            assert all(channel in told for channel in PLAIN)
            assert "push-retry-10m" in told
            assert worker.stop() == 0

    run(own, tmp_path, body)


def test_a_cancelled_campaign_stops_in_the_middle(own: Servers, tmp_path: Path) -> None:
    async def body(there: World, office: Office) -> None:
        named = people("stop", 400)
        await there.register(named)
        worker = there.worker(STREAMS_PUSH_CAMPAIGN_PER_S="50", STREAMS_PUSH_CAMPAIGN_PAGE_USERS="10")
        with workers(worker):
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            name = await office.send("stop", "users", [user for user, _ in named])
            await until(_shown(there, named), lambda shown: len(shown) >= 20, "20 shown")
            await office.desk.cancel(await office.campaign(name), "root")
            await asyncio.sleep(1.5)  # what a worker may still send: the campaign is looked at anew within a second
            stopped = len(_of(there, named))
            await asyncio.sleep(1)
            assert len(_of(there, named)) == stopped < 200
            campaign = await office.campaign(name)
            assert (campaign.state(now_ms()), campaign.cancelled_by, campaign.finished_at_ms) == ("cancelled", "root", 0)
            assert worker.stop() == 0

    run(own, tmp_path, body)


def _more_than(least: float) -> Callable[[Counter[str]], bool]:
    return lambda shown: len(shown) > least


def _of(there: World, named: Sequence[tuple[str, str]]) -> Counter[str]:
    """How many alerts the devices of these showed."""
    tokens = {f"t-{user}" for user, _ in named}
    return Counter({token: count for token, count in there.shown().items() if token in tokens})


def _shown(there: World, named: Sequence[tuple[str, str]]) -> Callable[[], Awaitable[Counter[str]]]:
    async def look() -> Counter[str]:
        return _of(there, named)

    return look


def _stats(own: Servers) -> str:
    """What `warbler push stats` prints."""
    env = {**os.environ, "WARBLER_KAFKA": own.kafka, "WARBLER_CASSANDRA": own.cassandra, "COLUMNS": "250"}
    command = [sys.executable, "-m", "ops.cli", "push", "stats", "--minutes", "30"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
