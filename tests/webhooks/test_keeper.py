"""A worker's webhooks over a log in memory: pumps, what they note, tell and repeat, and what they do when the log or the rows are away."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import msgspec

from log.errors import LogUnavailable
from log.memory import MemoryLog
from log.port import Entry
from log.web.posting import NoReply, Reply
from schemas.codec import decode, decode_webhook_event, encode
from schemas.partition import partition_of
from schemas.webhooks import (
    WebhookDelivery,
    WebhookDisabled,
    WebhookGivenUp,
    WebhookPlace,
    WebhookRedeliveryAsked,
    WebhookRewound,
    WebhookSet,
)
from store.errors import StoreUnavailable
from store.sealing import NONCE_BYTES, Sealer
from store.webhook_standings import Kept
from store.webhooks import key_of, sealed_secret
from streams.webhooks.desk import Desk, Stats
from streams.webhooks.keeper import Keeper
from streams.webhooks.settings import WebhookSettings
from tests.webhooks.builders import EVENTS, event, webhook

SEALER = Sealer([b"k" * 32])
PATIENCE_S = 90.0
FAST = WebhookSettings(schedule_s="0.02,0.02,0.02", commit_ms=10, probe_ms=20, lane_events=3)
Answering = Callable[[str, dict[str, Any]], Reply | NoReply]


def taken(url: str, body: dict[str, Any]) -> Reply:
    return Reply(204, {}, b"")


@dataclass
class World:
    """A log, rows, receivers, and one keeper of everything."""

    settings: WebhookSettings = FAST
    log: MemoryLog = field(default_factory=lambda: MemoryLog(4))
    rows: dict[str, Kept] = field(default_factory=dict)
    hits: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answering: Answering = taken
    rows_away: bool = False
    epoch: str = "e-1"
    now_ms: int = 1_700_000_000_000
    keeper: Keeper | None = None

    # ---- what a desk needs

    async def put(self, webhook_id: str, kept: Kept) -> None:
        if self.rows_away:
            raise StoreUnavailable("away")
        self.rows[webhook_id] = kept

    async def get(self, webhook_id: str) -> Kept | None:
        if self.rows_away:
            raise StoreUnavailable("away")
        return self.rows.get(webhook_id)

    async def send(self, url: str, content: bytes, headers: dict[str, str]) -> Reply | NoReply:
        await asyncio.sleep(0)
        body = json.loads(content)
        reply = self.answering(url, body)
        self.hits.append((url, headers, body))
        return reply

    def clock_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        desk = Desk(self.log, self, self, SEALER, self.settings, self.epoch, self.clock_ms, lambda: 0.0, Stats())
        self.keeper = Keeper(desk, range(4))
        task = asyncio.create_task(self.keeper.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled(), task.exception()

    # ---- what tests do

    async def set(self, name: str, **changes: Any) -> WebhookSet:
        made = webhook(
            webhook_id=name,
            url=f"https://{name}.example/",
            begin_ms=0,
            secrets=(sealed_secret(SEALER, name, b"s" * 32, b"n" * NONCE_BYTES),),
            **changes,
        )
        await self.tell(made)
        return made

    async def tell(self, record: Any) -> None:
        number = partition_of(record.webhook_id.encode(), 4)
        await self.log.publish("webhooks", number, [Entry(key_of(record), encode("webhooks", record))])

    async def say(self, conversation: str, *seqs: int) -> None:
        key = conversation.encode()
        entries = [Entry(key, encode(EVENTS, event(conversation, seq))) for seq in seqs]
        await self.log.publish(EVENTS, partition_of(key, 4), entries)

    def told(self, name: str, conversation: str = "g-1") -> list[int]:
        found = [body["data"]["value"] for url, _, body in self.hits if url == f"https://{name}.example/"]
        return [each["seq"] for each in found if each["conversation_id"] == conversation]

    async def records(self, topic: str, kind: Any) -> list[Any]:
        rows = [row for number in range(4) for row in await self.log.read(topic, number, 0, 10_000) if row.value is not None]
        if topic == "webhooks":
            return [each for row in rows if isinstance(each := decode_webhook_event(row.value), kind)]
        return [decode(row.value, kind) for row in rows]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  the log in memory has no event for it
            await asyncio.sleep(0.005)


async def until_some(found: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
    async with asyncio.timeout(PATIENCE_S):
        while not (some := await found()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return some


def run(body: Callable[[World], Coroutine[Any, Any, None]], world: World | None = None) -> None:
    asyncio.run(body(world or World()))


def part(kind: Any, **fields: Any) -> Any:
    return kind(**{"event_id": "e-9", "webhook_id": "wh-a", "tenant": "default", "at_ms": 5, "by": "root"} | fields)


def test_each_webhook_hears_what_it_asked_for_in_order_and_a_successor_repeats_nothing() -> None:
    async def body(world: World) -> None:
        await world.set("wh-a")
        await world.set("wh-b", conversations=("g-2",))
        await world.say("g-1", *range(1, 10))
        async with world.keeping():
            await until(lambda: len(world.told("wh-a")) == 9)
            await world.say("g-2", 1, 2)
            await until(lambda: world.told("wh-b", "g-2") == world.told("wh-a", "g-2") == [1, 2])
        async with world.keeping():
            await world.say("g-1", 10)
            await until(lambda: 10 in world.told("wh-a"))
        assert world.told("wh-a") == list(range(1, 11))
        assert world.told("wh-b") == []
        tries = await world.records("webhook-deliveries", WebhookDelivery)
        assert {(each.state, each.tries, each.again) for each in tries} == {("delivered", 1, False)}

    run(body)


def test_one_that_hangs_delays_no_other() -> None:
    class Hanging(World):
        async def send(self, url: str, content: bytes, headers: dict[str, str]) -> Reply | NoReply:
            if "wh-b" in url:
                await asyncio.Event().wait()
            return await super().send(url, content, headers)

    async def body(world: World) -> None:
        await world.set("wh-a")
        await world.set("wh-b")
        async with world.keeping():
            for number in range(20):
                await world.say(f"g-{number}", *range(1, 11))
            await until(lambda: sum(len(world.told("wh-a", f"g-{number}")) for number in range(20)) == 200)

    run(body, Hanging())


def test_an_event_that_is_never_taken_becomes_a_dead_letter_and_its_conversation_goes_on() -> None:
    async def body(world: World) -> None:
        world.answering = lambda url, body: Reply(500 if body["data"]["value"]["seq"] == 2 else 200, {}, b"")
        await world.set("wh-a")
        async with world.keeping():
            await world.say("g-1", *range(1, 9))
            for seq in range(1, 30):
                await world.say("g-2", seq if seq != 2 else 200)
                await asyncio.sleep(0.01)
            await until(lambda: world.told("wh-a")[-1:] == [8])
            [letter] = await until_some(lambda: world.records("webhook-dead-letters", WebhookGivenUp))
        assert (letter.conversation_id, letter.tries, letter.status, letter.reason) == ("g-1", 4, 500, "http_500")
        assert list(dict.fromkeys(world.told("wh-a"))) == list(range(1, 9))

    run(body)


def test_a_receiver_that_is_gone_disables_its_webhook_and_setting_it_anew_goes_on_where_it_stood() -> None:
    async def body(world: World) -> None:
        world.answering = lambda url, body: Reply(410 if body["data"]["value"]["seq"] == 3 else 200, {}, b"")
        made = await world.set("wh-a")
        async with world.keeping():
            await world.say("g-1", 1, 2, 3, 4)
            [told] = await until_some(lambda: world.records("webhooks", WebhookDisabled))
            assert (told.version, told.reason, told.by) == (1, "gone", "webhooks")
            await world.say("g-1", 5)
            world.answering = taken
            assert world.told("wh-a") == [1, 2, 3]
            await world.tell(msgspec.structs.replace(made, version=2))
            await until(lambda: world.told("wh-a") == [1, 2, 3, 3, 4, 5])

    run(body)


def test_a_replay_begins_anew_with_the_same_ids_and_says_so_and_happens_once() -> None:
    async def body(world: World) -> None:
        await world.set("wh-a")
        await world.say("g-1", *range(1, 7))
        place = WebhookPlace(topic=EVENTS, partition=partition_of(b"g-1", 4), offset=3)
        async with world.keeping():
            await until(lambda: len(world.told("wh-a")) == 6)
            await world.tell(part(WebhookRewound, places=(place,), asked="offset"))
            await until(lambda: world.told("wh-a")[6:] == [4, 5, 6])
        async with world.keeping():
            await world.say("g-1", 7)
            await until(lambda: world.told("wh-a")[-1] == 7)
        assert world.told("wh-a") == [1, 2, 3, 4, 5, 6, 4, 5, 6, 7]
        ids = [headers["webhook-id"] for _, headers, _ in world.hits]
        assert ids[3:6] == ids[6:9]
        assert ["warbler-replay" in headers for _, headers, _ in world.hits] == [False] * 6 + [True] * 3 + [False]

    run(body)


def test_a_redelivery_is_tried_once_whatever_comes_of_it() -> None:
    async def body(world: World) -> None:
        await world.set("wh-a")
        await world.say("g-1", 1, 2)
        partition = partition_of(b"g-1", 4)
        async with world.keeping():
            await until(lambda: len(world.told("wh-a")) == 2)
            world.answering = lambda url, body: NoReply("timeout")
            await world.tell(part(WebhookRedeliveryAsked, place=WebhookPlace(topic=EVENTS, partition=partition, offset=0)))
            await world.tell(
                part(WebhookRedeliveryAsked, event_id="e-10", place=WebhookPlace(topic=EVENTS, partition=partition, offset=99))
            )
            await until(lambda: world.told("wh-a") == [1, 2, 1])
        async with world.keeping():
            world.answering = taken
            await world.say("g-1", 3)
            await until(lambda: 3 in world.told("wh-a"))
        assert world.told("wh-a") == [1, 2, 1, 3]
        last = (await world.records("webhook-deliveries", WebhookDelivery))[2]
        assert (last.state, last.again, last.reason) == ("given_up", True, "timeout")
        assert await world.records("webhook-dead-letters", WebhookGivenUp) == []

    run(body)


def test_a_log_and_rows_that_are_away_are_waited_for() -> None:
    class Away(World):
        failures = 3

        async def fault(self, operation: str, moment: str) -> None:
            await asyncio.sleep(0)
            if operation == "publish" and moment == "before" and self.failures and self.hits:
                self.failures -= 1
                raise LogUnavailable("away")

    async def body(world: World) -> None:
        assert isinstance(world, Away)
        await world.set("wh-a")
        await world.say("g-1", 1, 2, 3)
        world.rows_away = True
        world.log.fault = world.fault
        async with world.keeping():
            await asyncio.sleep(0.05)
            assert world.told("wh-a") == [], "nothing is told before it is known where it stands"
            world.rows_away = False
            await until(lambda: world.failures == 0 and list(dict.fromkeys(world.told("wh-a"))) == [1, 2, 3] and "wh-a" in world.rows)

    run(body, Away())


def test_a_pump_that_is_stopped_in_the_moment_in_which_it_fails_stops() -> None:
    """The fault itself cancels the pump: Python 3.11's TaskGroup then raises the failure alone."""

    async def body(world: World) -> None:
        await world.set("wh-a")
        stopped: list[asyncio.Task[None]] = []

        async def fault(operation: str, moment: str) -> None:
            await asyncio.sleep(0)
            if operation == "publish" and world.hits and not stopped:
                assert world.keeper is not None
                stopped.append(world.keeper._pumps["wh-a"][2])
                stopped[0].cancel()
                raise LogUnavailable("away")

        await world.say("g-1", 1)
        world.log.fault = fault
        async with world.keeping():
            await until(lambda: bool(stopped) and stopped[0].done())

    run(body)


