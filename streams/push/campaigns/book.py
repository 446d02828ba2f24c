"""Which campaigns are open, when each is due, and the requests of a page of its audience. Pure.

Rule: the same campaign and user always give the same request, so a page that is written again after a crash alerts nobody twice.
"""

from collections.abc import Iterable

from schemas.notices import PushRequested
from schemas.pushes import CampaignEvent
from store.campaigns import Campaign, evolve


class Book:
    """The campaigns of some partitions of push-campaigns, folded from their beginning. Of those that are over only the id is kept."""

    def __init__(self) -> None:
        self._open: dict[str, Campaign] = {}
        self._over: set[str] = set()

    def on_event(self, event: CampaignEvent) -> None:
        if event.campaign_id in self._over:
            return
        campaign = evolve(self._open.get(event.campaign_id), event)
        if campaign is None:
            return
        if campaign.cancelled or campaign.finished_at_ms:
            self._open.pop(event.campaign_id, None)
            self._over.add(event.campaign_id)
        else:
            self._open[event.campaign_id] = campaign

    def get(self, campaign: str) -> Campaign | None:
        """The campaign, while it is open."""
        return self._open.get(campaign)

    def due(self, now_ms: int) -> list[Campaign]:
        """Those whose time has come, the earliest first; what is past its deadline is over, whether it began or not."""
        for campaign in [each for each in self._open.values() if now_ms >= each.deadline_ms and not each.started_at_ms]:
            del self._open[campaign.campaign_id]
            self._over.add(campaign.campaign_id)
        due = [each for each in self._open.values() if each.send_at_ms <= now_ms]
        return sorted(due, key=lambda each: (each.send_at_ms, each.campaign_id))

    @property
    def next_ms(self) -> int | None:
        """When something is due next; None: nothing is scheduled."""
        return min((each.send_at_ms for each in self._open.values()), default=None)

    def __len__(self) -> int:
        return len(self._open)


def requests_of(campaign: Campaign, users: Iterable[str]) -> list[PushRequested]:
    return [
        PushRequested(
            push_id=f"{user}:{campaign.campaign_id}:0:1",
            tenant=campaign.tenant,
            user=user,
            conversation_id="",
            conversation_kind="direct",
            from_seq=0,
            to_seq=0,
            attempt=1,
            reason="absent",
            at_ms=campaign.send_at_ms,
            purpose="campaign",
            ref=campaign.campaign_id,
            deadline_ms=campaign.deadline_ms,
        )
        for user in users
    ]
