"""What the inbox has done so far, for /live and /metrics."""

from dataclasses import dataclass


@dataclass(slots=True)
class InboxStats:
    records: int = 0  # taken: sessions and notifications
    presence_changes: int = 0
    redeliveries: int = 0
    pushes: int = 0
    cancelled: int = 0
    saves: int = 0
    take_overs: int = 0
    dead_letters: int = 0