def test_tries_that_are_being_told_when_the_keeper_is_stopped_are_told_before_the_row_says_so() -> None:
    async def body(world: World) -> None:
        await world.set("wh-a")
        telling = asyncio.Event()

        async def fault(operation: str, moment: str) -> None:
            if operation == "publish" and moment == "before" and world.hits and not telling.is_set():
                telling.set()
                await asyncio.Event().wait()  # until it is cancelled

        await world.say("g-1", 1, 2)
        async with world.keeping():
            await until(lambda: "wh-a" in world.rows)
            world.log.fault = fault
            await until(lambda: telling.is_set() and len(world.told("wh-a")) == 2)
        assert [each.offset for each in await world.records("webhook-deliveries", WebhookDelivery)] == [0, 1]
        async with world.keeping():
            await world.say("g-1", 3)
            await until(lambda: 3 in world.told("wh-a"))
        assert world.told("wh-a") == [1, 2, 3]

    run(body)


def test_of_another_log_only_the_time_is_believed() -> None:
    async def body(world: World) -> None:
        await world.set("wh-a")
        await world.say("g-1", 1, 2)
        async with world.keeping():
            await until(lambda: len(world.told("wh-a")) == 2)
        world.rows["wh-a"] = noted_at(world.rows["wh-a"], at_ms=world.log._ticks_ms)
        world.epoch = "e-2"
        await world.say("g-1", 3)
        async with world.keeping():
            await until(lambda: 3 in world.told("wh-a"))
        assert world.told("wh-a")[2:] in ([3], [2, 3])

    run(body)


