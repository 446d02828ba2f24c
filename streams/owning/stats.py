"""What the owner has done so far, for /live and /metrics."""

from dataclasses import dataclass


@dataclass(slots=True)
class OwnerStats:
    commands: int = 0  # settled: everything they caused is in the log
    accepted: int = 0
    refused: int = 0
    repeated: int = 0
    timers: int = 0  # conversations to which time did something
    dead_letters: int = 0
    snapshots: int = 0
    take_overs: int = 0
