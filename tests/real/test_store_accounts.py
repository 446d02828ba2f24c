"""Accounts, logins and the epoch on a real Cassandra, also when two ask at once."""

import asyncio

import pytest

from store.accounts import Account, Accounts, Identifier
from store.cassandra import Store
from store.epochs import current_epoch, ensure_epoch, note_cluster, note_seen, wait_for_same_log, watch_epoch, why_another
from store.errors import AnotherLog, StoreUnavailable, TimelinesOfAnotherLog
from store.privacy import Privacy, PrivacyTable
from store.rosters import Note, RosterTables
from store.schema import ACCOUNT_TABLES, OWN_TABLES, TABLES, TIMELINE_TABLES
from store.settings import StoreSettings
from store.sign_ins import Family, SignIns, Use
from store.timelines import Timelines
from tests.store.histories import records, stories
from tests.store.opening import PROJECTED, Projection, opened

pytestmark = pytest.mark.real
# Making all tables takes Cassandra several times as long, and so does dropping them.
ACCOUNTS, TIMELINES = {**ACCOUNT_TABLES, **OWN_TABLES}, {**PROJECTED, "epochs": TABLES["epochs"]}
NOW_MS, LATER_MS = 1_700_000_000_000, 1_700_900_000_000


def named(name: str, number: int = 0) -> Identifier:
    return Identifier("name", name, name.title(), f"i-{name}-{number}")


