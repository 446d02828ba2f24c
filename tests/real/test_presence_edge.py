"""Presence at real edges, over the real inbox.

Of users without a session it is played by hand what the inbox does: the row in Cassandra, then the record in the topic `presence`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from log.kafka import KafkaLog
from log.port import Entry, Log
from log.settings import LogSettings
from schemas.codec import decode_session_event, encode
from schemas.partition import partition_of
from schemas.records import PresenceChanged, PresenceSet, SessionRenewed
from schemas.values import PresenceState
from store.cassandra import Store
from store.presence import PresenceRow, Presences
from store.settings import StoreSettings
from tests.real.running import Running
from tests.real.talking import Device, User, minted, online, registered

pytestmark = pytest.mark.real


class Inbox:
    """Says a user's presence as the inbox does: first the row, then the record."""

    def __init__(self, log: Log, table: Presences) -> None:
        self.log, self._table, self._at_ms = log, table, int(time.time() * 1000)

    async def says(self, user: User, state: PresenceState, status: str = "", told: bool = True) -> dict[str, Any]:
        """The entry that who may see it gets."""
        self._at_ms += 1
        row = PresenceRow(user.user, state, status, self._at_ms, self._at_ms)
        await self._table.put([row])
        if told:
            change = PresenceChanged(
                tenant="default", user=user.user, state=state, status=status, last_seen_ms=row.last_seen_ms, at_ms=row.at_ms
            )
            key = user.user.encode()
            partition = partition_of(key, await self.log.partitions_count("presence"))
            await self.log.publish("presence", partition, [Entry(key, encode("presence", change))])
        return {"user": user.user, "state": state, "status": status, "last_seen_ms": row.last_seen_ms}


@contextlib.asynccontextmanager
async def inbox_of(warbler: Running) -> AsyncIterator[Inbox]:
    log = KafkaLog(LogSettings(warbler.kafka))
    store = await Store.connect(StoreSettings(warbler.cassandra, warbler.keyspace, connect_wait_ms=30_000))
    try:
        await log.start()
        yield Inbox(log, Presences(store))
    finally:
        await log.close()
        await store.close()


def offline(user: User) -> dict[str, Any]:
    return {"user": user.user, "state": "offline", "status": "", "last_seen_ms": 0}


