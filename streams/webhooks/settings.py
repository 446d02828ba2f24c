"""How webhooks are delivered, tried again and given up, from STREAMS_WEBHOOKS_* variables. Pure; read once by the worker."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.variables import between, check_between, values_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PREFIX = "STREAMS_WEBHOOKS_"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`schedule_s`: the waits after the first, second, … failure of an event, in seconds. Limits are one webhook's."""

    schedule_s: str = "5,300,1800,7200,18000,36000,50400,72000,86400"  # three days; Standard Webhooks, "Retry schedule"
    timeout_ms: int = between(15_000, 100, 10 * 60_000)
    in_flight_limit: int = between(8, 1, 1_000)  # conversations that are told at the same time
    window_events: int = between(1_000, 1, 100_000)  # read and not delivered
    lane_events: int = between(100, 1, 10_000)  # of one conversation kept in memory; what follows is read again
    lanes_limit: int = between(2_000, 1, 100_000)  # conversations of which something waits; above it no more is read
    commit_ms: int = between(500, 10, 60_000)
    probe_ms: int = between(300_000, 10, DAY_MS)  # how often a receiver that takes nothing is tried with another event
    disable_after_ms: int = between(5 * DAY_MS, 100, 365 * DAY_MS)
    retry_after_ms_limit: int = between(DAY_MS, 0, 7 * DAY_MS)

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        try:
            right = bool(self.schedule_ms) and all(0 < wait <= 30 * DAY_MS for wait in self.schedule_ms)
        except ValueError:
            right = False
        if not right:
            raise ValueError(f"{PREFIX}SCHEDULE_S={self.schedule_s}: waits in seconds, separated by commas")

    @property
    def schedule_ms(self) -> tuple[int, ...]:
        return tuple(round(float(wait) * 1_000) for wait in self.schedule_s.split(","))

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "WebhookSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))
