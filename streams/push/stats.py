"""What the outbox counts, for GET /live and Prometheus. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from schemas.pushes import PushResult

CODES_LIMIT = 100
OTHER = "other"
LATENCY_MS_BOUNDS = (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)


@dataclass(slots=True)
class ChannelStats:
    """Of one push channel's app. `latencies`: answers within each of LATENCY_MS_BOUNDS, and beyond the last."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    queued_since_ms: dict[str, int] = field(default_factory=dict)  # send key -> when the send began to wait for its turn
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_MS_BOUNDS) + 1))
    latency_ms_sum: int = 0

    def refuse(self, code: str) -> None:
        """Vendors' words are not ours: what would be one too many is counted as OTHER."""
        self.refused[code if code in self.refused or len(self.refused) < CODES_LIMIT else OTHER] += 1

    def answered(self, latency_ms: int) -> None:
        at = next((index for index, bound in enumerate(LATENCY_MS_BOUNDS) if latency_ms <= bound), len(LATENCY_MS_BOUNDS))
        self.latencies[at] += 1
        self.latency_ms_sum += latency_ms

    def queue_age_ms(self, now_ms: int) -> int:
        """How long the send that waits longest for its turn has waited."""
        first_ms = next(iter(self.queued_since_ms.values()), now_ms)
        return max(0, now_ms - first_ms)


@dataclass(slots=True)
class OutboxStats:
    """`results` by state, `suppressed` by reason."""

    records: int = 0
    dead_letters: int = 0
    dead_letters_in_a_row: int = 0
    acked_chunks: int = 0
    results: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)

    def said(self, result: PushResult) -> None:
        self.results[result.state] += 1
        if result.state in ("suppressed", "withdrawn", "expired"):
            self.suppressed[result.reason] += 1
