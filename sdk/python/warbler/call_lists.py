"""Ended calls over REST, in pages, newest first. A shell. The calls that go on are a session's: `Client.calls`."""

from typing import Literal

from msgspec import Struct

from warbler.frames import CallOutcome
from warbler.http import Http, path_of


class CallQuality(Struct, frozen=True):
    """What this user had of the call. Shape: `loss_ratio` in 0..1."""

    loss_ratio: float
    rtt_ms: int
    jitter_ms: int
    bitrate_kbps: int


class CallParty(Struct, frozen=True):
    """`state`: as it was at the end: joined, left, rejected, timed_out, … `answered_at_ms` 0: it did not answer."""

    user: str
    state: str
    answered_at_ms: int
    in_call_ms: int


class EndedCall(Struct, frozen=True, kw_only=True):
    """A time is 0 where the thing did not happen. `parties`: all or some of the `parties_count`."""

    call: str
    conversation: str
    call_kind: Literal["one_to_one", "group"]
    media: Literal["audio", "video"]
    caller: str
    outcome: CallOutcome
    reason: str
    requested_at_ms: int
    answered_at_ms: int
    connected_at_ms: int
    ended_at_ms: int
    ring_ms: int
    talk_ms: int
    parties: tuple[CallParty, ...]
    parties_count: int
    quality: CallQuality | None = None


class CallPage(Struct, frozen=True):
    """`next`: ask with `after` for older ones."""

    calls: tuple[EndedCall, ...]
    next: str | None = None


class CallLists:
    """Raises, from every call, as `Http`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def own(self, after: str | None = None, limit: int = 50) -> CallPage:
        """In which this user was, or for which it was rung."""
        return await self._http.call("GET", "/v1/calls", CallPage, params=_params(after, limit))

    async def of_conversation(self, conversation: str, after: str | None = None, limit: int = 50) -> CallPage:
        return await self._http.call("GET", path_of("conversations", conversation, "calls"), CallPage, params=_params(after, limit))


def _params(after: str | None, limit: int) -> dict[str, str | int]:
    return {"limit": limit} if after is None else {"after": after, "limit": limit}
