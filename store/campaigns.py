"""A campaign, that is a push from the server to an audience, as its events make it. Pure.

Called by the edge, by the stream worker, and by who reads its rows. Rows and fold agree whatever the order of the events: each event has
fields of its own.
"""

from typing import Literal, assert_never

import msgspec
from msgspec import Struct

from schemas.pushes import Audience, CampaignCancelled, CampaignEvent, CampaignFinished, CampaignScheduled, CampaignStarted

# scheduled: its time has not come. running: its requests are being written. finished: all are written. cancelled: what was not sent by
# then is not sent. expired: its deadline passed before it began.
CampaignState = Literal["scheduled", "running", "finished", "cancelled", "expired"]


class Campaign(Struct, frozen=True):
    """Times of what did not happen are 0. `users`: for how many requests were written."""

    campaign_id: str
    tenant: str
    audience: Audience
    audience_of: tuple[str, ...]
    title: str
    body: str
    data: str
    made_at_ms: int
    send_at_ms: int
    deadline_ms: int
    by: str
    cancelled_at_ms: int = 0
    cancelled_by: str = ""
    started_at_ms: int = 0
    finished_at_ms: int = 0
    users: int = 0

    @property
    def cancelled(self) -> bool:
        return self.cancelled_at_ms > 0

    def is_open(self, now_ms: int) -> bool:
        """Whether there may be something left to write."""
        return not self.cancelled and not self.finished_at_ms and now_ms < self.deadline_ms

    def state(self, now_ms: int) -> CampaignState:
        if self.cancelled:
            return "cancelled"
        if self.finished_at_ms:
            return "finished"
        if self.started_at_ms:
            return "running"
        return "scheduled" if now_ms < self.deadline_ms else "expired"


def campaign_of(event: CampaignScheduled) -> Campaign:
    return Campaign(
        campaign_id=event.campaign_id,
        tenant=event.tenant,
        audience=event.audience,
        audience_of=event.audience_of,
        title=event.title,
        body=event.body,
        data=event.data,
        made_at_ms=event.at_ms,
        send_at_ms=event.send_at_ms,
        deadline_ms=event.deadline_ms,
        by=event.by,
    )


def evolve(campaign: Campaign | None, event: CampaignEvent) -> Campaign | None:
    """The campaign after the event; None as long as nobody scheduled it. A repeat changes nothing: the first one of a kind counts."""
    match event:
        case CampaignScheduled():
            return campaign if campaign is not None else campaign_of(event)
        case _ if campaign is None:
            return None
        case CampaignCancelled():
            if campaign.cancelled:
                return campaign
            return msgspec.structs.replace(campaign, cancelled_at_ms=event.at_ms, cancelled_by=event.by)
        case CampaignStarted():
            return campaign if campaign.started_at_ms else msgspec.structs.replace(campaign, started_at_ms=event.at_ms)
        case CampaignFinished():
            if campaign.finished_at_ms:
                return campaign
            return msgspec.structs.replace(campaign, finished_at_ms=event.at_ms, users=event.users)
        case _:
            assert_never(event)
