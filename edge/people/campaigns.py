"""Pushes from the server to an audience, scheduled and cancelled by administrators: event first, then the row; the worker does the rest."""

import secrets
from collections.abc import Callable

from edge.clocks import clock_ms
from edge.people.admin_log import new_event_id
from edge.session import TENANT
from log.port import Entry, Log
from schemas.codec import encode
from schemas.errors import WarblerError
from schemas.ids import UUID7_RANDOM_BITS, uuid7
from schemas.pushes import Audience, CampaignCancelled, CampaignEvent, CampaignScheduled
from store.campaigns import Campaign, campaign_of
from store.push_campaigns import CampaignTables

CAMPAIGNS = "push-campaigns"


class OtherCampaign(WarblerError):
    """The id was used for something else."""


class CampaignOver(WarblerError):
    """Nothing can be stopped any more."""


def new_campaign_id(now_ms: int) -> str:
    return uuid7(now_ms, secrets.randbits(UUID7_RANDOM_BITS))


class CampaignDesk:
    """`partition(topic, key)`: where a key's records lie."""

    def __init__(self, log: Log, partition: Callable[[str, bytes], int], tables: CampaignTables) -> None:
        self._log, self._partition, self.tables = log, partition, tables

    async def schedule(
        self, campaign: str, audience: Audience, of: tuple[str, ...], text: tuple[str, str, str], send_at_ms: int, ttl_ms: int, by: str
    ) -> Campaign:
        """In the log when it returns; the same campaign once, however often it is asked for. `text`: title, body, data.

        Raises: OtherCampaign, LogUnavailable, StoreUnavailable.
        """
        now_ms = clock_ms()
        send_ms = max(send_at_ms, now_ms)
        title, body, data = text
        event = CampaignScheduled(
            event_id=new_event_id(now_ms),
            campaign_id=campaign,
            tenant=TENANT,
            at_ms=now_ms,
            audience=audience,
            audience_of=of,
            title=title,
            body=body,
            data=data,
            send_at_ms=send_ms,
            deadline_ms=send_ms + ttl_ms,
            by=by,
        )
        known = await self.tables.get(campaign)
        if known is not None:
            if (known.audience, known.audience_of, known.title, known.body, known.data) != (audience, of, title, body, data):
                raise OtherCampaign("there is a campaign of this id with another text or audience")
            return known
        await self._tell(event)
        return campaign_of(event)

    async def cancel(self, campaign: Campaign, by: str) -> None:
        """What is not sent a moment later is not sent. Raises: CampaignOver, LogUnavailable, StoreUnavailable."""
        now_ms = clock_ms()
        if campaign.cancelled:
            return
        if now_ms >= campaign.deadline_ms:
            raise CampaignOver("its deadline passed: nothing of it is sent any more")
        name = campaign.campaign_id
        await self._tell(CampaignCancelled(event_id=new_event_id(now_ms), campaign_id=name, tenant=campaign.tenant, at_ms=now_ms, by=by))

    async def _tell(self, event: CampaignEvent) -> None:
        key = event.campaign_id.encode()
        await self._log.publish(CAMPAIGNS, self._partition(CAMPAIGNS, key), [Entry(key, encode(CAMPAIGNS, event), event.at_ms)])
        await self.tables.apply(event)
