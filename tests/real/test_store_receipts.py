"""The tables of receipts and privacy on a real Cassandra: what the projector writes is what the edge reads, page by page."""

import asyncio

import pytest

from log.port import Record
from schemas.codec import encode
from schemas.records import WatermarkRaised
from schemas.values import WatermarkState
from store.cassandra import Store
from store.privacy import Privacy, PrivacyTable
from store.receipts import ReceiptRow, ReceiptTables
from store.views import ReadMark
from tests.store.opening import Projection, opened

pytestmark = pytest.mark.real
GROUP = "g-1"


def mark(
    state: WatermarkState, user: str, device: str, seq: int, at_ms: int = 1, ordinal: int = 0, hidden: bool = False
) -> WatermarkRaised:
    return WatermarkRaised(
        tenant="default",
        conversation_id=GROUP,
        user=user,
        device=device,
        state=state,
        up_to_seq=seq,
        up_to_ordinal=ordinal,
        hidden=hidden,
        at_ms=at_ms,
    )


async def projected(store: Store, *marks: WatermarkRaised) -> None:
    records = [Record("receipts", 0, offset, 1, b"k", encode("receipts", each)) for offset, each in enumerate(marks)]
    await Projection(store).apply(records, chunk_records=3)


def test_devices_come_by_user_in_whole_users_and_the_largest_mark_stays(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            marks = [mark("delivered", f"u{user}", f"d{device}", 5 + device, at_ms=device) for user in range(4) for device in range(3)]
            await projected(store, *marks, mark("delivered", "u0", "d0", 2, at_ms=9), mark("played", "u1", "d0", 3, hidden=True))
            tables = ReceiptTables(store)
            whole, last = await tables.devices(GROUP, "delivered", "", None, 100)
            assert [(row.user, row.device, row.up_to_seq) for row in whole] == [(each.user, each.device, each.up_to_seq) for each in marks]
            assert (whole[0], last) == (ReceiptRow("u0", "d0", 5, 0, False, 0), None)
            # seven rows are two whole users and one row more
            part, last = await tables.devices(GROUP, "delivered", "", None, 7)
            assert ([row.user for row in part], last) == (["u0"] * 3 + ["u1"] * 3, "u1")
            rest, last = await tables.devices(GROUP, "delivered", "u1", "u2", 7)
            assert ([row.user for row in rest], last) == (["u2"] * 3, "u2")
            # a user with more devices than rows may be read is cut rather than asked for for ever
            cut, last = await tables.devices(GROUP, "delivered", "", None, 2)
            assert ([row.device for row in cut], last) == (["d0", "d1"], "u0")
            assert await tables.devices(GROUP, "played", "", None, 9) == ([ReceiptRow("u1", "d0", 3, 0, True, 1)], None)

    asyncio.run(body())


def test_own_marks_are_read_by_user_in_pages(cassandra_address: str, keyspace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.receipts.USER_ROWS", 2)

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_own") as store:
            reads = [mark("read", "u-ana", "d", 7, ordinal=4), mark("read", "u-ana", "e", 3, ordinal=2)]
            unread = [mark("unread", "u-ana", "d", 6, 50), mark("unread", "u-ana", "e", 0, 40)]
            others = [
                WatermarkRaised(
                    tenant="default", conversation_id=f"g-{n}", user="u-ana", device="d", state=state, up_to_seq=n, up_to_ordinal=n, at_ms=n
                )
                for n in range(2, 6)
                for state in ("read", "unread")
            ]
            await projected(store, *reads, *others, *unread)
            tables = ReceiptTables(store)
            assert await tables.own_reads("u-ana") == {GROUP: ReadMark(7, 4), **{f"g-{n}": ReadMark(n, n) for n in range(2, 6)}}
            assert await tables.unread_marks("u-ana") == {GROUP: (6, 50), **{f"g-{n}": (n, n) for n in range(2, 6)}}
            assert await tables.own_reads("u-ben") == {}
            assert (await tables.places(GROUP, "", 10)).places == []

    asyncio.run(body())


def test_the_privacy_that_was_chosen_last_stays(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_privacy") as store:
            table = PrivacyTable(store)
            await table.put("u-ana", Privacy(False, "nobody", 20))
            await table.put("u-ana", Privacy(True, "everyone", 10))
            assert await table.get(("u-ana", "u-ben", "u-ana")) == {"u-ana": Privacy(False, "nobody", 20)}

    asyncio.run(body())