def test_of_many_who_want_a_name_at_once_one_gets_it(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            accounts = Accounts(store)
            holders = await asyncio.gather(*(accounts.hold(named("ana", index), f"u-{index}") for index in range(50)))
            winners = [f"u-{index}" for index, holder in enumerate(holders) if holder is None]
            assert len(winners) == 1
            assert {holder for holder in holders if holder is not None} == set(winners)
            assert await accounts.hold(named("ana"), winners[0]) is None  # a repeat
            assert await accounts.keep(named("ana"), winners[0])
            assert not await accounts.keep(named("ana"), "u-other")
            assert await accounts.user_of("name", "ana") == winners[0]
            assert [each.shown for each in await accounts.identifiers_of(winners[0])] == ["Ana"]

    asyncio.run(body())


def test_what_was_held_and_not_kept_is_free_again_and_what_is_kept_stays(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            accounts = Accounts(store)
            assert await accounts.hold(named("ben"), "u-1", 1) is None
            assert await accounts.hold(named("bea"), "u-1") is None
            assert await accounts.keep(named("bea"), "u-1")
            await asyncio.sleep(2.5)
            assert not await accounts.keep(named("ben"), "u-1")
            assert await accounts.hold(named("ben"), "u-2") is None
            assert await accounts.hold(named("bea"), "u-2") == "u-1"

    asyncio.run(body())


def test_a_released_name_is_kept_back_for_a_while_and_an_address_is_free_at_once(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            accounts, mail = Accounts(store), Identifier("email", "a@b.example", "A@b.example", "i-mail")
            for identifier in (named("eve"), mail):
                assert await accounts.hold(identifier, "u-1") is None
                assert await accounts.keep(identifier, "u-1")
            await accounts.release(named("eve"), "u-2", 1)  # somebody else cannot
            assert await accounts.user_of("name", "eve") == "u-1"
            await accounts.release(named("eve"), "u-1", 6)
            await accounts.release(mail, "u-1")
            assert await accounts.user_of("name", "eve") is None
            assert await accounts.hold(named("eve"), "u-2") == ""
            assert await accounts.hold(mail, "u-2") is None
            assert not {"i-eve-0", "i-mail"} & {each.identifier_id for each in await accounts.identifiers_of("u-1")}
            await asyncio.sleep(7.5)
            assert await accounts.hold(named("eve"), "u-2") is None

    asyncio.run(body())


def test_a_user_is_found_by_its_identifier_until_it_is_erased(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            accounts, account = Accounts(store), Account("u-bot", "Bot", None, NOW_MS)
            assert await accounts.hold(named("bot"), "u-bot") is None
            await accounts.put_user(account)
            assert await accounts.keep(named("bot"), "u-bot")
            assert await accounts.by_identifier("name", "bot") == account
            await accounts.put_password("u-bot", "hash")
            assert (await accounts.by_id("u-bot")) == Account("u-bot", "Bot", "hash", NOW_MS)
            assert await accounts.by_ids(["u-bot", "u-none"]) == {"u-bot": "Bot"}
            await accounts.erase("u-bot")
            assert await accounts.by_id("u-bot") is None
            assert await accounts.by_ids(["u-bot"]) == {}

    asyncio.run(body())


def use(old: str, new: str, at_ms: int = NOW_MS, grace_ms: int = 1_000) -> Use:
    return Use(old, new, at_ms, grace_ms, LATER_MS - NOW_MS)


FAMILY = Family("u-ana", "h1", LATER_MS, LATER_MS, revoked=False)


def test_a_refresh_token_has_one_successor_and_its_late_reuse_is_seen(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            sign_ins = SignIns(store)
            await sign_ins.open_family("l-1", FAMILY, NOW_MS)
            assert await sign_ins.rotate("l-1", use("h1", "h2")) == ("rotated", "u-ana")
            assert await sign_ins.rotate("l-1", use("h1", "h2", NOW_MS + 900)) == ("rotated", "u-ana")  # a lost answer, asked for again
            assert await sign_ins.rotate("l-1", use("h2", "h3", NOW_MS + 950)) == ("rotated", "u-ana")
            assert await sign_ins.rotate("l-1", use("h1", "h2", NOW_MS + 1_000)) == ("rotated", "u-ana")  # though it went on since
            assert await sign_ins.rotate("l-1", use("h1", "h2", NOW_MS + 1_001)) == ("reused", "u-ana")
            assert await sign_ins.rotate("l-1", use("h9", "h10", NOW_MS + 950)) == ("reused", "u-ana")
            await sign_ins.revoke("l-1")
            assert await sign_ins.rotate("l-1", use("h3", "h4", NOW_MS + 960)) == ("revoked", "u-ana")
            assert await sign_ins.rotate("l-none", use("h", "h2")) == ("unknown", "")

    asyncio.run(body())


def test_of_fifty_uses_of_one_refresh_token_at_once_none_signs_out(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            sign_ins = SignIns(store)
            await sign_ins.open_family("l-2", FAMILY, NOW_MS)
            uses = await asyncio.gather(*(sign_ins.rotate("l-2", use("h1", "h2", NOW_MS + index)) for index in range(50)))
            assert set(uses) == {("rotated", "u-ana")}
            family = await sign_ins.family("l-2")
            assert family is not None
            assert (family.token_hash, family.revoked) == ("h2", False)

    asyncio.run(body())


def test_a_family_ends_when_it_is_not_used_and_at_its_end_however_often_it_is(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            sign_ins = SignIns(store)
            await sign_ins.open_family("l-3", Family("u-ana", "h1", NOW_MS + 1_000, LATER_MS, revoked=False), NOW_MS)
            assert (await sign_ins.rotate("l-3", use("h1", "h2", NOW_MS + 1_000)))[0] == "expired"
            await sign_ins.open_family("l-4", Family("u-ana", "h1", NOW_MS + 1_000, NOW_MS + 2_000, revoked=False), NOW_MS)
            assert (await sign_ins.rotate("l-4", use("h1", "h2", NOW_MS + 999)))[0] == "rotated"
            assert (await sign_ins.rotate("l-4", use("h2", "h3", NOW_MS + 2_000)))[0] == "expired"
            await sign_ins.revoke("l-never-opened")
            assert (await sign_ins.standing("u-ana", "l-never-opened", "t")).family_over

    asyncio.run(body())


def test_a_ticket_is_used_once(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            sign_ins = SignIns(store)
            assert sorted(await asyncio.gather(*(sign_ins.use_ticket("k-1") for _ in range(5)))) == [False] * 4 + [True]

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
        async with opened(cassandra_address, name, TIMELINES) as store:
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
        async with opened(cassandra_address, f"{keyspace}_ends", TIMELINES) as store:
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
        async with opened(cassandra_address, name, TIMELINES, on_new_log="truncate") as store:
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
        async with opened(cassandra_address, f"{keyspace}_watch", TIMELINES, on_new_log="truncate") as store:
            epoch = await ensure_epoch(store, None)
            await Projection(store).apply(records(stories(10, 1, 20)[0].history))
            log = Ends(20)
            watching = asyncio.create_task(watch_epoch(store, log, epoch))
            await asyncio.sleep(0.3)
            assert not watching.done()
            log.ends = (19,)
            with pytest.raises(AnotherLog, match="ends at offset 19"):
                await asyncio.wait_for(watching, 60)
            waiting = asyncio.create_task(wait_for_same_log(store, log))
            watching = asyncio.create_task(watch_epoch(store, Ends(20), epoch))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            fresh = await ensure_epoch(store, "it was restored")
            assert await asyncio.wait_for(waiting, 60) == fresh
            with pytest.raises(AnotherLog, match=fresh):
                await asyncio.wait_for(watching, 60)

    asyncio.run(body())


def test_a_deleted_users_own_words_are_gone(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace, ACCOUNTS) as store:
            privacies, rosters = PrivacyTable(store), RosterTables(store)
            for user in ("u-gone", "u-here"):
                await privacies.put(user, Privacy(True, "nobody", NOW_MS, friend_requests="question", friend_question="Who?"))
                await rosters.put_note(user, "u-other", Note("Bird", ("old",)), NOW_MS)
            await privacies.forget("u-gone", NOW_MS + 1)
            await rosters.forget_notes("u-gone", NOW_MS + 1)
            assert set(await privacies.get(["u-gone", "u-here"])) == {"u-here"}
            assert await rosters.notes("u-gone", ["u-other"]) == {}
            assert await rosters.notes("u-here", ["u-other"]) == {"u-other": Note("Bird", ("old",))}

    asyncio.run(body())


def test_a_cassandra_that_is_not_there_is_waited_for_and_then_named() -> None:
    async def body() -> None:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
            await Store.connect(StoreSettings("127.0.0.1:1", connect_wait_ms=1_500))

    asyncio.run(body())
