"""Records from the log to the sessions of this node. No waiting: everything here runs between two awaits of the feed.

Rule 1: the device that caused an event gets its `ack`, every other session of a member gets the event.
Rule 2: an event that is its actor's own matter is `hidden` to everybody else; only a run that holds one is encoded more than once.
Rule 3: a membership event changes the hub before it is delivered (joining) or after (leaving), so both sides see it.
Called by `edge.feed`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, assert_never

import structlog

from edge import frames
from edge.hub import Hub
from edge.metrics import DELIVERIES, POISON
from edge.recent import Recent
from edge.registry import SessionRegistry
from edge.session import Session, SharedFrame
from edge.translate import ack_of, device_content, is_private, item_for
from edge.unacked import note
from log.port import Record
from schemas import events
from schemas.codec import decode_event, decode_reply, decode_session_event, decode_signal
from schemas.errors import Undecodable
from schemas.records import CommandRefused, CommandRepeated, MessageSignalled, RedeliveryAsked, Reply, TypingSignalled
from schemas.registry import SCHEMAS
from store.views import placed

LOG = structlog.get_logger()
T = TypeVar("T")

# topics that only edges read: every node writes the dead letter, with its name; those of the others are the projector's
NODES_OWN = frozenset({"replies", "signals", "sessions"})
MEMBERSHIP_RECORDS = {
    *("conversation_created", "member_added", "member_left", "member_removed", "member_banned", "role_changed", "conversation_renamed"),
}
# the wire header tells the kind, so that an event nobody here waits for is not decoded
MEMBERSHIP_HEADERS = {b"\0" + s.id.to_bytes(4, "big") for s in SCHEMAS.values() if s.record in MEMBERSHIP_RECORDS}


def joined(event: events.Event) -> tuple[str, ...]:
    """Who is a member after the event and may not have been one before."""
    return tuple(user for user, _, active in placed(event) if active)


def left(event: events.Event) -> tuple[str, ...]:
    return tuple(user for user, _, active in placed(event) if not active)


class Delivery:
    """`bury(record, reason)` writes a dead letter."""

    def __init__(self, hub: Hub, recent: Recent, registry: SessionRegistry, bury: Callable[[Record, str], None]) -> None:
        self.hub, self.recent, self.registry = hub, recent, registry
        self.bury = bury
        self.observers: tuple[Callable[[events.Event], None], ...] = ()  # hear every event that a session here needs, after who joined
        self.on_redelivery: Callable[[RedeliveryAsked], None] = _not_asked  # set by `edge.node`

    def on_events(self, records: Sequence[Record]) -> None:
        """Events of any partitions, ascending within each; consecutive ones of a conversation leave as one frame."""
        run: list[events.Event] = []
        for record in records:
            if record.key is None:  # a writer_changed record
                continue
            event = self._take(record)
            if event is None:
                continue
            if run and (run[0].conversation_id != event.conversation_id or joined(event) or left(event)):
                self._deliver(run)
                run = []
            self._join(event)
            for observe in self.observers:
                observe(event)
            run.append(event)
            if left(event):
                self._deliver(run)
                run = []
                self._leave(event)
        if run:
            self._deliver(run)

    def _take(self, record: Record) -> events.Event | None:
        """The event when a session here needs it; it is remembered in any case."""
        assert record.key is not None
        conversation = record.key.decode("utf-8", "replace")
        value = record.value or b""
        changes_members = value[:5] in MEMBERSHIP_HEADERS
        followed = self.hub.follows(conversation)
        wanted = changes_members or followed
        event: events.Event | None = None
        if wanted:
            try:
                event = decode_event(record.value)
            except Undecodable as exc:  # the timeline projector writes the dead letter; here it is only counted
                POISON.labels("conversation-events").inc()
                LOG.warning("undecodable event", partition=record.partition, offset=record.offset, reason=exc.reason)
                return None
        users = (*joined(event), *left(event)) if event is not None and changes_members else ()
        self.recent.add(record.partition, record.offset, conversation, value, users)
        return event if event is not None and (users or followed) else None

    def _join(self, event: events.Event) -> None:
        for user in joined(event):
            for session in self.hub.of_user(user):
                self.hub.join(session, event.conversation_id)

    def _leave(self, event: events.Event) -> None:
        for user in left(event):
            for session in list(self.hub.of_user(user)):
                self.hub.leave(session, event.conversation_id)

    def _deliver(self, run: list[events.Event]) -> None:
        conversation = run[0].conversation_id
        sessions = self.hub.of_conversation(conversation)
        authors = {(event.user, event.device) for event in run}
        first_seq, last_seq = run[0].seq, run[-1].seq
        self.hub.know_head(conversation, last_seq)
        actors = {event.user for event in run if is_private(event)}
        shared: dict[str, SharedFrame] = {}  # who of the actors sees it so; "": everybody else
        delivered = 0
        for session in sessions:
            if session.given and session.given.get(conversation, run[0].seq + 1) <= run[0].seq:
                del session.given[conversation]  # live events have come as far as its last page
            if (session.user, session.device) in authors or conversation in session.given:
                self._deliver_singly(session, run)
                continue
            if conversation in session.catching_up or not session.follow:
                continue
            seen_by = session.user if session.user in actors else ""
            if seen_by not in shared:
                shared[seen_by] = SharedFrame(frames.Events(conversation, tuple(item_for(seen_by, event) for event in run)))
            session.sink.write_shared(shared[seen_by])
            note(session.unacked, conversation, first_seq, last_seq)
            delivered += 1
        for event in run:  # an author who is no member any more, or not yet known here as one
            for session in self.hub.of_device(event.user, event.device):
                if event.command_id in session.outstanding:
                    self._ack(session, event)
        DELIVERIES.inc(delivered)

    def _deliver_singly(self, session: Session, run: list[events.Event]) -> None:
        """For an author, who gets its acks, and for a session whose last page may hold some of these events."""
        conversation = run[0].conversation_id
        given = session.given.pop(conversation, 0)
        acked = ""
        for event in run:
            # a command's further events reach its author as events: the ack names the first one
            if event.user == session.user and event.device == session.device and event.command_id != acked:
                acked = event.command_id
                self._ack(session, event)
            elif conversation not in session.catching_up and event.seq >= given and session.follow:
                session.sink.write(frames.Events(conversation, (item_for(session.user, event),)))
                note(session.unacked, conversation, event.seq, event.seq)
        if run[-1].seq + 1 < given:
            session.given[conversation] = given

    def _ack(self, session: Session, event: events.Event) -> None:
        session.outstanding.discard(event.command_id)
        session.sink.write(ack_of(event))

    def on_replies(self, records: Iterable[Record]) -> None:
        for record in records:
            reply = self._decoded(record, decode_reply)
            if reply is None:
                continue
            for session in self.hub.of_device(reply.user, reply.device):
                session.outstanding.discard(reply.command_id)
                session.sink.write(_answer(reply))

    def on_signals(self, records: Iterable[Record]) -> None:
        for record in records:
            signal = self._decoded(record, decode_signal)
            match signal:
                case TypingSignalled():
                    self._typing(signal)
                case MessageSignalled():
                    self._signal(signal)
                case RedeliveryAsked():
                    self.on_redelivery(signal)
                case None:
                    pass
                case _:
                    assert_never(signal)

    def _typing(self, signal: TypingSignalled) -> None:
        frame = SharedFrame(frames.UserTyping(signal.conversation_id, signal.user, signal.typing))
        for session in self.hub.of_conversation(signal.conversation_id):
            if session.user != signal.user and session.follow:
                session.sink.write_shared(frame)

    def _signal(self, signal: MessageSignalled) -> None:
        """To every session of a member but the author's own, whose answer is its ack."""
        content = device_content(signal.content)
        frame = SharedFrame(frames.Signalled(signal.conversation_id, signal.user, signal.command_id, content, signal.at_ms))
        for session in self.hub.of_conversation(signal.conversation_id):
            if (session.user, session.device) != (signal.user, signal.device) and session.follow:
                session.sink.write_shared(frame)

    def on_sessions(self, records: Iterable[Record]) -> None:
        for record in records:
            event = self._decoded(record, decode_session_event)
            if event is not None:
                self.registry.apply(event)

    def _decoded(self, record: Record, decoder: Callable[[bytes | None], T]) -> T | None:
        try:
            return decoder(record.value)
        except Undecodable as exc:
            POISON.labels(record.topic).inc()
            LOG.warning("undecodable record", topic=record.topic, partition=record.partition, offset=record.offset, reason=exc.reason)
            if record.topic in NODES_OWN:
                self.bury(record, exc.reason)
            return None


def _not_asked(_: RedeliveryAsked) -> None:
    """Until a node is there that writes again."""


def _answer(reply: Reply) -> frames.FromEdge:
    match reply:
        case CommandRepeated():
            return frames.Ack(reply.command_id, reply.conversation_id, reply.seq, reply.ordinal, reply.accepted_at_ms)
        case CommandRefused():
            return frames.Reject(reply.command_id, reply.conversation_id, reply.code, reply.detail, False, reply.retry_after_ms)
