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
    "sealing, read from Kafka: events a second of one core's time": Target(50_000, at_least=True),
    "roster of 10000: entries": Target(10_000, at_least=True),
    "roster of 10000: full sync, slowest": Target(1000, 300),
    "roster: a note to the other device, p99": Target(20, 10),
    "roster: a block to the other device, p99": Target(20, 12),
    "kill path: call to closed socket, p99": Target(1000, 200),
    "kill path: closed without the reason": Target(0),
    "500 in flight: requests a second of CPU": Target(2000, 8000, at_least=True),
    "push: not accepted": Target(0),
    "replay by time: rate": Target(30_000, at_least=True),
    "replay: read but not written": Target(0),
    "calls: rate": Target(200, at_least=True),
    "calls: refused": Target(0),
    "calls: lost": Target(0),
    "call set-up: request to ring p50": Target(150),
    "call set-up: accept to first frame, p2p p50": Target(800),
    "call set-up: accept to first frame, embedded p50": Target(800),
    "lag: p99": Target(1000, 300),
    "rebuild: rate": Target(10_000, at_least=True),
    "rebuild: rows that differ from the log": Target(0),
    "embedded, 1 x 40: delay p50": Target(10),
    "embedded, 1 x 40: cores": Target(0.178, 0.132),  # what a probe needed: Janus, and a forwarder on aiortc
    **{f"kill {part}: acked lost": Target(0) for part in ("edge", "owner", "projector", "kafka", "cassandra")},
    **{f"kill {part}: stored twice": Target(0) for part in ("edge", "owner", "projector", "kafka", "cassandra")},
}
