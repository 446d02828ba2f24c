"""What becomes of a push-request: sends to be tried again, results, and pushes from the server to an audience. Pure.

Topics `push-retry-*` and `push-results` (key user), `push-campaigns` (key campaign). Rule: no content of messages and no token is in them.
"""

from typing import Literal

from msgspec import Struct

from schemas.notices import PushPurpose, PushReason
from schemas.values import ConversationKind

# accepted: the vendor took it. rejected: given up. invalidated: the token is dead and removed. expired: its deadline passed.
# suppressed: not to be sent, `reason` says why. withdrawn: delivered before it was sent. retrying: in a retry topic. received: the device
# itself said so.
PushState = Literal["accepted", "rejected", "invalidated", "expired", "suppressed", "withdrawn", "retrying", "received"]
Audience = Literal["all", "tags", "alias", "users"]


class PushRetrying(Struct, frozen=True, kw_only=True, tag_field="kind", tag="push_retrying"):
    """One send, to be decided again at `not_before_ms`: the request's fields as in `PushRequested`, then those of the send.

    Delivery: at least once. `tries`: sends that a vendor saw so far. `why`: the reason of the result that stands before it.
    """

    push_id: str
    tenant: str
    user: str
    conversation_id: str
    conversation_kind: ConversationKind
    from_seq: int
    to_seq: int
    attempt: int
    reason: PushReason
    at_ms: int
    purpose: PushPurpose
    ref: str
    deadline_ms: int
    device: str
    channel: str
    token_id: str
    send_key: str
    tries: int
    not_before_ms: int
    why: str
    caller: str = ""
    video: bool = False
    missed: bool = False


class PushResult(Struct, frozen=True, kw_only=True, tag_field="kind", tag="push_result"):
    """What became of a request. `device` and `channel` empty: for the user as a whole, nothing was sent.

    `send_key`: of one send, the same in every try and replay (32 hex digits; "" without a send). `reason`: a word of
    `streams.push.reasons`. `vendor_code`: what the vendor calls it, at most 64 characters. `latency_ms`: of the vendor's answer.
    """

    push_id: str
    tenant: str
    user: str
    conversation_id: str
    from_seq: int
    to_seq: int
    purpose: PushPurpose
    ref: str
    device: str
    channel: str
    token_id: str
    send_key: str
    state: PushState
    reason: str
    vendor_status: int
    vendor_code: str
    tries: int
    latency_ms: int
    at_ms: int


class CampaignEventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every event of a campaign carries: a push from the server to an audience."""

    event_id: str
    campaign_id: str
    tenant: str
    at_ms: int


class CampaignScheduled(CampaignEventBase, frozen=True, kw_only=True, tag="campaign_scheduled"):
    """`audience_of`: the tags (any of them), the aliases or the users; empty for all. `data`: JSON for the app, at most 1 KiB.

    Sent from `send_at_ms` on, and not after `deadline_ms`.
    """

    audience: Audience
    audience_of: tuple[str, ...]
    title: str
    body: str
    data: str
    send_at_ms: int
    deadline_ms: int
    by: str


class CampaignCancelled(CampaignEventBase, frozen=True, kw_only=True, tag="campaign_cancelled"):
    """What was not sent yet is not sent."""

    by: str


class CampaignStarted(CampaignEventBase, frozen=True, kw_only=True, tag="campaign_started"):
    """Its requests are being written."""


class CampaignFinished(CampaignEventBase, frozen=True, kw_only=True, tag="campaign_finished"):
    """All its requests are written: for `users` users."""

    users: int


CampaignEvent = CampaignScheduled | CampaignCancelled | CampaignStarted | CampaignFinished
PushRecord = PushRetrying | PushResult | CampaignEvent
