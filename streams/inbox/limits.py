"""How long the inbox waits and how much it keeps. Pure."""

from dataclasses import dataclass, field

from streams.inbox.rings import RingLimits
from streams.inbox.schedule import Waits


@dataclass(frozen=True, slots=True)
class InboxLimits:
    """The worker's settings as the inbox uses them; see `streams.settings`."""

    settle_ms: int = 2_000
    waits: Waits = field(default_factory=lambda: Waits(timeout_ms=15_000, repeat_ms=3_600_000))
    keep_ms: int = 7 * 86_400_000
    conversations_limit: int = 1_000
    watermarks_limit: int = 100_000
    rings: RingLimits = field(default_factory=RingLimits)
