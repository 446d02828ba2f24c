"""Counts of receipts for the sessions that watch them: loaded once from Cassandra in pages, then followed from the log.

Called by `edge.requests` (watch), the feed (marks, events) and the node's loop (tell); calls the receipts' tables.
Rule 1: what the feed sees while a conversation is being loaded is applied after its rows; applying something twice changes nothing.
Rule 2: hidden marks are not counted. Rule 3: what no session watches any more is forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from edge import frames
from edge.counts import STATES, Count, Tally, put_event
from edge.errors import BadRequest
from edge.session import Session
from schemas import events
from schemas.errors import WarblerError
from schemas.records import WatermarkRaised
from store.views import placed


@dataclass(slots=True, eq=False)
class Counted:
    """`pending` None: loaded. `changed`: since it was told last."""

    tally: Tally = field(default_factory=Tally)
    sessions: dict[Session, int] = field(default_factory=dict)
    told: dict[Session, frames.ReceiptCounts] = field(default_factory=dict)
    pending: list[WatermarkRaised | events.Event] | None = field(default_factory=list)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    loading: bool = False
    changed: bool = True


# fills the tally with everything that was there when it was called; Raises: WarblerError
Load = Callable[[str, Tally, int], Awaitable[None]]


class Counting:
    """`load(conversation, tally, members_limit)` raises BadRequest("too_many") where the conversation has more members than that."""

    def __init__(self, load: Load, conversations_limit: int, members_limit: int) -> None:
        self._load, self._conversations_limit, self._members_limit = load, conversations_limit, members_limit
        self._counted: dict[str, Counted] = {}

    async def watch(self, session: Session, conversation: str, seq: int) -> None:
        """From now on the session is told; 0 ends it. Raises: BadRequest("too_many"), StoreUnavailable."""
        if seq == 0:
            self._unwatch(session, conversation)
            return
        counted = self._counted.get(conversation)
        if counted is None:
            if len(self._counted) >= self._conversations_limit:
                raise BadRequest("too_many", f"receipts of {self._conversations_limit} conversations are counted here already", 5_000)
            counted = self._counted[conversation] = Counted()
        counted.sessions[session] = seq
        counted.changed = True
        if counted.pending is not None:
            await self._loaded(conversation, counted)

    async def _loaded(self, conversation: str, counted: Counted) -> None:
        if counted.loading:
            await counted.loaded.wait()
            if counted.pending is not None:
                raise BadRequest("unavailable", "the counts could not be read", 1_000)
            return
        counted.loading = True
        try:
            await self._load(conversation, counted.tally, self._members_limit - self._members())
            pending, counted.pending = counted.pending or [], None
            for each in pending:
                _apply(counted.tally, each)
        except WarblerError:
            if self._counted.get(conversation) is counted:
                del self._counted[conversation]
            raise
        finally:
            counted.loaded.set()

    def _members(self) -> int:
        return sum(len(counted.tally.members) for counted in self._counted.values())

    def _unwatch(self, session: Session, conversation: str) -> None:
        counted = self._counted.get(conversation)
        if counted is None:
            return
        counted.sessions.pop(session, None)
        counted.told.pop(session, None)
        if not counted.sessions and counted.pending is None:
            del self._counted[conversation]

    def forget(self, session: Session) -> None:
        """The session ended."""
        for conversation in [each for each, counted in self._counted.items() if session in counted.sessions]:
            self._unwatch(session, conversation)

    def on_mark(self, mark: WatermarkRaised) -> None:
        counted = self._counted.get(mark.conversation_id)
        if counted is not None:
            self._take(counted, mark)

    def on_event(self, event: events.Event) -> None:
        counted = self._counted.get(event.conversation_id)
        if counted is None:
            return
        self._take(counted, event)
        for user, _, active in placed(event):
            if not active:
                for session in [each for each in counted.sessions if each.user == user]:
                    self._unwatch(session, event.conversation_id)

    def _take(self, counted: Counted, what: WatermarkRaised | events.Event) -> None:
        if counted.pending is not None:
            counted.pending.append(what)
        elif _apply(counted.tally, what):
            counted.changed = True

    def tell(self) -> None:
        """Writes to every session whose counts are others than it was told last."""
        for conversation, counted in list(self._counted.items()):
            if counted.pending is not None:
                continue
            if not counted.sessions:  # all left while it was loaded
                del self._counted[conversation]
                continue
            if counted.changed:
                counted.changed = False
                for session, seq in counted.sessions.items():
                    _tell(conversation, counted, session, seq)


def _tell(conversation: str, counted: Counted, session: Session, seq: int) -> None:
    count = counted.tally.count(seq, session.user)
    frame = frames_of(conversation, seq, count)
    if counted.told.get(session) != frame:
        counted.told[session] = frame
        session.sink.write(frame)


def frames_of(conversation: str, seq: int, count: Count) -> frames.ReceiptCounts:
    return frames.ReceiptCounts(conversation, seq, count.members, count.delivered, count.read, count.played)


def _apply(tally: Tally, what: WatermarkRaised | events.Event) -> bool:
    """Whether it may have changed the tally."""
    if isinstance(what, WatermarkRaised):
        state = next((each for each in STATES if each == what.state), None)
        if state is None or what.hidden:
            return False
        tally.mark(what.user, state, what.up_to_seq)
        return True
    return put_event(tally, what)
