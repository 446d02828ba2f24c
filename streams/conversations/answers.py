"""What a decision comes to: the closed union that `decide` returns and the shell performs. Pure."""

from dataclasses import dataclass

from schemas.events import Event
from schemas.records import RefusalCode
from store.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Accepted:
    """Facts to be appended. Shape: at least one; seqs follow the head densely; all carry the command's id."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not possible, and why; deciding the same command again later may come out otherwise. `retry_after_ms` 0: not by waiting alone."""

    code: RefusalCode
    detail: str
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Repeated:
    """Accepted before: where its first event stands."""

    seq: int
    ordinal: int
    accepted_at_ms: int


@dataclass(frozen=True, slots=True)
class Noted:
    """A read mark that is no event: it goes to `receipts`. `raised` False: the member's mark is there already, nothing is written."""

    up_to_seq: int
    up_to_ordinal: int
    raised: bool


def refusal(verdict: Verdict, at_ms: int) -> Refused:
    """What becomes of a command whose action is not allowed."""
    assert verdict.code is not None
    return Refused(verdict.code, verdict.detail, max(0, verdict.until_ms - at_ms))


Decision = Accepted | Refused | Repeated | Noted
