"""Campaigns in rows: written by the edge after each event and by the worker that reads the topic, so that a crash between heals.

Called by the edge (administrators), by the worker's runner of campaigns, and by its outbox, which needs a campaign's text at each send.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import assert_never

import msgspec

from schemas.pushes import CampaignCancelled, CampaignEvent, CampaignFinished, CampaignScheduled, CampaignStarted
from store import cql_push_campaigns as cql
from store.campaigns import Campaign, campaign_of
from store.cassandra import Row, Store

FRESH_MS = 1_000  # so long after a cancellation a worker may still send
REMEMBERED_LIMIT = 1_000


class CampaignTables:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def apply(self, event: CampaignEvent) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat, in any order."""
        campaign, at_ms = event.campaign_id, event.at_ms
        match event:
            case CampaignScheduled():
                await self._store.execute(cql.PUT_CAMPAIGN, (campaign, msgspec.json.encode(event).decode(), -at_ms))
                await self._store.execute(cql.PUT_CAMPAIGN_ID, (event.tenant, campaign))
            case CampaignCancelled():
                await self._store.execute(cql.CANCEL_CAMPAIGN, (-at_ms, at_ms, event.by, campaign))
            case CampaignStarted():
                await self._store.execute(cql.START_CAMPAIGN, (-at_ms, at_ms, campaign))
            case CampaignFinished():
                await self._store.execute(cql.FINISH_CAMPAIGN, (-at_ms, at_ms, event.users, campaign))
            case _:
                assert_never(event)

    async def get(self, campaign: str) -> Campaign | None:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.CAMPAIGN, (campaign,))
        return _campaign(rows[0]) if rows else None

    async def page(self, tenant: str, after: str, limit: int) -> list[Campaign]:
        """Campaigns made before the one called `after` ("": all), the newest first. Raises: StoreUnavailable."""
        if after:
            ids = await self._store.execute(cql.CAMPAIGN_IDS_AFTER, (tenant, after, limit))
        else:
            ids = await self._store.execute(cql.CAMPAIGN_IDS, (tenant, limit))
        found = await self._store.execute_each(cql.CAMPAIGN, ids)
        return [campaign for rows in found if rows and (campaign := _campaign(rows[0])) is not None]

    async def place(self, campaign: str) -> str:
        """Up to where the audience was gone through; "" at the beginning. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.CAMPAIGN_PLACE, (campaign,))
        return (rows[0][0] or "") if rows else ""

    async def put_place(self, campaign: str, place: str) -> None:
        await self._store.execute(cql.PUT_CAMPAIGN_PLACE, (place, campaign))


def _campaign(row: Row) -> Campaign | None:
    """None where only a later event has been written yet."""
    definition, cancelled_at_ms, cancelled_by, started_at_ms, finished_at_ms, users = row
    if definition is None:
        return None
    return msgspec.structs.replace(
        campaign_of(msgspec.json.decode(definition, type=CampaignScheduled)),
        cancelled_at_ms=cancelled_at_ms or 0,
        cancelled_by=cancelled_by or "",
        started_at_ms=started_at_ms or 0,
        finished_at_ms=finished_at_ms or 0,
        users=users or 0,
    )


class Campaigns:
    """What the outbox asks at each send: remembered for FRESH_MS, and asked for once however many sends wait for it."""

    def __init__(self, tables: CampaignTables, mono_ms: Callable[[], int], limit: int = REMEMBERED_LIMIT) -> None:
        self._tables, self._mono_ms, self._limit = tables, mono_ms, limit
        self._known: OrderedDict[str, tuple[int, asyncio.Task[Campaign | None]]] = OrderedDict()

    async def get(self, campaign: str) -> Campaign | None:
        """As it was at most FRESH_MS ago; None: there is none. Raises: StoreUnavailable."""
        now_ms = self._mono_ms()
        known = self._known.get(campaign)
        if known is None or now_ms - known[0] >= FRESH_MS or _failed(known[1]):
            known = (now_ms, asyncio.get_running_loop().create_task(self._tables.get(campaign)))
            self._known[campaign] = known
            self._known.move_to_end(campaign)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        return await asyncio.shield(known[1])  # who waits may be cancelled, and others wait too


def _failed(task: "asyncio.Task[Campaign | None]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
