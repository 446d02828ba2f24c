"""An edge, a log and an owner in memory, small enough to be read at once: what the SDK's core is held against.

It keeps the server's promises (one dense order, repeats answered with the same seq, `stale` beyond what is remembered) and may be as rude
as a network: whoever drives it decides when frames move, when a link is cut, which live frames are lost, given up for a `resync` or
written again because they are unacknowledged.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from warbler import frames, own
from warbler.call_frames import CallCommandFrame
from warbler.frames import Ack, DirectoryEntry, EventItem, Limits, Page, Reject, Welcome
from warbler.ids import ms_of

LIMITS = Limits(65_536, 16_384, 1_000, 1_000, 50, 3, 10)


def made(frame: frames.CommandFrames, ack: Ack, user: str, device: str) -> EventItem:
    """The event of a command, also where its device cannot tell it from the ack."""
    base = {"seq": ack.seq, "ordinal": ack.ordinal, "at_ms": ack.at_ms, "user": user, "device": device, "id": ack.id}
    match frame:
        case frames.ApplyToJoin():
            return msgspec.convert({"kind": "application_made", "text": frame.text, **base}, EventItem)
        case frames.BlockUser():
            return msgspec.convert({"kind": "user_blocked", "member": frame.member, **base}, EventItem)
        case _:
            event = own.event_of(frame, ack, user, device)
            assert isinstance(event, EventItem)
            return event


def as_seen(event: EventItem, user: str) -> EventItem:
    """A block is its actor's own matter."""
    if event.kind != "user_blocked" or event.user == user:
        return event
    return EventItem(kind="hidden", seq=event.seq, ordinal=event.ordinal, at_ms=event.at_ms, user="", device="", id="")


@dataclass
class Timeline:
    """One conversation's log and its owner's memory."""

    events: list[EventItem] = field(default_factory=list)
    remembered: dict[str, Ack] = field(default_factory=dict)
    evicted_ms: int = -1


@dataclass(eq=False)
class FakeSession:
    user: str
    device: str
    send: Callable[[frames.FromEdge], None]
    catching_up: set[str] = field(default_factory=set)
    written: dict[str, int] = field(default_factory=dict)  # conversation -> the highest live seq


class FakeEdge:
    def __init__(self, conversations: list[str], remembered_limit: int = 1_000) -> None:
        self.timelines = {name: Timeline() for name in conversations}
        self.remembered_limit = remembered_limit
        self.sessions: list[FakeSession] = []
        self.commands: deque[tuple[str, str, frames.CommandFrames]] = deque()  # accepted by the edge, not yet decided
        self.lose_live: Callable[[], bool] = lambda: False
        self.give_up: Callable[[], bool] = lambda: False
        self.refuse: Callable[[], bool] = lambda: False
        self.delivered: dict[tuple[str, str], int] = {}  # device, conversation -> seq, over all its sessions

    def open(self, user: str, hello: frames.Hello, now_ms: int, send: Callable[[frames.FromEdge], None]) -> FakeSession:
        session = FakeSession(user, hello.device, send)
        self.sessions.append(session)
        entries = tuple(self._entry(name) for name in self.timelines)
        send(Welcome("s", "n", user, "e", False, now_ms, 25_000, LIMITS, entries))
        for conversation, from_seq in hello.positions.items():
            self._sync(session, frames.Sync("", conversation, from_seq))
        return session

    def _entry(self, name: str) -> DirectoryEntry:
        head = len(self.timelines[name].events)
        return DirectoryEntry(
            conversation=name, conversation_kind="group", title=name, role="member",
            head_seq=head, head_ordinal=head, active_at_ms=0, read_seq=0, unread=0,
        )  # fmt: skip

    def close(self, session: FakeSession) -> None:
        if session in self.sessions:
            self.sessions.remove(session)

    def on_frame(self, session: FakeSession, frame: frames.FromDevice, now_ms: int) -> None:
        if isinstance(frame, frames.CommandFrame) and not isinstance(frame, CallCommandFrame):
            if self.refuse():
                session.send(Reject(frame.id, frame.conversation, "unavailable", "", True, 5))
            else:
                self.commands.append((session.user, session.device, frame))
        elif isinstance(frame, frames.Sync):
            self._sync(session, frame)
        elif isinstance(frame, frames.Mark) and frame.state == "delivered":
            place = (session.device, frame.conversation)
            assert 1 <= frame.up_to_seq <= len(self.timelines[frame.conversation].events), "acked what there is not"
            self.delivered[place] = max(frame.up_to_seq, self.delivered.get(place, 0))
        elif isinstance(frame, frames.Ping):
            session.send(frames.Pong(frame.nonce, now_ms))

    def _sync(self, session: FakeSession, sync: frames.Sync) -> None:
        events = self.timelines[sync.conversation].events
        taken = events[sync.from_seq - 1 :][: min(sync.limit, LIMITS.sync_events)]
        next_seq = sync.from_seq + len(taken)
        more = next_seq <= len(events)
        if more:
            session.catching_up.add(sync.conversation)
        else:
            session.catching_up.discard(sync.conversation)
        seen = tuple(as_seen(event, session.user) for event in taken)
        session.send(Page(sync.request, sync.conversation, seen, next_seq, more))

    def shown(self, name: str, user: str) -> list[EventItem]:
        """What a member is to hear of a conversation, in the end."""
        return [seen for event in self.timelines[name].events if (seen := as_seen(event, user)).kind != "hidden"]

    def redeliver(self, session: FakeSession) -> None:
        """Writes again what was written and is not acknowledged."""
        for name, seq in session.written.items():
            unacked = self.timelines[name].events[self.delivered.get((session.device, name), 0) : seq]
            if unacked and name not in session.catching_up:
                session.send(frames.Events(name, tuple(as_seen(event, session.user) for event in unacked)))

    def decide(self, now_ms: int) -> None:
        """The owner takes one command."""
        if not self.commands:
            return
        user, device, frame = self.commands.popleft()
        timeline = self.timelines[frame.conversation]
        known = timeline.remembered.get(frame.id)
        if known is not None:
            self._answer(user, device, known)
        elif ms_of(frame.id) <= timeline.evicted_ms:
            self._answer(user, device, Reject(frame.id, frame.conversation, "stale", "", False))
        else:
            self._accept(user, device, frame, timeline, now_ms)

    def _accept(self, user: str, device: str, frame: frames.CommandFrames, timeline: Timeline, now_ms: int) -> None:
        seq = len(timeline.events) + 1
        ack = Ack(frame.id, frame.conversation, seq, seq, now_ms)
        event = made(frame, ack, user, device)
        timeline.events.append(event)
        timeline.remembered[frame.id] = ack
        while len(timeline.remembered) > self.remembered_limit:
            evicted = next(iter(timeline.remembered))
            timeline.evicted_ms = max(timeline.evicted_ms, ms_of(evicted))
            del timeline.remembered[evicted]
        self._answer(user, device, ack)
        for session in self.sessions:
            away = (session.user, session.device) == (user, device) or frame.conversation in session.catching_up
            if away or self.lose_live():
                continue
            if self.give_up():
                session.send(frames.Resync(frame.conversation, seq))
                continue
            session.written[frame.conversation] = seq
            session.send(frames.Events(frame.conversation, (as_seen(event, session.user),)))

    def _answer(self, user: str, device: str, answer: Ack | Reject) -> None:
        for session in self.sessions:
            if (session.user, session.device) == (user, device):
                session.send(answer)
