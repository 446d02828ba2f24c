"""All that a decision about one request looks at, as values. Pure.

The outbox reads it anew from Cassandra for every request and every retry; `streams.push.decide` judges it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.accounts import PushMode, UserState
from schemas.notices import PushRequested
from schemas.pushes import PushRetrying
from store.pushing import CHANNELS, Alerted, PushSettings, PushToken
from store.views import MessageView
from streams.push.channels.port import Traits

# The newest messages of a request that are read. A mention that stands deeper than this in one burst is not seen.
PREVIEW_LIMIT = 50

# Tokens of these take nothing but calls: their systems punish an app that does not ring at once (Apple's PushKit).
RING_ONLY = frozenset({"apns_voip"})


NO_DEVICE = ""  # of a row that is about the subject and about no device


@dataclass(frozen=True, slots=True)
class Mode:
    """A row of `push_modes`. `until_ms` 0: for good."""

    mode: PushMode
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelNow:
    """A configured push channel as the worker has it at the moment. `on` False: its credentials do not work. `open`: its breaker is."""

    traits: Traits
    on: bool = True
    open: bool = False


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """`live`: it has a session. `online_ms`: when it was last seen to have one, 0: not known."""

    live: bool
    online_ms: int = 0


@dataclass(frozen=True, slots=True)
class CampaignText:
    """What a campaign says. `data`: JSON for the app. Without title and body it only wakes the app."""

    title: str
    body: str
    data: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class CallNow:
    """What is known of a call. `missed`: it has ended and the user did not answer; `ended`: it rings this user no more."""

    caller: str  # a user
    video: bool = False
    state: Literal["ringing", "missed", "ended"] = "ringing"


@dataclass(frozen=True, slots=True)
class Only:
    """The one send that a retry is about. `moved`: its token belongs to another user or device by now."""

    device: str
    channel: str
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """How long what is worth sending. `ttl_ms`: after the message; `ring_ms`: after a call began; `withdraw_ms`: after the cancellation."""

    ttl_ms: int = 24 * 3_600_000
    ring_ms: int = 60_000
    withdraw_ms: int = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a request is about, and how things stand for its user.

    `messages`: those of `from_seq`..`to_seq`, the newest `PREVIEW_LIMIT`, recalled ones as such; None: not projected in time.
    `delivered_seq`: up to where a device of the user has the conversation's messages, or the user read them: the largest of all marks.
    `mode` of the conversation, `mode_everywhere`: None where the user chose nothing. `alerted`: rows of this conversation, call or
    campaign. `unread`: for the badge, by `streams.push.badge`; None: not known. `names`: display names of the senders and the caller.
    `channels` by (push channel, app); what is not in it is not configured.
    """

    request: PushRequested
    tokens: tuple[PushToken, ...]
    channels: Mapping[tuple[str, str], ChannelNow]
    settings: PushSettings = field(default_factory=PushSettings)
    user_state: UserState = "active"
    member: bool = True
    messages: tuple[MessageView, ...] | None = None
    campaign: CampaignText | None = None
    call: CallNow | None = None
    delivered_seq: int = 0
    mode: Mode | None = None
    mode_everywhere: Mode | None = None
    alerted: tuple[Alerted, ...] = ()
    unread: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    devices: Mapping[str, DeviceNow] = field(default_factory=dict)
    only: Only | None = None
    times: Times = field(default_factory=Times)
    channel_order: tuple[str, ...] = CHANNELS


def request_of(retry: PushRetrying) -> PushRequested:
    """The request that a retry is about. Its deadline was settled by the first decision."""
    return PushRequested(
        push_id=retry.push_id,
        tenant=retry.tenant,
        user=retry.user,
        conversation_id=retry.conversation_id,
        conversation_kind=retry.conversation_kind,
        from_seq=retry.from_seq,
        to_seq=retry.to_seq,
        attempt=retry.attempt,
        reason=retry.reason,
        at_ms=retry.at_ms,
        purpose=retry.purpose,
        ref=retry.ref,
        deadline_ms=retry.deadline_ms,
        caller=retry.caller,
        video=retry.video,
        missed=retry.missed,
    )


def call_of(request: PushRequested, alerted: Iterable[Alerted]) -> CallNow | None:
    """The call as it stands for this request: over, if a mark says so that was put down when its ring stopped."""
    if request.purpose != "call":
        return None
    if request.missed:
        return CallNow(request.caller, request.video, "missed")
    over = any(row.device == NO_DEVICE and row.attempt >= request.attempt for row in alerted)
    return CallNow(request.caller, request.video, "ended" if over else "ringing")


def over_mark(attempt: int, at_ms: int) -> Alerted:
    """The row that says of a call: what was asked up to this attempt is needless. It outlives the worker, as retries do."""
    return Alerted(NO_DEVICE, "", 0, attempt, False, at_ms)


def subject_of(request: PushRequested) -> str:
    """What alerts of one kind replace each other about: the conversation, or the call or campaign."""
    return request.conversation_id if request.purpose == "message" else request.ref
