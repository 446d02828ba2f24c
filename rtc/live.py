"""The live calls of all conversations, folded from the log: by it edges ring and relay, and engines' drivers let in. Pure.

Its process reads `call-state` to the end (`saved`), then `call-events` from `events_next` on (`take`), and calls `forget` now and then.
Rule 1: an event that a saved line holds already is passed over, so reading again from an earlier offset changes nothing.
Rule 2: a line that misses an event is let go of with a LineGap; its next call is followed again from its request on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from log.port import Record
from rtc.evolve import evolve
from rtc.state import MEMORY_MS, Call, Line
from schemas import call_events as events
from schemas.call_records import CallLineSaved, CallsCheckpoint, CallState
from schemas.codec import decode
from schemas.errors import Undecodable, WarblerError

CALL_STATE = "call-state"
CALL_EVENTS = "call-events"
WRITER_KEY = b"#writer"
STATES: Any = CallState


class LineGap(WarblerError):
    """An event that cannot follow what is known of its conversation's calls; the line was let go of."""

    def __init__(self, conversation: str, detail: str) -> None:
        super().__init__(f"calls of {conversation!r}: {detail}")
        self.conversation = conversation


class Change(Struct, frozen=True):
    """What an event did to the live call. `before` None: it began; `after` None: it ended."""

    event: events.Event
    before: Call | None
    after: Call | None


class LiveLines:
    """Shape: grows with the live calls, and with those that ended within the last MEMORY_MS.

    `events_next`: partition -> where to read `call-events` from, for those with a checkpoint; the others from their beginning.
    """

    def __init__(self) -> None:
        self.events_next: dict[int, int] = {}
        self._lines: dict[str, Line] = {}
        self._users: dict[str, set[str]] = {}  # of everybody who is a party of a live call: the conversations

    # ---- from the log

    def saved(self, record: Record, now_ms: int) -> bool:
        """Takes one record of `call-state`. False: it is not understood, and its line, if it is one, not known."""
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            self._put(key, None)
            return True
        if record.key == WRITER_KEY:
            return True
        try:
            state: CallState = decode(record.value, STATES)
            if isinstance(state, CallsCheckpoint):
                self.events_next[record.partition] = state.events_next
            else:
                self._put(state.conversation_id, _line_of(state, now_ms))
        except (Undecodable, msgspec.MsgspecError):
            return False
        return True

    def take(self, event: events.Event) -> Change | None:
        """What the event changes; None: nothing of a live call, or it was known. Raises: LineGap."""
        conversation = event.conversation_id
        line = self._lines.get(conversation)
        if line is not None and event.seq <= line.head_seq:
            return None
        if isinstance(event, events.CallRequested) and (line is None or line.live is None):
            line = Line(tenant=event.tenant, conversation_id=conversation, head_seq=event.seq - 1)  # needs nothing of what was before
        if isinstance(event, events.CallRecorded) and line is None:
            return None
        if line is None:
            raise LineGap(conversation, f"the event {event.seq} is of a call whose beginning is not known")
        if isinstance(event, events.CallRecorded) and line.live is None and event.seq == line.head_seq + 1:
            # nothing but the head is known of a line that was saved without a live call, so not that this one ended
            self._put(conversation, replace(line, head_seq=event.seq, head_at_ms=event.at_ms))
            return None
        try:
            after = evolve(line, event)
        except (ValueError, KeyError) as exc:
            self._put(conversation, None)
            raise LineGap(conversation, str(exc)) from None
        self._put(conversation, after)
        return Change(event, line.live, after.live) if line.live is not None or after.live is not None else None

    def forget(self, now_ms: int) -> None:
        """Lets go of lines whose last call ended long ago."""
        since_ms = now_ms - MEMORY_MS
        for conversation in [name for name, line in self._lines.items() if line.live is None and line.head_at_ms < since_ms]:
            del self._lines[conversation]

    # ---- what is known

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, conversation: str) -> Line | None:
        return self._lines.get(conversation)

    def call(self, conversation: str, call_id: str = "") -> Call | None:
        """The conversation's live call, if it is this one; `call_id` empty: whichever it is."""
        line = self._lines.get(conversation)
        live = line.live if line is not None else None
        return live if live is not None and call_id in ("", live.call_id) else None

    def live(self) -> Iterator[tuple[Line, Call]]:
        for line in self._lines.values():
            if line.live is not None:
                yield line, line.live

    def of_user(self, user: str) -> Iterator[tuple[Line, Call]]:
        """The live calls of which the user is a party, in whatever state."""
        for conversation in sorted(self._users.get(user, ())):
            line = self._lines[conversation]
            assert line.live is not None
            yield line, line.live

    def _put(self, conversation: str, line: Line | None) -> None:
        old = self._lines.get(conversation)
        before = _parties(old)
        after = _parties(line)
        for user in before.keys() - after.keys():
            places = self._users[user]
            places.discard(conversation)
            if not places:
                del self._users[user]
        for user in after.keys() - before.keys():
            self._users.setdefault(user, set()).add(conversation)
        if line is None:
            self._lines.pop(conversation, None)
        else:
            self._lines[conversation] = line


def _parties(line: Line | None) -> Mapping[str, object]:
    return line.live.parties if line is not None and line.live is not None else {}


def _line_of(state: CallLineSaved, now_ms: int) -> Line:
    """The line; of one without a live call only how far it is, which is all that is asked for."""
    if state.live:
        return msgspec.msgpack.decode(state.line, type=Line)
    return Line(tenant=state.tenant, conversation_id=state.conversation_id, head_seq=state.head_seq, head_at_ms=now_ms)