def test_of_a_topic_that_is_asked_for_later_it_hears_from_then_on() -> None:
    async def body(world: World) -> None:
        made = await world.set("wh-a", types=("user_registered",))
        await world.say("g-1", 1, 2)
        async with world.keeping():
            await until(lambda: "wh-a" in world.rows)
        await world.tell(msgspec.structs.replace(made, types=(), version=2, at_ms=world.log._ticks_ms + 1))
        await world.say("g-1", 3)
        async with world.keeping():
            await until(lambda: world.told("wh-a") == [3])

    run(body)


def noted_at(kept: Kept, at_ms: int) -> Kept:
    return Kept(kept.epoch, kept.version, kept.rewound, kept.standing, at_ms)


def test_a_secret_that_cannot_be_opened_is_its_own_webhooks_trouble() -> None:
    async def body(world: World) -> None:
        foreign = sealed_secret(Sealer([b"x" * 32]), "wh-b", b"s" * 32, b"n" * NONCE_BYTES)
        await world.set("wh-a")
        await world.tell(webhook(webhook_id="wh-b", url="https://wh-b.example/", begin_ms=0, secrets=(foreign,)))
        await world.say("g-1", 1)
        async with world.keeping():

            async def failed() -> list[Any]:
                tries = await world.records("webhook-deliveries", WebhookDelivery)
                return [each for each in tries if each.webhook_id == "wh-b"]

            tries = await until_some(failed)
            await until(lambda: world.told("wh-a") == [1])
        assert (tries[0].state, tries[0].status, tries[0].reason) == ("retrying", 0, "no_secret")
        assert world.told("wh-b") == []

    run(body)


def test_a_webhook_of_which_nothing_can_ever_be_true_waits_to_be_set_anew() -> None:
    async def body(world: World) -> None:
        made = await world.set("wh-a", types=("user_registered",), conversations=("g-1",))
        async with world.keeping():
            await until(lambda: "wh-a" in world.rows)
            await world.tell(msgspec.structs.replace(made, types=(), version=2, at_ms=0))
            await world.say("g-1", 1)
            await until(lambda: world.told("wh-a") == [1])

    run(body)


def test_poison_in_the_topic_of_webhooks_changes_nothing() -> None:
    async def body(world: World) -> None:
        await world.set("wh-a")
        world.log.put_bytes("webhooks", partition_of(b"wh-a", 4), b"wh-a", b"\0\0\0\0\1poison")
        await world.say("g-1", 1)
        async with world.keeping():
            await until(lambda: world.told("wh-a") == [1])

    run(body)
