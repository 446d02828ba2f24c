"""What `python -m bench` was asked for."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LADDER = (100, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000)


@dataclass(frozen=True, slots=True)
class Options:
    """The defaults are the workloads of docs/performance.md. Everything is bounded in count and time."""

    workloads: tuple[str, ...] = ()
    repeats: int = 3
    warm_s: float = 120.0
    codec: Literal["json", "msgpack"] = "json"
    json_path: Path | None = None
    data: Path | None = None
    edges: int = 1
    workers: int = 1
    text_bytes: int = 200
    pairs: int = 100
    rungs: tuple[int, ...] = LADDER
    rung_s: float = 15.0
    closed_s: float = 15.0
    group_members: int = 500
    group_rate_per_s: int = 20
    group_s: float = 20.0
    idle_sessions: int = 5_000
    missed_messages: int = 1_000
    missed_tries: int = 20
    directory_conversations: int = 10_000
    directory_tries: int = 10
    lag_s: float = 20.0
    lag_rate_per_s: int = 1_000
    kill_rate_per_s: int = 500
    kill_s: float = 20.0
    edge_counts: tuple[int, ...] = (1, 2, 4)
    edges_rate_per_s: int = 500
    edges_s: float = 15.0
    presence_sessions: int = 5_000
    presence_watched: int = 500
    presence_lease_ms: int = 15_000  # of the edge that is killed, so that a run need not wait for the default of 90 s
    receipts_members: int = 10_000
    receipts_online: int = 1_000
    receipts_messages: int = 5
    kill_sessions: int = 200
    export_messages: int = 196_000
    export_conversations: int = 28
    roster_friends: int = 10_000
    roster_tries: int = 10
    roster_changes: int = 200
    large_members: int = 100_000
    large_joins: int = 300
    large_rate_per_s: int = 200
    large_s: float = 20.0
    rolling_devices: int = 2_000
    rolling_rate_per_s: int = 200
    rolling_pause_s: float = 5.0
    calls_pairs: int = 600  # each calls every 3 s or so; one user may ring 100 times a minute
    calls_rate_per_s: int = 205  # a little above the target, so that reaching it is no matter of rounding
    calls_s: float = 30.0
    call_tries: int = 100
    media_tries: int = 40
    rebuild_events: int = 200_000

    def quick(self) -> "Options":
        """The same workloads, short and small: shows that they run, measures nothing worth quoting."""
        return dataclasses.replace(
            self,
            repeats=1,
            warm_s=min(self.warm_s, 10.0),
            rungs=tuple(rate for rate in self.rungs if rate <= 1000),
            rung_s=5.0,
            closed_s=5.0,
            group_members=100,
            group_s=5.0,
            idle_sessions=500,
            missed_tries=5,
            directory_conversations=1_000,
            directory_tries=3,
            lag_s=5.0,
            kill_s=12.0,
            edge_counts=(1, 2),
            edges_s=5.0,
            presence_sessions=300,
            presence_watched=100,
            presence_lease_ms=6_000,
            receipts_members=600,
            receipts_online=60,
            receipts_messages=2,
            kill_sessions=40,
            export_messages=4_000,
            export_conversations=4,
            roster_friends=1_500,
            roster_tries=3,
            roster_changes=20,
            large_members=5_000,
            large_joins=40,
            large_rate_per_s=50,
            large_s=5.0,
            rolling_devices=60,
            rolling_rate_per_s=50,
            rolling_pause_s=2.0,
            calls_s=6.0,
            call_tries=15,
            media_tries=5,
            rebuild_events=20_000,
        )
