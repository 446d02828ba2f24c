"""The shapes of ended calls in the REST face."""

from pydantic import BaseModel

from schemas.call_values import CallKind, CallMedia, CallOutcome, EndReason, LegState


class CallQuality(BaseModel):
    """What this user had of the call. Shape: `loss_ratio` in 0..1."""

    loss_ratio: float
    rtt_ms: int
    jitter_ms: int
    bitrate_kbps: int


class CallParty(BaseModel):
    """One user's part. `answered_at_ms` 0: it did not; `in_call_ms`: over all of its stays."""

    user: str
    state: LegState
    answered_at_ms: int
    in_call_ms: int


class CallItem(BaseModel):
    """An ended call; a time is 0 where the thing did not happen.

    `ring_ms`: from the request to the first answer or the end; `talk_ms`: from the first media after an answer to the end.
    `parties`: all or, in a user's own list, some of the `parties_count`. `quality`: of who asks, where its device reported any.
    """

    call: str
    conversation: str
    call_kind: CallKind
    media: CallMedia
    caller: str
    outcome: CallOutcome
    reason: EndReason
    requested_at_ms: int
    answered_at_ms: int
    connected_at_ms: int
    ended_at_ms: int
    ring_ms: int
    talk_ms: int
    parties: list[CallParty]
    parties_count: int
    quality: CallQuality | None = None


class Calls(BaseModel):
    """Newest first. `next`: ask with `after` for older ones; null: there are none."""

    calls: list[CallItem]
    next: str | None = None
