"""The figures that must be reached, by the name under which a workload reports them. Data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    limit: float
    stretch: float | None = None
    at_least: bool = False  # else at most

    def reached(self, value: float, limit: float) -> bool:
        return value >= limit if self.at_least else value <= limit

    def verdict(self, value: float) -> str:
        if self.stretch is not None and self.reached(value, self.stretch):
            return "stretch"
        return "reached" if self.reached(value, self.limit) else "missed"


TARGETS: dict[str, Target] = {
    "ladder: held": Target(2500, 4000, at_least=True),
    "1000/s: e2e p50": Target(8, 4),
    "1000/s: e2e p99": Target(25, 12),
    "1000/s: cpu of all parts": Target(1200, 700),
    "2500/s: cpu of all parts": Target(700, 500),
    "closed loop: cpu of all parts": Target(450, 300),
    "closed loop: rate": Target(4300, 6000, at_least=True),
    "group: edge cpu a delivery": Target(20, 13),
    "group: e2e p99": Target(25, 15),
    "idle session: memory": Target(35, 20),
    "missed: held": Target(25, 10),
    "directory of 10000: welcome, slowest": Target(1000),
    "directory of 10000: size of the welcome": Target(256),
    "directory of 10000: conversations": Target(10_000, at_least=True),
    "directory of 10000: unread": Target(1_000_000, at_least=True),
    "large group: join p99": Target(50, 20),
    "roster of 10000: entries": Target(10_000, at_least=True),
    "roster of 10000: full sync, slowest": Target(1000, 300),
    "roster: a note to the other device, p99": Target(20, 10),
    "roster: a block to the other device, p99": Target(20, 12),
    "kill path: call to closed socket, p99": Target(1000, 200),
    "kill path: closed without the reason": Target(0),
    "500 in flight: requests a second of CPU": Target(2000, 8000, at_least=True),
    "push: not accepted": Target(0),
    "lag: p99": Target(1000, 300),
    **{f"kill {part}: acked lost": Target(0) for part in ("edge", "owner", "projector", "kafka", "cassandra")},
    **{f"kill {part}: stored twice": Target(0) for part in ("edge", "owner", "projector", "kafka", "cassandra")},
}
