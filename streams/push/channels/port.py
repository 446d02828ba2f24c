"""What every channel is to the outbox: one send, one verdict. Implemented in this folder; `tests/push/channel_laws.py` holds them to it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from schemas.errors import WarblerError
from streams.push.alert import Alert

# What is to be done about an answer; the tables in `tables/*.yaml` map each vendor's to one of these.
# retry: it may work later. remove_token: it never will for this token. give_up: never for this push. misconfigured: never for anybody
# until an operator mends the settings: the channel is off.
Verdict = Literal["retry", "remove_token", "give_up", "misconfigured"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a channel can do. `payload_bytes_limit`: of the whole payload as the vendor counts it."""

    payload_bytes_limit: int
    rings: bool = False  # has a way of its own for calls (VoIP)
    withdraws: bool = False
    badges: bool = False
    in_flight_limit: int = 100
    per_second: float = 0.0  # the vendor's quota; 0: none known
    one_service: bool = True  # False: every token may have a server of its own, so one's faults say nothing of the others


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor took it. `vendor_id`: what it calls this push, "" where it says nothing."""

    status: int
    vendor_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """`status` 0: no answer came (time-out, connection). `code`: the vendor's word, at most 64 characters. `retry_after_ms` None: not said.

    `dead_since_ms`: since when the token is dead, where the vendor says so (APNs 410); a token registered after it is kept.
    """

    verdict: Verdict
    status: int
    code: str
    retry_after_ms: int | None = None
    dead_since_ms: int | None = None
    detail: str = ""


Outcome = Accepted | Refused


class PushChannel(Protocol):
    """One configured app at one vendor.

    `send` never raises but for being cancelled: time-outs, lost connections and answers that are no answers (HTML, nothing) are `Refused`.
    It takes at most the channel's time-out, however slowly the vendor answers, and reads a bounded number of bytes. It sends nothing when
    the alert's deadline is not after `now_ms` (verdict give_up, code "expired"). What is too long is shortened by
    `streams.push.shorten`, never in the middle of a character. It is safe to call many times at once.
    """

    name: str
    traits: Traits

    async def start(self) -> None:
        """Read and check the credentials. Raises: BadCredentials: the channel is off, and the worker goes on without it."""
        ...

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome: ...

    def check_token(self, token: str) -> str | None:
        """Why this cannot be a token of this channel; None: it may be one. No I/O."""
        ...

    async def close(self) -> None: ...


class BadCredentials(WarblerError):
    """Missing, unreadable or ended: the push channel is off until an operator mends them, and says so once."""
