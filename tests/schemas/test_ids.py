"""Ids: what is put into a UUIDv7 comes out of it, its bytes sort by time, and a pair of users has one direct conversation."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import UUID7_RANDOM_BITS, direct_conversation_id, ms_of, uuid7, uuid7_bytes, uuid7_ms

MS = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**UUID7_RANDOM_BITS - 1)


@given(MS, RANDOM)
def test_a_uuid7_is_one_to_others_and_gives_its_time_back(ms: int, random_bits: int) -> None:
    text = uuid7(ms, random_bits)
    parsed = uuid.UUID(text)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, text)
    assert uuid7_bytes(text) == parsed.bytes
    assert uuid7_ms(text) == ms_of(uuid7_bytes(text)) == ms


@given(MS, RANDOM, RANDOM)
def test_no_random_bit_is_lost(ms: int, one: int, other: int) -> None:
    assert (uuid7(ms, one) == uuid7(ms, other)) == (one == other)


@given(MS, RANDOM, MS, RANDOM)
def test_bytes_sort_by_time(ms: int, random_bits: int, other_ms: int, other_bits: int) -> None:
    if ms < other_ms:
        assert uuid7_bytes(uuid7(ms, random_bits)) < uuid7_bytes(uuid7(other_ms, other_bits))


@given(st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a UUIDv7"):
        uuid7_bytes(text)


def test_a_direct_conversation_is_the_same_from_both_sides_and_for_ever() -> None:
    """The id stands in logs and in clients."""
    assert direct_conversation_id("ana", "ben") == direct_conversation_id("ben", "ana") != direct_conversation_id("ana", "bob")
    assert direct_conversation_id("ana", "ben") == "d-5gtwgonbghw3swps4d5izlsp67"
