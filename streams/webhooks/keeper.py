"""Which webhooks this worker delivers: those of its partitions of the topic `webhooks`, each by a pump of its own.

Called by the worker's role webhooks, which says what is assigned. Every change of a webhook ends its pump and begins another. Rule: a
webhook belongs to who has the partition of its key; who slept and still delivers only repeats what its successor delivers.
"""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog

from log.errors import LogUnavailable
from log.port import Record
from schemas.codec import decode_webhook_event
from schemas.errors import Undecodable
from store.errors import StoreUnavailable
from store.webhooks import WEBHOOKS_TOPIC, Webhook, WebhookBook
from streams.cancelling import raise_if_cancelled
from streams.webhooks.desk import Desk
from streams.webhooks.pump import Pump

RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0
READ_RECORDS = 1_000

logger = structlog.get_logger("streams.webhooks")


class Keeper:
    """Of one assignment: ends with `run`, and another one is made for the next."""

    def __init__(self, desk: Desk, partitions: Iterable[int]) -> None:
        self._desk = desk
        self._partitions = sorted(partitions)
        self._book = WebhookBook()
        self._pumps: dict[str, tuple[Webhook, Pump, asyncio.Task[None]]] = {}

    @property
    def pumps_count(self) -> int:
        return len(self._pumps)

    async def run(self) -> None:
        """Until it is cancelled. Raises: a bug of ours; a log or Cassandra that is away is waited for."""
        retry_s = RETRY_S_MIN
        while self._partitions:
            try:
                await self._serve()
            except* (LogUnavailable, StoreUnavailable) as excs:
                logger.warning("webhooks wait", reason=str(excs.exceptions[0])[:300], retry_s=retry_s)
            raise_if_cancelled()
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def _serve(self) -> None:
        self._book = WebhookBook()
        starts = {(WEBHOOKS_TOPIC, number): await self._fold(number) for number in self._partitions}
        try:
            async with asyncio.TaskGroup() as group:
                for name in sorted(self._book.webhooks):
                    await self._look(group, name)
                await self._follow(group, starts)
        finally:
            await self._stop_all()

    async def _fold(self, number: int) -> int:
        """Everything that is there now; the offset after it."""
        at, end = await self._desk.log.start_offset(WEBHOOKS_TOPIC, number), await self._desk.log.end_offset(WEBHOOKS_TOPIC, number)
        while at < end:
            records = await self._desk.log.read(WEBHOOKS_TOPIC, number, at, READ_RECORDS)
            if not records:
                break
            for record in records:
                self._apply(record)
            at = records[-1].offset + 1
        return max(at, end)

    async def _follow(self, group: asyncio.TaskGroup, starts: dict[tuple[str, int], int]) -> None:
        async with contextlib.aclosing(self._desk.log.tail(starts)) as tail:  # type: ignore[type-var]
            async for records in tail:
                for name in dict.fromkeys(self._apply(record) for record in records):
                    await self._look(group, name)

    def _apply(self, record: Record) -> str:
        """The webhook that it was about. What cannot be read changes nothing."""
        try:
            event = None if record.value is None else decode_webhook_event(record.value)
        except Undecodable as exc:
            logger.error("a webhook's record cannot be read", partition=record.partition, offset=record.offset, reason=exc.reason)
            return ""
        return self._book.apply(record.key or b"", event)

    async def _look(self, group: asyncio.TaskGroup, name: str) -> None:
        """Let the webhook's pump be as the webhook is now."""
        wanted = self._book.webhooks.get(name)
        held = self._pumps.get(name)
        if held is not None and wanted == held[0]:
            return
        if held is not None and wanted is not None and _same_but_redeliveries(held[0], wanted):
            self._pumps[name] = (wanted, *held[1:])
            held[1].hear(wanted)
            return
        if held is not None:
            await self._stop(name)
        if wanted is not None and wanted.live:
            pump = Pump(wanted, self._desk)
            self._pumps[name] = (wanted, pump, group.create_task(pump.run(), name=f"webhook {name}"))

    async def _stop(self, name: str) -> None:
        _, pump, task = self._pumps.pop(name)
        task.cancel()
        await asyncio.wait({task})
        await pump.close()

    async def _stop_all(self) -> None:
        for name in list(self._pumps):
            await self._stop(name)


def _same_but_redeliveries(before: Webhook, after: Webhook) -> bool:
    return (before.definition, before.disabled, before.rewound) == (after.definition, after.disabled, after.rewound)
