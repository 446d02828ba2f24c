"""What an expiry takes out: whole spans by bucket, the head's copy, and the same again changes nothing."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.retention import ContentExpired
from store import cql_retention as cql
from store.expiry import BEYOND_EVERY_SEQ, Expired, merged, statements_of, within
from store.schema import BUCKET_SEQS

BASE: dict[str, Any] = {"event_id": "e", "tenant": "default", "actor": "retention", "at_ms": 1, "conversation_id": "g-1"}
SPANS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=12)


def gone(from_seq: int, before_seq: int, *edits: int) -> ContentExpired:
    return ContentExpired(**BASE, from_seq=from_seq, before_seq=before_seq, edit_seqs=edits, messages_count=1, keep_ms=1, decided_at=1)


def test_a_span_over_two_buckets_is_a_slice_of_each() -> None:
    statements = statements_of(gone(BUCKET_SEQS - 2, BUCKET_SEQS + 3, BUCKET_SEQS + 1))
    of = {text: [values for each, values in statements if each == text] for text, _ in statements}
    newest = BUCKET_SEQS + 2
    assert [values[:3] for values in of[cql.DROP_MESSAGES]] == [(newest, "g-1", 0), (newest, "g-1", 1)]
    assert [values[:3] for values in of[cql.DROP_CHANGES]] == [(BEYOND_EVERY_SEQ, "g-1", 0), (BEYOND_EVERY_SEQ, "g-1", 1)]
    assert of[cql.DROP_EDIT] == [(BUCKET_SEQS + 1, "g-1", 1, BUCKET_SEQS + 1)]
    assert of[cql.DROP_LAST] == [(newest, "g-1")]
    assert of[cql.PUT_EXPIRED] == [("g-1", BUCKET_SEQS - 2, BUCKET_SEQS + 3, BUCKET_SEQS + 3)]


@given(SPANS, st.randoms(use_true_random=False))
def test_spans_cover_the_same_in_whatever_order_they_come(spans: list[tuple[int, int]], random: Any) -> None:
    shuffled = list(spans)
    random.shuffle(shuffled)
    expired = Expired()
    for first, following in shuffled:
        expired.add("g-1", first, following)
    covered = {seq for first, following in spans for seq in range(first, following)}
    assert {seq for seq in range(60) if expired.covers("g-1", seq)} == covered
    assert set(within(range(60), spans)) == covered
    assert not expired.covers("g-2", 5)


@given(SPANS)
def test_merged_spans_are_apart_and_ascending(spans: list[tuple[int, int]]) -> None:
    found = merged(spans)
    assert all(before[1] < after[0] for before, after in pairwise(found))
