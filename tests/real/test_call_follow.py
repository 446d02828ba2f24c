"""What follows from calls over a whole Warbler: a push that rings and is taken back, the missed call, the conversation's entry, the lists.

The callee's browser is a push service of the test's own. The calls have no media engine (`p2p`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest

from ops.settings import ClusterSettings
from ops.verify import verify_calls
from tests.real import running
from tests.real.push_pages import PushService, push_service, quick_warbler
from tests.real.talking import Device, User, minted, new_id, online, registered

pytestmark = pytest.mark.real

T = TypeVar("T")
PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def world(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    started = quick_warbler(cassandra_address, tmp_path_factory.mktemp("follow"))
    try:
        yield started
    finally:
        running.stop(started.process)


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with push_service() as service:
        yield service


class Person:
    def __init__(self, world: running.Running, user: User) -> None:
        self.user = user
        self.http = httpx.AsyncClient(base_url=world.page, timeout=90, headers={"Authorization": f"Bearer {user.token}"})

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def calls(self) -> list[dict[str, Any]]:
        return list((await self.get("/v1/calls"))["calls"])

    async def subscribe(self, service: PushService) -> None:
        body = {"token": service.fake.subscribe(self.user.user), "device": "browser"}
        assert (await self.http.put("/v1/me/push/tokens/webpush", json=body)).is_success

    def pushes(self, service: PushService) -> list[dict[str, Any]]:
        token = service.fake.subscribe(self.user.user)
        keys = service.fake.shown[token]
        return [each for each in service.fake.received if each["key"] in keys]


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], what: str) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while not good(found := await look()):
        assert time.monotonic() < deadline, f"{what}: {found}"
        await asyncio.sleep(0.1)
    return found


async def pushed(person: Person, service: PushService, count: int) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        return person.pushes(service)

    return await until(look, lambda found: len(found) >= count, f"{count} pushes")


async def direct(device: Device, other: Person) -> str:
    ack = await device.command("create_conversation", "", conversation_kind="direct", members=[{"user": other.user.user}])
    return str(ack["conversation"])


async def say(device: Device, kind: str, conversation: str, call: str, **fields: Any) -> dict[str, Any]:
    command = new_id()
    device.say(type=kind, id=command, conversation=conversation, call=call, **fields)
    answer = await device.hear(lambda f: f["type"] in ("call_ack", "call_refused") and f["id"] == command)
    assert answer["type"] == "call_ack", answer
    return answer


async def request(device: Device, conversation: str) -> str:
    call = new_id()
    await say(device, "call_request", conversation, call, call_kind="one_to_one", media="video", engine="p2p")
    return call


async def notes(person: Person, conversation: str) -> list[dict[str, Any]]:
    page = await person.get(f"/v1/conversations/{conversation}/events")
    return [event for event in page["events"] if event["kind"] == "call_noted"]


def two(world: running.Running) -> tuple[Person, Person]:
    return Person(world, minted(world, 1)[0]), Person(world, registered(world))


def test_who_is_away_is_rung_and_has_missed_a_call_once_though_the_worker_dies(world: running.Running, service: PushService) -> None:
    async def body() -> None:
        ana, ben = two(world)
        await ben.subscribe(service)
        async with online(world.page, ana.user) as device:
            conversation = await direct(device, ben)
            call = await request(device, conversation)
            (ring,) = await pushed(ben, service, 1)
            assert (ring["kind"], ring["body"], ring["data"]["ref"], ring["data"]["caller"]) == (
                "ring",
                "Incoming video call",
                call,
                ana.user.user,
            )
            killed = world.kill("projector-1")
            await say(device, "call_hang_up", conversation, call)
            await asyncio.to_thread(world.wait_for_successor, "projector-1", killed)
            _, missed = await pushed(ben, service, 2)
            assert (missed["kind"], missed["body"], missed["tag"]) == ("alert", "Missed video call", ring["tag"]), (
                "it takes the ring's place"
            )
            (seen,) = await until(ben.calls, lambda found: len(found) == 1, "the call in the list")
            assert (seen["call"], seen["outcome"], seen["reason"], seen["caller"]) == (call, "missed", "cancelled", ana.user.user)
            assert {party["user"]: party["state"] for party in seen["parties"]}[ben.user.user] == "cancelled"
            (noted,) = await until(lambda: notes(ben, conversation), bool, "the entry")
            assert (noted["call_id"], noted["outcome"], noted["missed_by"], noted["media"]) == (call, "missed", [ben.user.user], "video")
            directory = (await ben.get("/v1/conversations"))["directory"]
            assert [entry["unread"] for entry in directory] == [1]
            (of_conversation,) = (await ana.get(f"/v1/conversations/{conversation}/calls"))["calls"]
            assert of_conversation["call"] == call
            second = await request(device, conversation)
            await say(device, "call_hang_up", conversation, second)
            both = await until(lambda: notes(ben, conversation), lambda found: len(found) == 2, "both entries")
            assert [each["call_id"] for each in both] == [call, second], "each once, in their order"
            await pushed(ben, service, 3)
            assert [each["kind"] for each in ben.pushes(service)].count("ring") <= 2

    asyncio.run(body())


def test_a_device_that_does_not_report_the_ring_is_helped_by_a_push_which_is_taken_back(
    world: running.Running, service: PushService
) -> None:
    async def body() -> None:
        ana, ben = two(world)
        await ben.subscribe(service)
        async with online(world.page, ana.user) as caller, online(world.page, ben.user) as callee:
            conversation = await direct(caller, ben)
            call = await request(caller, conversation)
            await callee.hear(lambda f: f["type"] == "call_ring" and f["call"] == call)
            assert ben.pushes(service) == [], "a session has some time to report it"
            (ring,) = await pushed(ben, service, 1)
            await say(callee, "call_reject", conversation, call)
            _, taken_back = await pushed(ben, service, 2)
            assert (ring["kind"], taken_back["kind"], taken_back["tag"]) == ("ring", "withdraw", ring["tag"])
            noted = await callee.hear(lambda f: f["type"] == "events" and any(e["kind"] == "call_noted" for e in f["events"]))
            entry = next(event for event in noted["events"] if event["kind"] == "call_noted")
            assert (entry["call_id"], entry["outcome"], entry["user"]) == (call, "rejected", ana.user.user)
            second = await request(caller, conversation)
            await callee.hear(lambda f: f["type"] == "call_ring" and f["call"] == second)
            await say(callee, "call_ringing", conversation, second)
            await say(callee, "call_accept", conversation, second)
            await say(caller, "call_hang_up", conversation, second)
            newest, oldest = await until(ben.calls, lambda found: len(found) == 2, "both calls")
            assert (newest["call"], newest["answered_at_ms"] > 0, oldest["outcome"]) == (second, True, "rejected")
            page = await ben.get("/v1/calls?limit=1")
            rest = await ben.get(f"/v1/calls?limit=1&after={page['next']}")
            assert [page["calls"][0]["call"], rest["calls"][0]["call"]] == [second, call]
            assert len(ben.pushes(service)) == 2, "a ring that was reported needs no push, and its end no other"

    asyncio.run(body())


def test_the_lists_are_equal_to_the_log_and_a_user_that_is_gone_has_none(world: running.Running) -> None:
    async def body() -> None:
        ana, ben = two(world)
        async with online(world.page, ana.user) as device:
            conversation = await direct(device, ben)
            call = await request(device, conversation)
            await say(device, "call_hang_up", conversation, call)
            await until(ben.calls, lambda found: len(found) == 1, "the call in the list")
            assert (await ben.http.delete("/v1/me")).status_code == 204
        report = await verify_calls(ClusterSettings(kafka=world.kafka, cassandra=world.cassandra, keyspace=world.keyspace), 30.0)
        assert (report.differences, report.unsure) == ([], [])
        assert report.records_count >= 1
        by_log, there = report.counts["calls_by_user"]
        assert by_log - there >= 1, "the rows of who is gone"
        assert report.counts["calls_by_conversation"][0] == report.counts["calls_by_conversation"][1] == report.records_count
        bad = await ana.http.get("/v1/calls?after=nowhere")
        assert (bad.status_code, bad.json()["code"]) == (422, "bad_place")
        stranger = Person(world, registered(world))
        assert (await stranger.http.get(f"/v1/conversations/{conversation}/calls")).status_code in (403, 404)

    asyncio.run(body())
