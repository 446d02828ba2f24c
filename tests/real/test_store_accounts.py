"""Accounts, logins and the epoch on a real Cassandra, also when two ask at once."""

import asyncio

import pytest

from store.accounts import Account, Accounts
from store.cassandra import Store
from store.epochs import current_epoch, ensure_epoch, note_cluster, note_seen, wait_for_same_log, watch_epoch, why_another
from store.errors import AnotherLog, StoreUnavailable, TimelinesOfAnotherLog
from store.schema import TIMELINE_TABLES
from store.settings import StoreSettings
from store.timelines import Timelines
from tests.store.histories import records, stories
from tests.store.opening import Projection, opened

pytestmark = pytest.mark.real
NOW_MS, LATER_MS = 1_700_000_000_000, 1_700_900_000_000


def test_of_many_who_want_a_name_at_once_one_gets_it(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            accounts = Accounts(store)
            tries = await asyncio.gather(*(accounts.create_user(f"u-{index}", "ana", "hash", NOW_MS + index) for index in range(8)))
            winners = [each.account for each in tries if each.created]
            assert len(winners) == 1
            assert {each.account for each in tries} == set(winners)
            assert await accounts.by_name("ana") == winners[0]
            assert await accounts.by_ids(["u-nobody", winners[0].user]) == {winners[0].user: "ana"}

    asyncio.run(body())


def test_a_repeated_creation_is_created_again_and_users_may_have_no_password(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            accounts = Accounts(store)
            first = await accounts.create_user("u-bot", "bot", None, NOW_MS)
            again = await accounts.create_user("u-bot", "bot", None, NOW_MS + 5)
            assert (first.created, again.created) == (True, True)
            assert again.account == Account("u-bot", "bot", None, NOW_MS)
            assert await accounts.by_name("Bot") is None

    asyncio.run(body())


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            accounts = Accounts(store)
            await accounts.open_login("l-1", "u-ana", "h1", LATER_MS, NOW_MS)
            assert (await accounts.rotate("l-1", "h1", "h2", LATER_MS, NOW_MS)).outcome == "rotated"
            assert (await accounts.rotate("l-1", "h1", "h2", LATER_MS, NOW_MS)).outcome == "rotated"  # the same exchange, repeated
            assert (await accounts.rotate("l-1", "h2", "h3", LATER_MS, NOW_MS)).user == "u-ana"
            assert not await accounts.is_revoked("l-1")
            assert (await accounts.rotate("l-1", "h1", "h9", LATER_MS, NOW_MS)).outcome == "reused"
            assert await accounts.is_revoked("l-1")
            assert (await accounts.rotate("l-1", "h3", "h4", LATER_MS, NOW_MS)).outcome == "revoked"
            assert (await accounts.rotate("l-none", "h", "h2", LATER_MS, NOW_MS)).outcome == "unknown"
            assert await accounts.is_revoked("l-none")

    asyncio.run(body())


def test_of_two_uses_of_one_refresh_token_at_once_one_succeeds(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            accounts = Accounts(store)
            await accounts.open_login("l-2", "u-ana", "h1", LATER_MS, NOW_MS)
            uses = await asyncio.gather(*(accounts.rotate("l-2", "h1", f"n{index}", LATER_MS, NOW_MS) for index in range(4)))
            assert [use.outcome for use in uses].count("rotated") == 1
            assert await accounts.is_revoked("l-2")

    asyncio.run(body())


def test_an_expired_login_is_refused_and_a_log_out_ends_it(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            accounts = Accounts(store)
            await accounts.open_login("l-3", "u-ana", "h1", NOW_MS + 1_000, NOW_MS)
            assert (await accounts.rotate("l-3", "h1", "h2", LATER_MS, NOW_MS + 1_000)).outcome == "expired"
            await accounts.open_login("l-4", "u-ana", "h1", LATER_MS, NOW_MS)
            await accounts.revoke("l-4")
            assert (await accounts.rotate("l-4", "h1", "h2", LATER_MS, NOW_MS)).outcome == "revoked"
            await accounts.revoke("l-never-opened")
            assert await accounts.is_revoked("l-never-opened")

    asyncio.run(body())


class Ends:
    """A log of two partitions that ends here."""

    def __init__(self, *ends: int) -> None:
        self.ends = ends

    async def partitions_count(self, topic: str) -> int:
        return len(self.ends)

    async def end_offset(self, topic: str, partition: int) -> int:
        return self.ends[partition]


def test_the_epoch_changes_only_with_another_log_and_never_over_old_timelines(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        name = f"{keyspace}_epoch"
        async with opened(cassandra_address, name) as store:
            assert await current_epoch(store) is None
            made = await asyncio.gather(*(ensure_epoch(store, "it is new") for _ in range(3)))
            assert len(set(made)) == 1 or len(set(made)) == 2  # a late one may have found a first epoch without timelines
            epoch = await current_epoch(store)
            assert await ensure_epoch(store, None) == epoch
            await Projection(store).apply(records(stories(7, 1, 20)[0].history))
            with pytest.raises(TimelinesOfAnotherLog, match="it is new"):
                await ensure_epoch(store, "it is new", never)
            assert await current_epoch(store) == epoch
        settings = StoreSettings(cassandra_address, name, on_new_log="truncate", connect_wait_ms=30_000)
        store = await Store.connect(settings)
        try:
            fresh = await ensure_epoch(store, "it is new")
            assert fresh not in (None, epoch)
            assert [await store.execute(f"SELECT * FROM {table}") for table in TIMELINE_TABLES] == [[]] * len(TIMELINE_TABLES)
        finally:
            await store.close()

    asyncio.run(body())


async def never() -> None:
    raise AssertionError("nothing is to be rewound")


def test_a_log_that_ends_before_what_is_known_of_it_is_another_one(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_ends") as store:
            epoch = await ensure_epoch(store, None)
            assert await why_another(store, Ends(0, 0)) is None
            await Projection(store).apply(records(stories(8, 1, 20)[0].history))  # partition 0 up to offset 20
            assert await why_another(store, Ends(20, 0)) is None
            assert await why_another(store, Ends(19, 90)) == "conversation-events-0 ends at offset 19, and was read up to 20"
            await note_seen(store, "e-of-before", {1: 1_000})  # an edge that has not noticed the new epoch
            assert await why_another(store, Ends(20, 0)) is None
            await note_seen(store, epoch, {0: 25, 1: 4})
            await note_seen(store, epoch, {0: 23})
            assert await why_another(store, Ends(25, 4)) is None
            assert await why_another(store, Ends(24, 4)) == "conversation-events-0 ends at offset 24, and was read up to 25"
            assert await why_another(store, Ends(25)) == "conversation-events has no partition 1"
            assert await why_another(store, Ends(25, 4), "cluster-1") is None
            await note_cluster(store, "cluster-1")
            assert await why_another(store, Ends(25, 4), "cluster-1") is None
            assert await why_another(store, Ends(25, 4), "cluster-2") == "the Kafka cluster is cluster-2, and was cluster-1"

    asyncio.run(body())


def test_a_making_anew_that_was_cut_short_is_done_again(cassandra_address: str, keyspace: str) -> None:
    """Whatever fails between the first step and the last, the reason is found again until all of it was done."""

    async def cut_short() -> None:
        raise StoreUnavailable("the machine lost power")

    async def body() -> None:
        name = f"{keyspace}_cut"
        async with opened(cassandra_address, name, on_new_log="truncate") as store:
            epoch = await ensure_epoch(store, None)
            await Projection(store).apply(records(stories(9, 1, 20)[0].history))
            with pytest.raises(StoreUnavailable):
                await ensure_epoch(store, await why_another(store, Ends(5)), cut_short)
            assert await current_epoch(store) == epoch
            assert await Timelines(store).progress() == {0: 20}
            for table in ("events", "members"):  # as after a crash before the epoch was changed
                await store.execute(f"TRUNCATE {table}")
            reason = await why_another(store, Ends(5))
            assert reason is not None
            fresh = await ensure_epoch(store, reason)
            assert fresh != epoch
            assert await why_another(store, Ends(5)) is None
            assert await Timelines(store).progress() == {}

    asyncio.run(body())


def test_who_runs_on_a_log_that_was_replaced_hears_of_it(cassandra_address: str, keyspace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.epochs.WATCH_S", 0.05)

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_watch", on_new_log="truncate") as store:
            epoch = await ensure_epoch(store, None)
            await Projection(store).apply(records(stories(10, 1, 20)[0].history))
            log = Ends(20)
            watching = asyncio.create_task(watch_epoch(store, log, epoch))
            await asyncio.sleep(0.3)
            assert not watching.done()
            log.ends = (19,)
            with pytest.raises(AnotherLog, match="ends at offset 19"):
                await asyncio.wait_for(watching, 10)
            waiting = asyncio.create_task(wait_for_same_log(store, log))
            watching = asyncio.create_task(watch_epoch(store, Ends(20), epoch))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            fresh = await ensure_epoch(store, "it was restored")
            assert await asyncio.wait_for(waiting, 10) == fresh
            with pytest.raises(AnotherLog, match=fresh):
                await asyncio.wait_for(watching, 10)

    asyncio.run(body())


def test_a_cassandra_that_is_not_there_is_waited_for_and_then_named() -> None:
    async def body() -> None:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
            await Store.connect(StoreSettings("127.0.0.1:1", connect_wait_ms=1_500))

    asyncio.run(body())
