"""Judges what devices saw: each event once, in order, without an unreported gap, and nothing of conversations they are not in. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.faults.history import DeviceName, History, LogEvent, Sight, Track
from tests.faults.violations import Kind, Violation

Log = dict[str, list[LogEvent]]


@dataclass(frozen=True, slots=True)
class Stay:
    """A user's time in a conversation: seqs `first`..`last`, both included; `asked_s`: when its joining was asked for."""

    first: int
    last: int | None
    asked_s: float

    def has(self, seq: int) -> bool:
        return self.first <= seq and (self.last is None or seq <= self.last)


def stays_of(events: list[LogEvent], history: History) -> dict[str, list[Stay]]:
    """user -> its stays, ascending."""
    stays: dict[str, list[Stay]] = {}
    for event in events:
        command = history.commands.get(event.command)
        for user in event.joined:
            mine = stays.setdefault(user, [])
            if not mine or mine[-1].last is not None:
                mine.append(Stay(event.seq, None, command.at_s if command else 0.0))
        for user in event.left:
            if (mine := stays.get(user, [])) and mine[-1].last is None:
                mine[-1] = Stay(mine[-1].first, event.seq, mine[-1].asked_s)
    return stays


def check_devices(history: History, log: Log) -> list[Violation]:
    stays = {conversation: stays_of(events, history) for conversation, events in log.items()}
    bad: list[Violation] = []
    for device, tracks in history.tracks.items():
        for conversation, track in tracks.items():
            mine = stays.get(conversation, {}).get(device.user, [])
            bad += Reading(device, conversation, log.get(conversation, []), mine).judge(track, device in history.present)
    for device in history.present:
        for conversation, users in stays.items():
            if _stays_on(users.get(device.user, [])) and conversation not in history.tracks.get(device, {}):
                bad.append(Violation(Kind.LOST, str(device), conversation, 0, "the device never heard of the conversation"))
    return bad


def lost_on_devices(history: History, log: Log) -> list[Violation]:
    """What devices that are there still lack: it may be on its way."""
    return [bad for bad in check_devices(history, log) if bad.kind == Kind.LOST]


def _stays_on(stays: list[Stay]) -> bool:
    return bool(stays) and stays[-1].last is None


@dataclass(slots=True)
class Reading:
    """One device's way through one conversation."""

    device: DeviceName
    conversation: str
    events: list[LogEvent]
    stays: list[Stay]
    next_seq: int | None = None  # None: anywhere a stay begins
    seen: set[int] = field(default_factory=set)
    told: set[int] = field(default_factory=set)
    bad: list[Violation] = field(default_factory=list)

    def judge(self, track: Track, present: bool) -> list[Violation]:
        for sight, seq, digest, at_s in track:
            if sight == Sight.EVENT:
                self._event(seq, digest, at_s)
            elif sight == Sight.MISSING:
                self.told.add(seq)
            elif sight == Sight.START:
                self._start(seq)
            else:
                self._say(Kind.DUPLICATED if sight == Sight.REPEATED else Kind.REORDERED, seq, "by the edge")
        if present and _stays_on(self.stays):
            self._end()
        return self.bad

    def _say(self, kind: Kind, seq: int, detail: str) -> None:
        self.bad.append(Violation(kind, str(self.device), self.conversation, seq, detail))

    def _start(self, seq: int) -> None:
        """A start ahead of what was seen is a gap that the device was told of; 0 is the end of its stay: the next one begins anew."""
        if seq == 0:
            self.next_seq = None
        elif self.next_seq is None or seq > self.next_seq:
            self.next_seq = seq

    def _event(self, seq: int, digest: int, at_s: float) -> None:
        self._compare(seq, digest)
        self._admitted(seq, at_s)
        if seq in self.seen:
            self._say(Kind.DUPLICATED, seq, "seen before")
            return
        if self.next_seq is None:
            if not any(stay.first == seq for stay in self.stays):
                self._say(Kind.UNREPORTED_GAP, seq, "the first event seen is not the one that let the user in")
        elif seq < self.next_seq:
            self._say(Kind.REORDERED, seq, f"came when {self.next_seq} was due")
        else:
            for lacking in range(self.next_seq, seq):
                if lacking not in self.told:
                    self._say(Kind.UNREPORTED_GAP, lacking, f"{seq} came instead")
        self.seen.add(seq)
        self.next_seq = max(self.next_seq or 0, seq + 1)

    def _compare(self, seq: int, digest: int) -> None:
        if not 1 <= seq <= len(self.events) or self.events[seq - 1].seq != seq:
            self._say(Kind.PHANTOM, seq, "not in the log")
        elif self.events[seq - 1].digest != digest:
            self._say(Kind.DIFFERENT, seq, "not what the log has")

    def _admitted(self, seq: int, at_s: float) -> None:
        """A member may read what was before; so an event outside every stay is fine once a later stay was asked for."""
        if any(stay.has(seq) for stay in self.stays):
            return
        if not any(stay.first > seq and stay.asked_s <= at_s for stay in self.stays):
            self._say(Kind.SEEN_BY_STRANGER, seq, "the user was no member")

    def _end(self) -> None:
        """A member that is there has everything up to the head; what it was told is missing must really be missing."""
        head = len(self.events)
        start = self.next_seq if self.next_seq is not None else self.stays[-1].first
        for seq in range(start, head + 1):
            self._say(Kind.LOST, seq, "acked and never shown")
        for seq in self.told - self.seen:
            if 1 <= seq <= head:
                self._say(Kind.LOST, seq, "the device was told it is missing, and the log has it")