async def watch(device: Device, request: str, *users: User, conversations: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    device.say(type="watch_presence", request=request, users=[user.user for user in users], conversations=conversations)
    answer = await device.hear(lambda f: f.get("request") == request)
    assert answer["type"] == "presence", answer
    found: list[dict[str, Any]] = answer["users"]
    return found


async def told(device: Device, entry: dict[str, Any]) -> None:
    """The frame may hold changes of others too."""
    await device.hear(lambda f: f["type"] == "presence" and f["request"] == "" and entry in f["users"])


async def told_status(device: Device, user: User, state: str, status: str) -> None:
    def says(entry: dict[str, Any]) -> bool:
        return (entry["user"], entry["state"], entry["status"]) == (user.user, state, status)

    await device.hear(lambda f: f["type"] == "presence" and f["request"] == "" and any(map(says, f["users"])))


async def becomes_online(device: Device, user: User) -> None:
    """The inbox has heard of the user's session."""
    async with asyncio.timeout(90):
        for number in itertools.count():
            (entry,) = await watch(device, f"own{number}", user)
            if entry["state"] == "online":
                return
            await asyncio.sleep(0.2)


async def silent(device: Device, seconds: float = 1.0) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await device.read():
                pass
    assert [frame for frame in device.frames if frame["type"] == "presence"] == []


async def set_privacy(warbler: Running, user: User, presence: str) -> None:
    async with httpx.AsyncClient(base_url=warbler.page, timeout=90) as http:
        body = {"receipts": True, "presence": presence}
        answer = await http.put("/v1/me/privacy", json=body, headers={"Authorization": "Bearer " + user.token})
        assert answer.status_code == 200, answer.text


def test_a_watcher_gets_the_state_as_it_is_and_then_what_changes_on_any_edge(warbler: Running) -> None:
    async def body() -> None:
        ana, ben, eve, kim = minted(warbler, 4)
        one, two = warbler.addresses()
        async with inbox_of(warbler) as inbox, online(one, ana) as first, online(two, ana, "laptop") as second:
            group = await first.new_group(ben, eve)
            before = await inbox.says(ben, "online", "at work")
            await asyncio.sleep(0.5)
            for device in (first, second):
                users = await watch(device, "w", kim, conversations=(group,))
                others = [each for each in users if each["user"] != ana.user]  # she is told to be online some time now
                assert others == sorted([before, offline(eve), offline(kim)], key=lambda each: each["user"])
            after = await inbox.says(ben, "away")
            for device in (first, second):
                await told(device, after)
            # from now on only these: nothing is heard of others
            assert await watch(first, "again", kim) == [offline(kim)]
            first.frames.clear()
            await inbox.says(eve, "online")
            await silent(first)

    asyncio.run(body())


def test_who_may_not_be_seen_is_offline_and_a_change_of_mind_is_told_at_once(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = minted(warbler, 2)
        one, two = warbler.addresses()
        async with online(one, ana) as phone, online(two, ben) as bens:
            await set_privacy(warbler, ben, "nobody")
            await becomes_online(bens, ben)
            assert await watch(phone, "w", ben) == [offline(ben)]
            bens.say(type="set_presence", away=True, status="secret")
            await told_status(bens, ben, "away", "secret")
            await silent(phone)
            await set_privacy(warbler, ben, "contacts")
            await silent(phone)
            direct = await phone.command("create_conversation", "", conversation_kind="direct", members=[{"user": ben.user}])
            assert direct["type"] == "ack", direct
            await told_status(phone, ben, "away", "secret")
            began = time.monotonic()
            await set_privacy(warbler, ben, "nobody")
            await told(phone, offline(ben))
            assert time.monotonic() - began < 30  # and not with the end of the lease

    asyncio.run(body())


def test_above_the_limit_nothing_changes_and_the_error_is_typed(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with online(warbler.page, ana) as phone, online(warbler.page, ben) as bens:
            await watch(phone, "w", ben)
            group = await bens.new_group()
            crowd = [f"u-{number}" for number in range(501)]
            for fields, code in (
                ({"users": crowd}, "too_many"),
                ({"users": ["u" * 129]}, "invalid"),
                ({"conversations": [group]}, "not_member"),
            ):
                phone.say(type="watch_presence", request="bad", **fields)
                assert (await phone.heard("error"))["code"] == code
            bens.say(type="set_presence", away=True, status="still watched")
            await told_status(phone, ben, "away", "still watched")

    asyncio.run(body())


def test_a_group_of_more_members_than_may_be_watched_is_refused(warbler: Running) -> None:
    async def body() -> None:
        users = minted(warbler, 502)
        async with online(warbler.page, users[0]) as phone:
            group = await phone.new_group(*users[1:])
            phone.say(type="watch_presence", request="w", conversations=[group])
            assert (await phone.heard("error"))["code"] == "too_many"

    asyncio.run(body())


def test_what_a_device_sets_is_said_in_the_sessions_topic_and_repeated_with_the_lease(warbler: Running) -> None:
    async def body() -> None:
        ana = registered(warbler)
        async with inbox_of(warbler) as inbox, online(warbler.page, ana) as phone:
            key = ana.user.encode()
            partition = partition_of(key, await inbox.log.partitions_count("sessions"))
            start = await inbox.log.end_offset("sessions", partition)
            phone.say(type="set_presence", away=True, status="lunch")
            phone.say(type="ping", nonce="n")
            await phone.heard("pong")
            said: list[Any] = []
            async with asyncio.timeout(120):  # a renewal comes every third of the lease of 90 s
                while not any(isinstance(event, SessionRenewed) and event.away for event in said):
                    for record in await inbox.log.read("sessions", partition, start, 500):
                        start = record.offset + 1
                        if record.key == key:
                            said.append(decode_session_event(record.value))
                    await asyncio.sleep(0.5)
                    phone.say(type="ping", nonce="n")
            assert [(event.away, event.status) for event in said if isinstance(event, PresenceSet)] == [(True, "lunch")]

    asyncio.run(body())
