"""Presence rows on a real Cassandra: many at once, and the newer one wins in whatever order they are written."""

import asyncio

import pytest

from store.presence import PresenceRow, Presences
from tests.store.opening import opened

pytestmark = pytest.mark.real


def test_many_rows_are_written_and_read_and_users_without_one_are_left_out(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            rows = [PresenceRow(f"u-{index}", "online", "at lunch", 1_000 + index, 1_000 + index) for index in range(500)]
            await Presences(store).put(rows)
            found = await Presences(store).get([*(row.user for row in rows), "u-nobody", "u-3"])
            assert found == {row.user: row for row in rows}
            assert await Presences(store).get([]) == {}

    asyncio.run(body())


def test_an_older_row_that_is_written_later_changes_nothing(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            older, newer = PresenceRow("u-ana", "online", "x", 5_000, 5_000), PresenceRow("u-ana", "offline", "", 5_000, 6_000)
            for row in (older, newer, older):
                await Presences(store).put([row])
            assert await Presences(store).get(["u-ana"]) == {"u-ana": newer}

    asyncio.run(body())
