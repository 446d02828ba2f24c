"""Leaves: unambiguous, and read back as they were; frames: whatever is cut off is seen."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import Malformed
from audit.leaf import RECORDS_MAGIC, Leaf, frames, leaf_bytes, leaf_hash, parse_leaf, read_frames

part = st.none() | st.binary(max_size=20)
leaves = st.builds(
    Leaf,
    st.integers(0, 2**63 - 1),
    st.integers(-1, 2**62),
    part,
    part,
    st.lists(st.tuples(st.text(max_size=5), part), max_size=3).map(tuple),
)


@given(leaves)
def test_a_leaf_is_read_back_as_it_was(leaf: Leaf) -> None:
    assert parse_leaf(leaf_bytes(*leaf)) == leaf


@given(leaves, leaves)
def test_different_records_have_different_leaves(one: Leaf, other: Leaf) -> None:
    assert (one == other) == (leaf_bytes(*one) == leaf_bytes(*other))


def test_no_value_is_not_an_empty_value_and_parts_do_not_run_into_each_other() -> None:
    written = {
        leaf_bytes(0, 0, *parts) for parts in [(b"ab", b"c"), (b"a", b"bc"), (None, b"abc"), (b"", b"abc"), (b"abc", None), (b"abc", b"")]
    }
    assert len(written) == 6


def test_a_leaf_is_always_these_bytes() -> None:
    """They are signed for ever: whoever changes them breaks every checkpoint there is."""
    data = leaf_bytes(7, 1_760_000_005_004, b"g-1", b"\0\0\0", (("command", b"\1"), ("none", None)))
    assert data.hex() == (
        "01000000000000000700000199c82cd38c00000003672d3100000003000000"
        "0000000200000007636f6d6d616e6400000001010000 00046e6f6e65ffffffff".replace(" ", "")
    )
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(leaves, st.data())
def test_a_leaf_that_is_cut_off_or_too_long_is_refused(leaf: Leaf, data: st.DataObject) -> None:
    whole = leaf_bytes(*leaf)
    with pytest.raises(Malformed):
        parse_leaf(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(Malformed, match="too many"):
        parse_leaf(whole + b"\0")


def test_a_leaf_of_another_version_is_refused() -> None:
    with pytest.raises(Malformed, match="version 9"):
        parse_leaf(b"\x09" + leaf_bytes(0, 0, None, None)[1:])


def test_frames_come_back_and_one_that_is_cut_off_is_seen() -> None:
    some = [(0, leaf_bytes(0, 1, b"k", b"v")), (5, leaf_bytes(9, 2, None, b""))]
    data = RECORDS_MAGIC + frames(some)
    assert list(read_frames(io.BytesIO(data))) == some
    first_ends = len(RECORDS_MAGIC) + 12 + len(some[0][1])
    for cut in set(range(len(data))) - {len(RECORDS_MAGIC), first_ends}:
        with pytest.raises(Malformed):
            list(read_frames(io.BytesIO(data[:cut])))


def test_a_length_beyond_reason_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed, match="cut off"):
        list(read_frames(io.BytesIO(RECORDS_MAGIC + bytes(8) + b"\xff\xff\xff\xff")))
