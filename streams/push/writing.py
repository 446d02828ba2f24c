"""Puts down what requests came to, many at a time: rows, dead tokens, retry records, results. Shared by the lanes of a worker.

Called by `streams.push.handling`, whose call returns when everything of its request stands. Cassandra and Kafka away are waited for.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import structlog

from log.errors import LogUnavailable
from log.port import Entry, Log
from schemas import codec
from schemas.accounts import PushTokenChanged
from schemas.partition import partition_of
from store.errors import StoreUnavailable
from store.pushing import AlertRow
from streams.push.follow import Dead, Outputs
from streams.push.stats import OutboxStats

RESULTS_TOPIC = "push-results"
ACCOUNT_TOPIC = "account-events"
BY = "push"
RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0

logger = structlog.get_logger("streams.push")
T = TypeVar("T")


async def patiently(call: Callable[[], Awaitable[T]], what: str) -> T:
    """What the call answers, however long Cassandra or Kafka is away; says so."""
    retry_s = RETRY_S_MIN
    while True:
        try:
            return await call()
        except (StoreUnavailable, LogUnavailable) as exc:
            logger.warning("waiting", what=what, error=str(exc)[:300], retry_s=retry_s)
        await asyncio.sleep(retry_s)
        retry_s = min(RETRY_S_MAX, retry_s * 2)


class Alerts(Protocol):
    """`store.push_alerts.AlertTables`."""

    async def put(self, rows: Sequence[AlertRow]) -> None: ...


class Tokens(Protocol):
    """`store.push_tables.PushTables`."""

    async def remove(self, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None: ...


class Writing:
    def __init__(self, log: Log, alerts: Alerts, tokens: Tokens, stats: OutboxStats) -> None:
        self._log = log
        self._alerts = alerts
        self._tokens = tokens
        self._stats = stats
        self._waiting: list[tuple[Outputs, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def write(self, outputs: Outputs) -> None:
        """Returns when all of it stands. Delivery: at least once; records of one user keep the order of the calls."""
        if not outputs:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((outputs, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Until cancelled. Raises: whatever is a bug; then everybody who waits hears of it too."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            try:
                await self._flush([outputs for outputs, _ in batch])
            except BaseException as exc:
                for _, done in batch:
                    done.cancel() if isinstance(exc, asyncio.CancelledError) else _fail(done, exc)
                raise
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    async def _flush(self, batch: Sequence[Outputs]) -> None:
        rows = [row for outputs in batch for row in outputs.rows]
        dead = [one for outputs in batch for one in outputs.dead]
        if rows:
            await patiently(lambda: self._alerts.put(rows), "push_alerts")
        if dead:
            await self._bury_tokens(dead)
        retries: dict[str, list[Entry]] = defaultdict(list)
        for topic, retry in (each for outputs in batch for each in outputs.retries):
            retries[topic].append(Entry(retry.user.encode(), codec.encode(topic, retry), retry.not_before_ms))
        await asyncio.gather(*(self._publish_keyed(topic, entries) for topic, entries in retries.items()))
        results = [result for outputs in batch for result in outputs.results]
        for result in results:
            self._stats.said(result)
        entries = [Entry(result.user.encode(), codec.encode(RESULTS_TOPIC, result), result.at_ms) for result in results]
        await self._publish_keyed(RESULTS_TOPIC, entries)

    async def _bury_tokens(self, dead: Sequence[Dead]) -> None:
        """The event first: whoever reads account-events takes the rows away as well, so a crash between heals."""
        await self._publish_keyed(ACCOUNT_TOPIC, [Entry(one.token.user.encode(), codec.encode(ACCOUNT_TOPIC, _event(one))) for one in dead])

        async def remove(one: Dead) -> None:
            token = one.token
            where = (token.user, token.device, token.channel, token.token_id, token.registered_at_ms)
            await patiently(lambda: self._tokens.remove(*where), "dead token")

        await asyncio.gather(*(remove(one) for one in dead))

    async def _publish_keyed(self, topic: str, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        count = await patiently(lambda: self._log.partitions_count(topic), topic)
        by_partition: dict[int, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_partition[partition_of(entry.key or b"", count)].append(entry)
        await asyncio.gather(*(self.publish(topic, partition, some) for partition, some in by_partition.items()))

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> None:
        """Delivery: at least once."""
        await patiently(lambda: self._log.publish(topic, partition, entries), topic)


def _event(one: Dead) -> PushTokenChanged:
    token = one.token
    return PushTokenChanged(
        event_id=str(uuid.uuid4()),
        tenant=one.tenant,
        user=token.user,
        at_ms=one.asked_ms,
        device=token.device,
        channel=token.channel,
        token_id=token.token_id,
        state="invalidated",
        reason=one.reason,
        by=BY,
        sign_in=token.sign_in,
    )


def _fail(done: "asyncio.Future[None]", error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
