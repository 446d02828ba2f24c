"""Whether and after how long a send is tried again. Pure; chance is an argument.

Called by the outbox with every refusal and everything that is held. Rule 1: exponential with full jitter, so that what failed together
does not come back together. Rule 2: a vendor's Retry-After is never undercut. Rule 3: what comes too late for its deadline is not tried.
"""

from dataclasses import dataclass
from typing import assert_never

from streams.push.channels.port import Refused, Verdict


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """`base_ms`: the longest wait after the first try; it doubles up to `most_ms`. `held_ms`: between looks at a push channel that is off.

    `least_ms`: no wait is shorter. `retry_after_ms`: the longest Retry-After that is believed; beyond it the vendor's clock is.
    """

    tries: int = 12
    least_ms: int = 500
    base_ms: int = 5_000
    most_ms: int = 1_800_000
    held_ms: int = 60_000
    retry_after_ms: int = 24 * 3_600_000

    def __post_init__(self) -> None:
        if not (0 < self.least_ms <= self.base_ms <= self.most_ms and self.tries > 0 and self.held_ms > 0 and self.retry_after_ms > 0):
            raise ValueError(f"{self}: waits must be positive and ascend from least_ms over base_ms to most_ms")


def retries(verdict: Verdict) -> bool:
    """Whether the same send may work later. Misconfigured: once an operator mended the settings."""
    match verdict:
        case "retry" | "misconfigured":
            return True
        case "remove_token" | "give_up":
            return False
        case _:
            assert_never(verdict)


def spared(refused: Refused, registered_at_ms: int) -> bool:
    """Whether the vendor speaks of what the token was before it was registered anew: then it is kept, and tried once more."""
    return refused.verdict == "remove_token" and refused.dead_since_ms is not None and registered_at_ms > refused.dead_since_ms


def delay_ms(refused: Refused, tries: int, chance: float, limits: RetryLimits) -> int | None:
    """After how long to try again; None: never. `tries`: how often a vendor saw it, this time included; `chance` in 0..1."""
    if refused.verdict == "misconfigured":
        return held_ms(chance, limits)
    if tries >= limits.tries or not (retries(refused.verdict) or refused.dead_since_ms is not None):
        return None
    jitter_ms = max(limits.least_ms, int(chance * ceiling_ms(tries, limits)))
    if refused.retry_after_ms is None:
        return jitter_ms
    # On top of it: at the moment that the vendor names, everybody would come.
    return min(max(0, refused.retry_after_ms), limits.retry_after_ms) + min(jitter_ms, limits.base_ms)


def ceiling_ms(tries: int, limits: RetryLimits) -> int:
    """The longest wait after this many tries (from 1)."""
    return int(min(limits.most_ms, limits.base_ms << min(max(0, tries - 1), 40)))


def held_ms(chance: float, limits: RetryLimits, opens_in_ms: int = 0) -> int:
    """When to look again at a send that waits for its push channel. `opens_in_ms`: until a breaker lets one through; 0: it is off.

    Not a try. Spread over half of the time, so that what waited does not fall on the channel in one moment.
    """
    spread_ms = limits.held_ms / 2
    return max(limits.least_ms, int((opens_in_ms if opens_in_ms > 0 else spread_ms) + spread_ms * chance))


def in_time(now_ms: int, wait_ms: int, deadline_ms: int) -> bool:
    """Whether a try after this wait still is before the deadline; what is not, has expired."""
    return now_ms + wait_ms < deadline_ms
