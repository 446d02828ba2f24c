"""Which content of a conversation expires now: decided from its events, the rules and the holds. Pure.

Called by the sweep, which hands over a conversation's events page by page, oldest first.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.events import Event, MessageEdited, MessageSent
from schemas.retention import ContentExpired
from store.retention import FOR_EVER, Matter, Retention

RETENTION_EVENTS = "retention-events"
ACTOR = "retention"


class Subject(NamedTuple):
    """The conversation that is looked at, and which holds are about it."""

    tenant: str
    conversation: str
    kind: str
    holding: tuple[Matter, ...]


class Found(NamedTuple):
    """`spans`: runs of content that expires. `next_seq`: where the next look begins. `over`: everything after that is too young."""

    spans: tuple[tuple[Event, ...], ...]
    next_seq: int
    over: bool


def expiring(happened: Sequence[Event], from_seq: int, subject: Subject, retention: Retention, now_ms: int) -> Found:
    """What of these events expires.

    Shape: `happened` ascending by seq, hence by time. A span holds messages and edits only, with nothing held in between.
    """
    keep_ms = retention.keep_ms(subject.conversation, subject.kind)
    if keep_ms == FOR_EVER:
        return Found((), from_seq, True)
    spans: list[tuple[Event, ...]] = []
    run: list[Event] = []
    for event in happened:
        if event.at_ms + keep_ms > now_ms:
            return Found(_ended(spans, run), event.seq, True)
        if not isinstance(event, MessageSent | MessageEdited):
            continue
        if any(matter.scope.spans(event.at_ms) for matter in subject.holding):
            _end(spans, run)
        else:
            run.append(event)
    return Found(_ended(spans, run), happened[-1].seq + 1 if happened else from_seq, not happened)


def _end(spans: list[tuple[Event, ...]], run: list[Event]) -> None:
    if run:
        spans.append(tuple(run))
        run.clear()


def _ended(spans: list[tuple[Event, ...]], run: list[Event]) -> tuple[tuple[Event, ...], ...]:
    _end(spans, run)
    return tuple(spans)


def expired(span: Sequence[Event], subject: Subject, retention: Retention, now_ms: int) -> ContentExpired:
    """What the log is told of a span. Its id is the same for the same span, so that a repeat can be known."""
    edits = tuple(_seqs(each for each in span if isinstance(each, MessageEdited)))
    return ContentExpired(
        event_id=f"{subject.conversation}:{span[0].seq}-{span[-1].seq}",
        tenant=subject.tenant,
        actor=ACTOR,
        at_ms=now_ms,
        conversation_id=subject.conversation,
        from_seq=span[0].seq,
        before_seq=span[-1].seq + 1,
        edit_seqs=edits,
        messages_count=len(span) - len(edits),
        keep_ms=retention.keep_ms(subject.conversation, subject.kind),
        decided_at=retention.version,
    )


def _seqs(happened: Iterable[Event]) -> Iterable[int]:
    return (event.seq for event in happened)
