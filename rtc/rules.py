"""The limits of calls, from CALLS_* variables. Pure; read once by the process that owns them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

SECOND_MS = 1_000
RING_MS_LEAST, RING_MS_MOST = 30 * SECOND_MS, 120 * SECOND_MS


def _between(default: int, least: int, most: int) -> int:
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a call may ask for, and how long it waits for what."""

    participants_limit: int = _between(100, 2, 1_000)
    invites_per_command_limit: int = _between(50, 1, 1_000)
    # Of one user, over all its conversations, within the window: nobody rings a whole company by script.
    invites_per_user_limit: int = _between(100, 1, 10_000)
    invites_window_ms: int = _between(60_000, 1_000, 600_000)  # at most MEMORY_MS
    lease_ms: int = _between(90_000, 10_000, 600_000)  # of a participant and of an engine; renewed at half
    connect_ms: int = _between(30_000, 1_000, 300_000)  # from the answer to the first media
    reconnect_ms: int = _between(30_000, 1_000, 300_000)  # a network change with a new PeerConnection takes seconds
    grace_ms: int = _between(30_000, 0, 600_000)  # how long an empty group call waits
    call_ms_limit: int = _between(24 * 3_600_000, 60_000, 7 * 24 * 3_600_000)
    request_horizon_ms: int = _between(120_000, 1_000, 300_000)  # an older request must not ring any more; below MEMORY_MS
    clock_ahead_ms: int = _between(60_000, 0, 3_600_000)

    def __post_init__(self) -> None:
        for limit in dataclasses.fields(self):
            value, least, most = getattr(self, limit.name), limit.metadata["least"], limit.metadata["most"]
            if not least <= value <= most:
                raise ValueError(f"CALLS_{limit.name.upper()}={value}: {least} to {most}")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Rules":
        """The rules of this environment. Raises: ValueError that names the variable."""
        chosen: dict[str, int] = {}
        for limit in dataclasses.fields(cls):
            variable = f"CALLS_{limit.name.upper()}"
            if variable not in env:
                continue
            try:
                chosen[limit.name] = int(env[variable])
            except ValueError:
                raise ValueError(f"{variable}={env[variable]!r}: a whole number is needed") from None
        return cls(**chosen)
