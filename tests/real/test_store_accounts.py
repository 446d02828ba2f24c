"""Accounts, logins and the epoch on a real Cassandra, also when two ask at once."""

import asyncio

import pytest

from store.accounts import Account, Accounts
from store.cassandra import Store
from store.epochs import current_epoch, ensure_epoch
from store.errors import StoreUnavailable, TimelinesOfAnotherLog
from store.schema import TIMELINE_TABLES
from store.settings import StoreSettings
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


def test_the_epoch_changes_only_with_a_new_log_and_never_over_old_timelines(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        name = f"{keyspace}_epoch"
        async with opened(cassandra_address, name) as store:
            assert await current_epoch(store) is None
            made = await asyncio.gather(*(ensure_epoch(store, True) for _ in range(3)))
            assert len(set(made)) == 1 or len(set(made)) == 2  # a late one may have found a first epoch without timelines
            epoch = await current_epoch(store)
            assert await ensure_epoch(store, False) == epoch
            await Projection(store).apply(records(stories(7, 1, 20)[0].history))
            with pytest.raises(TimelinesOfAnotherLog):
                await ensure_epoch(store, True)
            assert await current_epoch(store) == epoch
        settings = StoreSettings(cassandra_address, name, on_new_log="truncate", connect_wait_ms=30_000)
        store = await Store.connect(settings)
        try:
            fresh = await ensure_epoch(store, True)
            assert fresh not in (None, epoch)
            assert [await store.execute(f"SELECT * FROM {table}") for table in TIMELINE_TABLES] == [[]] * len(TIMELINE_TABLES)
        finally:
            await store.close()

    asyncio.run(body())


def test_a_cassandra_that_is_not_there_is_waited_for_and_then_named() -> None:
    async def body() -> None:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
            await Store.connect(StoreSettings("127.0.0.1:1", connect_wait_ms=1_500))

    asyncio.run(body())
