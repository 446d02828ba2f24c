"""One webhook at work: reads its topics, sends what is due, notes where it stands. A shell; `plan` decides.

Called by `keeper`. Each webhook has a pump, and a consumer, of its own: one that is slow or fails delays no other.

Delivery: at least once, in order within a conversation. What was tried is in the log before the place behind it is in the row; a pump
that ends anywhere is followed by one that begins at the row.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import structlog

from log.errors import LogUnavailable, PositionGone
from log.port import Record
from log.web.posting import NoReply, Reply
from log.web.retry_after import retry_after_ms
from schemas.webhooks import WebhookDelivery, WebhookDisabled, WebhookGivenUp, WebhookRedeliveryAsked
from store.errors import StoreUnavailable
from store.sealing import NotSealedHere
from store.webhook_standings import Kept
from store.webhooks import NoSecret, Webhook, secrets_of
from streams.cancelling import raise_if_cancelled
from streams.webhooks.desk import Desk
from streams.webhooks.message import Message, Wanted, message_of, topics_of
from streams.webhooks.plan import Answer, Due, Limits, Plan, Verdict, begun_again, patient_again
from streams.webhooks.signing import headers_of
from streams.webhooks.standing import LaneKey, Place, Standing, packed, unpacked

RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0
READ_RECORDS = 500
IDLE_S = 5.0  # time itself may be set anew under a long wait

logger = structlog.get_logger("streams.webhooks")


class Pump:
    """Of one version of a webhook; ends when it is cancelled, or for good once the webhook is disabled."""

    def __init__(self, webhook: Webhook, desk: Desk) -> None:
        self.webhook, self._desk = webhook, desk
        self._wanted = Wanted.of(webhook.definition)
        self._plan = Plan(_limits(desk), Standing({}))
        self._moved = asyncio.Event()  # something was read or answered
        self._room = asyncio.Event()
        self._tries: list[WebhookDelivery] = []
        self._given_up: list[WebhookGivenUp] = []
        self._noted = ""
        self._one_notes = asyncio.Lock()
        self._begun = False
        self._asked: set[str] = set()  # redeliveries that were taken on

    def hear(self, webhook: Webhook) -> None:
        """More redeliveries were asked, or some were tried; nothing else is different."""
        self.webhook = webhook
        self._moved.set()

    async def run(self) -> None:
        """Raises: a bug of ours; a log or a Cassandra that is away is waited for."""
        retry_s = RETRY_S_MIN
        while True:
            try:
                await self._serve()
                return
            except* (LogUnavailable, StoreUnavailable, PositionGone) as excs:
                reason = str(excs.exceptions[0])[:300]
                logger.warning("a webhook waits", webhook=self.webhook.webhook_id, reason=reason, retry_s=retry_s)
            raise_if_cancelled()
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def close(self) -> None:
        """After `run` was cancelled: notes where it stood, so that its successor repeats nothing. Waits for no log that is away."""
        if self._begun:
            with contextlib.suppress(LogUnavailable, StoreUnavailable):
                await self._note()

    async def _serve(self) -> None:
        standing = await self._begin()
        self._plan = Plan(_limits(self._desk), standing)
        self._tries, self._given_up, self._begun = [], [], True
        await self._note()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._read(standing.places)), group.create_task(self._noting())]
            self._asked.clear()
            async with asyncio.TaskGroup() as sending:
                await self._work(sending)
            for task in tasks:
                task.cancel()
        await self._note()

    # ---- where it begins

    async def _begin(self) -> Standing:
        """Where the row says; without one where the webhook was made. Raises: LogUnavailable, StoreUnavailable."""
        definition, rewound = self.webhook.definition, self.webhook.rewound
        kept = await self._desk.standings.get(self.webhook.webhook_id)
        known = unpacked(kept.standing) if kept is not None and kept.epoch == self._desk.epoch else Standing({})
        places = {place: known.places.get(place) for place in await self._places()}
        since_ms = self._since_ms(kept)
        found = {place: await self._sound(place, offset, since_ms) for place, offset in places.items()}
        behind = [each for each in known.behind if each.lane[:2] in found and self._wanted_key(each.lane)]
        standing = Standing(found, behind, known.again_until, known.receiver)
        if rewound is not None and (kept is None or kept.rewound != rewound.event_id):
            asked = {(each.topic, each.partition): each.offset for each in rewound.places}
            asked = {place: await self._sound(place, offset, 0) for place, offset in asked.items() if place in found}
            standing = begun_again(standing, asked, {place: found[place] for place in asked})
        return patient_again(standing) if kept is not None and kept.version != definition.version else standing

    def _since_ms(self, kept: Kept | None) -> int:
        """From when on it hears of what has no place yet: of a topic that it did not read before, since it was asked for.

        Of another log only the time is worth something: events since then may be told twice, and none is missed.
        """
        if kept is None:
            return self.webhook.definition.begin_ms
        return self.webhook.definition.at_ms if kept.epoch == self._desk.epoch else kept.at_ms

    def _wanted_key(self, lane: LaneKey) -> bool:
        return self._wanted.keys is None or lane[2] in self._wanted.keys

    async def _places(self) -> list[Place]:
        counts = {topic: await self._desk.log.partitions_count(topic) for topic in topics_of(self.webhook.definition)}
        return [(topic, number) for topic, count in counts.items() for number in range(count)]

    async def _sound(self, place: Place, offset: int | None, since_ms: int) -> int:
        """An offset that can be read: what retention took is passed over, and said."""
        if offset is None:
            return await self._desk.log.offset_at(*place, since_ms)
        first, end = await self._desk.log.start_offset(*place), await self._desk.log.end_offset(*place)
        if offset < first:
            logger.warning("events are gone", webhook=self.webhook.webhook_id, topic=place[0], partition=place[1], lost=first - offset)
        return min(max(offset, first), end)

    # ---- reading

    async def _read(self, starts: Mapping[Place, int]) -> None:
        if not starts:  # types that no topic of conversations carries, and conversations
            return
        async with contextlib.aclosing(self._desk.log.tail(starts)) as tail:  # type: ignore[type-var]
            async for records in tail:
                for record in records:
                    if self._wanted.takes(record):
                        self._plan.heard(record)
                    self._plan.passed(record.topic, record.partition, record.offset + 1)
                self._desk.stats.records += len(records)
                self._moved.set()
                while not self._plan.has_room:
                    self._room.clear()
                    await self._room.wait()

    async def _refill(self, lane: LaneKey, at: int) -> None:
        """Read the log again for a lane that memory had no room for."""
        topic, partition, key = lane
        found: list[Record] = []
        most = self._plan.refill_events
        while len(found) < most and at < self._plan.read_to[topic, partition]:
            records = await self._desk.log.read(topic, partition, at, READ_RECORDS)
            if not records:
                at = self._plan.read_to[topic, partition]  # what was there is gone, or was compacted away
                break
            for record in records:
                if record.offset >= self._plan.read_to[topic, partition] or len(found) == most:
                    break
                if (record.key or b"") == key and self._wanted.takes(record):
                    found.append(record)
                at = record.offset + 1
        self._plan.refilled(lane, found, at)
        self._moved.set()

    # ---- telling

    async def _work(self, group: asyncio.TaskGroup) -> None:
        """Until the webhook is disabled."""
        while not self._plan.stopped or self._plan.in_flight:
            self._moved.clear()
            for lane, at in list(self._plan.refills()):
                group.create_task(self._refill(lane, at))
            for due in self._plan.due(self._desk.clock_ms()):
                group.create_task(self._tell(due))
            for key in self.webhook.redeliveries.keys() - self._asked:
                self._asked.add(key)
                group.create_task(self._redeliver(key, self.webhook.redeliveries[key]))
            if self._plan.has_room:
                self._room.set()
            await self._wait()

    async def _wait(self) -> None:
        wake_ms = self._plan.wake_ms()
        wait_s = IDLE_S if wake_ms is None else min(IDLE_S, max(0.001, (wake_ms - self._desk.clock_ms()) / 1_000))
        with contextlib.suppress(TimeoutError):  # not wait_for: Python 3.11's may swallow a cancellation
            async with asyncio.timeout(wait_s):
                await self._moved.wait()

    async def _tell(self, due: Due) -> None:
        message = message_of(self.webhook.definition, due.record)
        if message is None:
            self._plan.unsent(due.lane)
            self._moved.set()
            return
        began_ms = self._desk.clock_ms()
        answer = await self._post(message, due.tries, due.again)
        now_ms = self._desk.clock_ms()
        verdict = self._plan.answered(due.lane, answer, now_ms, self._desk.chance())
        self._remember(message, due.record, answer, verdict, now_ms - began_ms, now_ms, due.again)
        if verdict.disable:
            await self._disable(verdict.disable, now_ms)
        self._moved.set()

    async def _post(self, message: Message, tries: int, again: bool) -> Answer:
        definition, now_ms = self.webhook.definition, self._desk.clock_ms()
        try:
            secrets = secrets_of(self._desk.sealer, definition, now_ms)
        except (NoSecret, NotSealedHere) as bad:  # sealed with a key that is gone: this webhook's trouble, and no other's
            logger.error("a webhook's secret cannot be opened", webhook=definition.webhook_id, reason=str(bad))
            return Answer(0, "no_secret")
        at_s = now_ms // 1_000
        headers = headers_of(definition.webhook_id, message.delivery_id, at_s, message.body, secrets, tries, again)
        return answer_of(await self._desk.post.send(definition.url, message.body, headers), self._desk.clock_ms())

    async def _disable(self, reason: str, now_ms: int) -> None:
        definition, since_ms = self.webhook.definition, self._plan.receiver.failing_since_ms
        name = f"{definition.webhook_id}:{definition.version}:disabled"
        base: dict[str, Any] = {"event_id": name, "webhook_id": definition.webhook_id, "tenant": definition.tenant, "at_ms": now_ms}
        await self._note()
        await self._desk.tell(WebhookDisabled(**base, by="webhooks", version=definition.version, reason=reason, since_ms=since_ms))
        logger.warning("a webhook is disabled", webhook=definition.webhook_id, reason=reason)

    async def _redeliver(self, key: str, asked: WebhookRedeliveryAsked) -> None:
        """One event once more, whatever becomes of it. Delivery: at least once; the tombstone says that it was tried."""
        place = asked.place
        try:
            records = await self._desk.log.read(place.topic, place.partition, place.offset, 1)
        except PositionGone:
            records = []
        record = records[0] if records and records[0].offset == place.offset else None
        message = None if record is None else message_of(self.webhook.definition, record)
        if record is not None and message is not None:
            began_ms = self._desk.clock_ms()
            answer, now_ms = await self._post(message, 0, again=True), self._desk.clock_ms()
            verdict = Verdict("delivered" if answer.taken else "given_up", 1)
            self._remember(message, record, answer, verdict, now_ms - began_ms, now_ms, again=True, beside=True)
            await self._note()
        await self._desk.tell_ended(asked.webhook_id, key)

    # ---- noting

    def _remember(
        self,
        message: Message,
        record: Record,
        answer: Answer,
        verdict: Verdict,
        latency_ms: int,
        now_ms: int,
        again: bool,
        beside: bool = False,
    ) -> None:
        """`beside`: a redelivery, of which no dead letter is made."""
        common: dict[str, Any] = {
            "webhook_id": self.webhook.webhook_id,
            "tenant": self.webhook.definition.tenant,
            "delivery_id": message.delivery_id,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "event_type": message.event_type,
            "conversation_id": message.conversation,
            "tries": verdict.tries,
            "status": answer.status,
            "reason": answer.reason,
            "at_ms": now_ms,
        }
        self._tries.append(WebhookDelivery(**common, state=verdict.state, latency_ms=latency_ms, next_ms=verdict.next_ms, again=again))
        stats = self._desk.stats
        if answer.taken:
            stats.delivered += 1
        else:
            stats.failed += 1
        if verdict.state == "given_up" and not beside:
            stats.given_up += 1
            self._given_up.append(WebhookGivenUp(**common, first_ms=verdict.first_ms))

    async def _noting(self) -> None:
        while True:
            await asyncio.sleep(self._desk.settings.commit_ms / 1_000)
            await self._note()

    async def _note(self) -> None:
        """What was tried, then where it stands: both as of one moment. Raises: LogUnavailable, StoreUnavailable.

        One at a time: else an older place could be written over a newer one. What it is cancelled in stays to be told by the next.
        """
        async with self._one_notes:
            standing = packed(self._plan.standing())
            tries, given_up = list(self._tries), list(self._given_up)
            await self._desk.tell_tries(self.webhook.webhook_id, tries, given_up)
            del self._tries[: len(tries)], self._given_up[: len(given_up)]
            if standing == self._noted:
                return
            rewound = self.webhook.rewound.event_id if self.webhook.rewound is not None else ""
            kept = Kept(self._desk.epoch, self.webhook.definition.version, rewound, standing, self._desk.clock_ms())
            await self._desk.standings.put(self.webhook.webhook_id, kept)
            self._noted = standing


def _limits(desk: Desk) -> Limits:
    own = desk.settings
    memory = (own.in_flight_limit, own.window_events, own.lane_events, own.lanes_limit)
    return Limits(own.schedule_ms, *memory, own.probe_ms, own.disable_after_ms, own.retry_after_ms_limit)


def answer_of(reply: Reply | NoReply, now_ms: int) -> Answer:
    """What a receiver's answer says. Its body is nobody's business."""
    if isinstance(reply, NoReply):
        return Answer(0, reply.reason)
    reason = "" if 200 <= reply.status < 300 else f"http_{reply.status}"
    return Answer(reply.status, reason, retry_after_ms(reply.headers.get("retry-after"), now_ms) or 0)
