"""The limits of calls, from CALLS_* variables. Pure; read once by the process that owns them."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.variables import between, check_between, values_of

SECOND_MS = 1_000
RING_MS_LEAST, RING_MS_MOST = 30 * SECOND_MS, 120 * SECOND_MS


@dataclass(frozen=True, slots=True)
class Rules:
    """What a call may ask for, and how long it waits for what."""

    participants_limit: int = between(100, 2, 1_000)
    # Who was ever in the call or rung: its record names them all, and has to fit in one batch with what time does to everybody at once.
    parties_limit: int = between(1_000, 2, 1_500)
    invites_per_command_limit: int = between(50, 1, 1_000)
    # Of one user, over all its conversations, within the window: nobody rings a whole company by script.
    invites_per_user_limit: int = between(100, 1, 10_000)
    invites_window_ms: int = between(60_000, 1_000, 600_000)  # at most MEMORY_MS
    lease_ms: int = between(90_000, 10_000, 600_000)  # of a participant and of an engine; renewed at half
    connect_ms: int = between(30_000, 1_000, 300_000)  # from the answer to the first media
    reconnect_ms: int = between(30_000, 1_000, 300_000)  # a network change with a new PeerConnection takes seconds
    grace_ms: int = between(30_000, 0, 600_000)  # how long an empty group call waits
    call_ms_limit: int = between(24 * 3_600_000, 60_000, 7 * 24 * 3_600_000)
    request_horizon_ms: int = between(120_000, 1_000, 300_000)  # an older request must not ring any more; below MEMORY_MS
    clock_ahead_ms: int = between(60_000, 0, 3_600_000)
    # How much later than due the owner lets time act: as far as its clock and the broker's, which stamps commands, may be apart.
    timer_slack_ms: int = between(500, 0, 10_000)

    def __post_init__(self) -> None:
        check_between(self, "CALLS_")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Rules":
        """The rules of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, "CALLS_", env))
