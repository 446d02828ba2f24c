"""How the outbox sends, waits and gives up, from STREAMS_PUSH_* variables. Pure; read once by the worker."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.variables import between, check_between, values_of
from streams.push.retrying import RetryLimits

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PREFIX = "STREAMS_PUSH_"


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """`config`: the file of push channels; empty: `push.yaml` in WARBLER_DATA. Limits are a process's, waiting ones of each class."""

    config: str = ""
    ttl_ms: int = between(DAY_MS, 1_000, 7 * DAY_MS)  # push-requests are kept for 7 days
    ring_ms: int = between(60_000, 1_000, HOUR_MS)
    withdraw_ms: int = between(DAY_MS, 1_000, 7 * DAY_MS)
    projection_look_ms: int = between(250, 10, 60_000)
    projection_wait_ms: int = between(5_000, 0, HOUR_MS)
    jobs_limit: int = between(400, 1, 100_000)  # requests in work at once
    pending_limit: int = between(5_000, 1, 1_000_000)  # requests taken and not in work; above it no more are fetched
    waiting_limit: int = between(100_000, 1, 10_000_000)  # some 1 KB each
    retry_short_ms: int = between(10_000, 10, HOUR_MS)
    retry_middle_ms: int = between(60_000, 10, DAY_MS)
    retry_long_ms: int = between(600_000, 10, DAY_MS)
    tries_limit: int = between(12, 1, 1_000)
    channel_check_ms: int = between(60_000, 100, DAY_MS)  # how often a push channel that is off is tried anew
    names_limit: int = between(20_000, 0, 1_000_000)
    names_ms: int = between(300_000, 0, DAY_MS)
    badges_limit: int = between(2_000, 0, 1_000_000)
    badges_ms: int = between(60_000, 0, DAY_MS)

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        if not self.retry_short_ms <= self.retry_middle_ms <= self.retry_long_ms:
            raise ValueError(f"{PREFIX}RETRY_SHORT_MS, _MIDDLE_MS and _LONG_MS must ascend")

    @property
    def retry_limits(self) -> RetryLimits:
        """The first wait is at most half the short class; a push channel that is off is looked at in the long one."""
        least_ms = min(500, self.retry_short_ms)
        base_ms = max(least_ms, self.retry_short_ms // 2)
        most_ms = max(base_ms, 3 * self.retry_long_ms)
        return RetryLimits(self.tries_limit, least_ms, base_ms, most_ms, held_ms=self.retry_long_ms)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "OutboxSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))
