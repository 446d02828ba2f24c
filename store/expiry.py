"""What expired, as rows: which cells one `content_expired` takes out of the timelines, and which seqs that leaves without content. Pure.

Called by the role `retention`, which performs it; by a rebuild, which performs it on what it built; and by `warbler verify timelines`.
Rule: everything follows from the event alone, so it may be done again, and before the rows it is about are written.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from schemas.events import Event, MessageEdited, MessageSent
from schemas.retention import ContentExpired
from store import cql_retention as cql
from store.buckets import bucket_of

BEYOND_EVERY_SEQ = 1 << 62


class Statement(NamedTuple):
    text: str
    values: tuple[Any, ...]


def statements_of(event: ContentExpired) -> list[Statement]:
    """Rows of messages and edits, of what happened to them, and the head's copy of the newest message if it is among them."""
    conversation, first, following = event.conversation_id, event.from_seq, event.before_seq
    newest = following - 1  # a span ends with content, so no newer row has a timestamp as small
    statements: list[Statement] = []
    for bucket in range(bucket_of(first), bucket_of(newest) + 1):
        statements.append(Statement(cql.DROP_MESSAGES, (newest, conversation, bucket, first, following)))
        statements.append(Statement(cql.DROP_CHANGES, (BEYOND_EVERY_SEQ, conversation, bucket, first, following)))
    statements += [Statement(cql.DROP_EDIT, (seq, conversation, bucket_of(seq), seq)) for seq in event.edit_seqs]
    statements.append(Statement(cql.DROP_LAST, (newest, conversation)))
    return [*statements, Statement(cql.PUT_EXPIRED, (conversation, first, following, following))]


class Expired:
    """Which seqs of which conversations have no content any more; spans may touch and overlap."""

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {}

    def add(self, conversation: str, from_seq: int, before_seq: int) -> None:
        spans = self._spans.setdefault(conversation, [])
        if spans and spans[-1][0] <= from_seq <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], before_seq))
        else:
            spans[:] = merged([*spans, (from_seq, before_seq)])

    def covers(self, conversation: str, seq: int) -> bool:
        spans = self._spans.get(conversation)
        if spans is None:
            return False
        at = bisect_right(spans, (seq, BEYOND_EVERY_SEQ)) - 1
        return at >= 0 and seq < spans[at][1]

    def took(self, event: Event) -> bool:
        """Whether the event's row is gone."""
        return isinstance(event, MessageSent | MessageEdited) and self.covers(event.conversation_id, event.seq)


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ascending, and none touches another."""
    result: list[tuple[int, int]] = []
    for first, following in sorted(spans):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], following))
        else:
            result.append((first, following))
    return result


def within(seqs: Iterable[int], spans: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Those of the seqs that lie in a span."""
    known = merged(spans)
    for seq in seqs:
        at = bisect_right(known, (seq, BEYOND_EVERY_SEQ)) - 1
        if at >= 0 and seq < known[at][1]:
            yield seq
