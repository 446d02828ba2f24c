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
        )
