"""Events of each conversation once, in order and without a gap, out of live events, pages and own acks. Pure.

Rule 1: only the event `next_seq` is handed on; older ones are repeats, newer ones wait in `ahead`.
Rule 2: while something is missing, exactly one `sync` from `next_seq` is under way (`asked`); one that is not answered is asked again, also
when nothing more arrives: a position in `hello` is not answered where the user was no member at that moment, and may be one a moment later.
Rule 3: when the application has no room, nothing is handed on and nothing is kept: `behind` is asked for again later.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from warbler.frames import DirectoryEntry, EventItem, Page

AHEAD_LIMIT = 2_000  # more than this are dropped and asked for again
RETRY_FIRST_MS = 100
RETRY_LIMIT_MS = 5_000
ANSWER_WITHIN_MS = 10_000  # a sync that is not answered by then is asked again


@dataclass(slots=True)
class Track:
    """Where this device stands in one conversation."""

    next_seq: int
    ahead: dict[int, EventItem] = field(default_factory=dict)
    asked: str | None = None  # the request under way
    asked_ms: int = 0
    behind: bool = False  # something between next_seq and the head is missing
    retry_at_ms: int = 0
    strikes: int = 0  # pages in a row that brought nothing


@dataclass(slots=True)
class Timelines:
    tracks: dict[str, Track] = field(default_factory=dict)
    room: bool = True
    wanting: set[str] = field(default_factory=set)  # conversations that are behind and not asked
    hanging: set[str] = field(default_factory=set)  # conversations that are behind and asked: the answer may never come

    def positions(self) -> Mapping[str, int]:
        return {conversation: track.next_seq for conversation, track in self.tracks.items()}

    def start(self, conversation: str, next_seq: int) -> None:
        """Follows a conversation from `next_seq`, unless it is followed already."""
        self.tracks.setdefault(conversation, Track(next_seq))

    def compare(self, directory: Iterable[DirectoryEntry]) -> None:
        """Follows what is new from its head on, and wants what this device is behind in and has not asked for."""
        for entry in directory:
            self.start(entry.conversation, entry.head_seq + 1)
            track = self.tracks[entry.conversation]
            if track.next_seq <= entry.head_seq and track.asked is None:
                self._want(entry.conversation, track)

    def restart(self) -> None:
        """The log is another one: everything that is followed is read again from its first event."""
        self.tracks = {conversation: Track(1, behind=True) for conversation in self.tracks}
        self.wanting = set(self.tracks)
        self.hanging.clear()

    def forget(self, conversation: str) -> None:
        self.tracks.pop(conversation, None)
        self.wanting.discard(conversation)
        self.hanging.discard(conversation)

    def asked(self, conversation: str, request: str, now_ms: int) -> None:
        """A sync from `next_seq` has been sent."""
        track = self.tracks[conversation]
        track.asked, track.asked_ms = request, now_ms
        self.wanting.discard(conversation)
        if track.behind:
            self.hanging.add(conversation)

    def take(self, conversation: str, events: Sequence[EventItem], now_ms: int) -> list[EventItem]:
        """What may be handed on now. A conversation not followed yet starts at the first event seen."""
        track = self.tracks.get(conversation)
        if track is None:
            track = self.tracks[conversation] = Track(events[0].seq)
        if not self.room:
            self._want(conversation, track)
            return []
        ready, dropped = _advance(track, events, ())
        if track.ahead or dropped:
            self._want(conversation, track)
        return ready

    def take_page(self, page: Page, now_ms: int) -> tuple[list[EventItem], tuple[int, ...]]:
        """Events of a page (and what waited behind them), and the seqs that are lost for good.

        A page that answers an older request than the one under way is welcome too: it only brings events.
        """
        track = self.tracks.get(page.conversation)
        if track is None:
            return [], ()
        answers = track.asked == page.request
        if answers:
            track.asked, track.behind = None, False
            self.hanging.discard(page.conversation)
        if not self.room:
            self._want(page.conversation, track)
            return [], ()
        before = track.next_seq
        skipped = tuple(seq for seq in page.missing if seq >= before)
        ready, dropped = _advance(track, page.events, skipped)
        if track.ahead or dropped or (answers and (page.more or page.next_seq > track.next_seq)):
            self._want(page.conversation, track)
        self._count_strike(track, track.next_seq > before or not track.behind, now_ms)
        return ready, tuple(seq for seq in skipped if seq < track.next_seq)

    def _count_strike(self, track: Track, fine: bool, now_ms: int) -> None:
        track.strikes = 0 if fine else track.strikes + 1
        track.retry_at_ms = now_ms + min(RETRY_LIMIT_MS, RETRY_FIRST_MS << min(track.strikes, 10)) if track.strikes else 0

    def _want(self, conversation: str, track: Track) -> None:
        track.behind = True
        (self.wanting if track.asked is None else self.hanging).add(conversation)

    def want(self, conversation: str) -> None:
        """Something is known to be missing (the head is ahead, or a failed request)."""
        if (track := self.tracks.get(conversation)) is not None:
            self._want(conversation, track)

    def reached(self, conversation: str, seq: int) -> None:
        """There is an event `seq`; whether it is here yet may not be known."""
        self.start(conversation, seq)
        if self.tracks[conversation].next_seq <= seq:
            self.want(conversation)

    def dropped(self, conversation: str, from_seq: int) -> None:
        """The server gave up events from `from_seq` on, and perhaps the page that was asked for."""
        self.start(conversation, from_seq)
        track = self.tracks[conversation]
        track.asked, track.retry_at_ms = None, 0
        self.hanging.discard(conversation)
        self._want(conversation, track)

    def failed(self, conversation: str, retry_at_ms: int) -> None:
        """A sync was refused for now."""
        if (track := self.tracks.get(conversation)) is not None:
            track.asked, track.retry_at_ms = None, retry_at_ms
            self.hanging.discard(conversation)
            self._want(conversation, track)

    def is_overdue(self, conversation: str, now_ms: int) -> bool:
        """Whether its sync should have been answered by now, and is waited for."""
        return conversation in self.hanging and self.tracks[conversation].asked_ms + ANSWER_WITHIN_MS <= now_ms

    def due(self, now_ms: int, limit: int) -> list[tuple[str, Track]]:
        """Conversations to ask for now, at most `limit`; the caller sends the sync and notes its id in `asked`."""
        if not self.room:
            return []
        for name in [name for name in self.hanging if self.is_overdue(name, now_ms)]:
            self.hanging.discard(name)
            self.tracks[name].asked = None
            self.wanting.add(name)
        ready = [name for name in self.wanting if self.tracks[name].retry_at_ms <= now_ms][: max(0, limit)]
        self.wanting.difference_update(ready)
        return [(name, self.tracks[name]) for name in ready]

    def wake_ms(self) -> int | None:
        if not self.room:
            return None
        times = [self.tracks[name].retry_at_ms for name in self.wanting]
        return min(times + [self.tracks[name].asked_ms + ANSWER_WITHIN_MS for name in self.hanging], default=None)

    def connection_lost(self) -> None:
        """Requests under way will not be answered."""
        self.hanging.clear()
        for name, track in self.tracks.items():
            track.asked = None
            track.retry_at_ms = 0
            if track.behind:
                self.wanting.add(name)


def _advance(track: Track, events: Iterable[EventItem], skipped: tuple[int, ...]) -> tuple[list[EventItem], bool]:
    """Moves `next_seq` over what is there, and over `skipped`. The second value: some event had no place in `ahead`."""
    ready: list[EventItem] = []
    dropped = False
    for event in events:
        while track.next_seq in skipped:
            track.next_seq += 1
        if event.seq == track.next_seq:
            ready.append(event)
            track.next_seq += 1
        elif event.seq > track.next_seq and len(track.ahead) < AHEAD_LIMIT:
            track.ahead[event.seq] = event
        elif event.seq > track.next_seq:
            dropped = True
    while track.ahead or skipped:
        follower = track.ahead.pop(track.next_seq, None)
        if follower is not None:
            ready.append(follower)
        elif track.next_seq not in skipped:
            break
        track.next_seq += 1
    if track.ahead:
        track.ahead = {seq: event for seq, event in track.ahead.items() if seq > track.next_seq}
    return ready, dropped
