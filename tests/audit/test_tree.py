"""The tree against the RFC's own definition, written down as it stands there, and against the published vectors."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import Malformed
from audit.leaf import leaf_hash
from audit.tree import (
    EMPTY_ROOT,
    Frontier,
    GapFiller,
    Tree,
    consistency_proof,
    gaps,
    inclusion_proof,
    inclusion_root,
    is_consistent,
    subtrees,
)

# Leaves and roots of the first n of them, as the implementations of Certificate Transparency test them.
VECTOR = [
    bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def root_by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root_by_definition(leaves[:k]) + root_by_definition(leaves[k:])).digest()


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def tree_of(leaves: Sequence[bytes]) -> Tree:
    tree = Tree()
    tree.extend(leaves)
    return tree


WHOLE = tree_of(numbered(70))


def test_roots_are_the_published_ones() -> None:
    tree, frontier = tree_of(VECTOR), Frontier()
    for size, root in enumerate(ROOTS):
        assert tree.root(size).hex() == frontier.root().hex() == root
        if size < len(VECTOR):
            frontier.append(leaf_hash(VECTOR[size]))


def test_roots_are_those_of_the_definition() -> None:
    assert [WHOLE.root(size) for size in range(71)] == [root_by_definition(numbered(size)) for size in range(71)]
    assert WHOLE.root(0) == EMPTY_ROOT


@given(st.integers(0, 70), st.integers(0, 70))
def test_a_frontier_that_was_saved_grows_on(cut: int, size: int) -> None:
    cut, size = sorted((cut, size))
    saved = WHOLE.frontier(cut)
    grown = Frontier(saved.size, saved.peaks)
    for leaf in numbered(size)[cut:]:
        grown.append(leaf_hash(leaf))
    assert grown.root() == WHOLE.root(size)


def test_a_frontier_with_a_hash_too_few_is_none() -> None:
    with pytest.raises(Malformed):
        Frontier(3, [bytes(32)])
    with pytest.raises(Malformed):
        Frontier(1, [bytes(31)])


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_subtrees_cover_their_range_once_and_are_few(start: int, end: int) -> None:
    covered = [leaf for level, index in subtrees(start, end) for leaf in range(index << level, (index + 1) << level)]
    assert covered == list(range(start, end))
    assert len(list(subtrees(start, end))) <= 2 * max(1, (end - start).bit_length())


@given(st.sets(st.integers(0, 69)), st.integers(1, 70))
def test_some_leaves_and_the_hashes_between_them_give_the_root(indexes: set[int], size: int) -> None:
    chosen = sorted(index for index in indexes if index < size)
    hashes = [WHOLE.subtree(level, index) for level, index in gaps(chosen, size)]
    filler = GapFiller(size, iter(hashes))
    for index in chosen:
        filler.add(index, leaf_hash(numbered(70)[index]))
    assert filler.root() == WHOLE.root(size)


def filled(chosen: Sequence[int], size: int, hashes: Sequence[bytes]) -> bytes:
    filler = GapFiller(size, iter(hashes))
    for index in chosen:
        filler.add(index, leaf_hash(numbered(70)[index]))
    return filler.root()


def test_hashes_too_few_or_too_many_and_leaves_out_of_order_are_refused() -> None:
    hashes = [WHOLE.subtree(level, index) for level, index in gaps([3, 9], 20)]
    assert filled([3, 9], 20, hashes) == WHOLE.root(20)
    for wrong in (hashes[:-1], [*hashes, bytes(32)], [hashes[0][:-1], *hashes[1:]]):
        with pytest.raises(Malformed):
            filled([3, 9], 20, wrong)
    for order in ([9, 3], [3, 3], [3, 20]):
        with pytest.raises(Malformed):
            filled(order, 20, hashes)


@given(st.integers(1, 70), st.data())
def test_each_leaf_is_proven_and_no_other_one(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, leaf = inclusion_proof(WHOLE, index, size), leaf_hash(numbered(70)[index])
    assert inclusion_root(leaf, index, size, path) == WHOLE.root(size)
    assert inclusion_root(leaf_hash(b"x"), index, size, path) != WHOLE.root(size)
    for other in range(size):
        if other != index:
            assert root_or_none(leaf, other, size, path) != WHOLE.root(size)


def root_or_none(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    try:
        return inclusion_root(leaf, index, size, path)
    except Malformed:
        return None


def test_a_path_of_another_length_is_refused() -> None:
    path, leaf = inclusion_proof(WHOLE, 5, 13), leaf_hash(b"5")
    for wrong in (path[:-1], [*path, bytes(32)], []):
        with pytest.raises(Malformed):
            inclusion_root(leaf, 5, 13, wrong)
    with pytest.raises(Malformed):
        inclusion_root(leaf, 13, 13, path)
    with pytest.raises(LookupError):
        inclusion_proof(WHOLE, 13, 13)


def test_every_older_tree_is_proven_the_beginning_of_every_newer_one() -> None:
    for size in range(1, 40):
        for old in range(size + 1):
            path = consistency_proof(WHOLE, old, size)
            assert is_consistent(old, WHOLE.root(old), size, WHOLE.root(size), path), (old, size)


@given(st.integers(1, 69), st.integers(2, 70), st.data())
def test_a_history_that_was_changed_is_no_beginning(old: int, size: int, data: st.DataObject) -> None:
    old, size = min(old, size - 1), max(old + 1, size)
    changed = numbered(size)
    changed[data.draw(st.integers(0, old - 1))] = b"changed"
    other = tree_of(changed)
    path = consistency_proof(other, old, size)
    assert not is_consistent(old, WHOLE.root(old), size, other.root(size), path)
    honest = consistency_proof(WHOLE, old, size)
    for wrong in (honest[:-1], [*honest, bytes(32)], [bytes(32), *honest[1:]]):
        assert not is_consistent(old, WHOLE.root(old), size, WHOLE.root(size), wrong)


def test_no_older_tree_is_longer() -> None:
    with pytest.raises(LookupError):
        consistency_proof(WHOLE, 5, 4)
    assert not is_consistent(5, WHOLE.root(5), 4, WHOLE.root(4), [bytes(32)])
    assert not is_consistent(4, WHOLE.root(3), 4, WHOLE.root(4), [])
