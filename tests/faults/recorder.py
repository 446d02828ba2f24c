"""Writes the history down while it happens. Called by the devices; the only place that stamps observations with the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from warbler.frames import CommandFrame

from tests.faults.history import Acked, Command, DeviceName, History, Refused, Sight
from tests.faults.items import digest_of_command

JOURNAL_LINES_LIMIT = 50_000


def journal() -> deque[tuple[float, str, str]]:
    return deque(maxlen=JOURNAL_LINES_LIMIT)


@dataclass(slots=True)
class Recorder:
    """`homes`: device -> number of the edge it is connected to now, 0 for none. `journal`: (time, who, what), for a person to read."""

    clock_s: Callable[[], float]
    history: History = field(default_factory=History)
    homes: dict[DeviceName, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    journal: deque[tuple[float, str, str]] = field(default_factory=journal)

    def note(self, who: object, what: str) -> None:
        self.journal.append((self.clock_s(), str(who), what))

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def invoked(self, device: DeviceName, conversation: str, frame: CommandFrame) -> Command:
        digest = digest_of_command(frame, conversation, device.user, device.device)
        kind = str(frame.__struct_config__.tag)
        command = Command(frame.id, kind, device.user, device.device, conversation, digest, self.clock_s())
        self.history.invoke(command)
        return command

    def acked(self, command_id: str, seq: int) -> None:
        self.history.answer(command_id, Acked(seq, self.clock_s()))

    def refused(self, command_id: str, code: str) -> None:
        self.count(f"refused {code}")
        self.history.answer(command_id, Refused(code, self.clock_s()))

    def saw(self, device: DeviceName, conversation: str, sight: Sight, seq: int, digest: int = 0) -> None:
        self.history.track(device, conversation).add(sight, seq, digest, self.clock_s())

    def delivered_seen(self, conversation: str, user: str, up_to_seq: int) -> None:
        key = (conversation, user)
        self.history.delivered_seen[key] = max(up_to_seq, self.history.delivered_seen.get(key, 0))

    def told(self, conversation: str, user: str, up_to_seq: int) -> None:
        key = (conversation, user)
        self.history.told[key] = max(up_to_seq, self.history.told.get(key, 0))
