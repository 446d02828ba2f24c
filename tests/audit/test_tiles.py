"""Tiles and their edge give the same hashes as a tree in memory, and a state goes on where it was saved."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import tiles
from audit.checkpoint import Origin
from audit.errors import Malformed
from audit.leaf import leaf_bytes, leaf_hash
from audit.sealing import Sealing, read_state
from audit.tiles import TILE_HASHES, Edge, TiledHashes
from audit.tree import Tree, subtrees

ORIGIN = Origin("cluster", "conversation-events", 0)
COUNT = 2 * TILE_HASHES + 77
LEAVES = [leaf_bytes(3 * number + 1, number, None, str(number).encode()) for number in range(COUNT)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def tree_of(count: int) -> Tree:
    tree = Tree()
    for leaf in HASHES[:count]:
        tree.append(leaf)
    return tree


WHOLE = tree_of(COUNT)


def grown(count: int) -> tuple[Edge, dict[str, bytes]]:
    edge, stored = Edge(), dict[str, bytes]()
    for number, leaf in enumerate(HASHES[:count]):
        edge.append(leaf, 3 * number + 1)
    for tile in edge.full:
        stored[tile.name] = tile.data
    return edge, stored


@pytest.mark.parametrize("count", [0, 1, 2, 1000, TILE_HASHES - 1, TILE_HASHES, TILE_HASHES + 1, 2 * TILE_HASHES, COUNT])
def test_an_edge_has_the_root_of_the_tree(count: int) -> None:
    edge, stored = grown(count)
    assert edge.root() == WHOLE.root(count)
    assert edge.frontier().peaks == WHOLE.frontier(count).peaks
    assert len(stored) == count // TILE_HASHES


def test_three_levels_of_small_tiles_have_the_root_of_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE_BITS", 2)
    monkeypatch.setattr(tiles, "TILE_HASHES", 4)
    monkeypatch.setattr(tiles, "TILE_BYTES", 128)
    for count in range(1, 300):
        edge, stored = grown(count)
        assert edge.root() == WHOLE.root(count)
        if count % 37 == 0:
            hashes = TiledHashes(stored.get, edge)
            for level in range(9):
                for index in range(count >> level):
                    assert hashes.subtree(level, index) == WHOLE.subtree(level, index)
                with pytest.raises(LookupError):
                    hashes.subtree(level, count >> level)
            for number in range(count):
                index, offset = hashes.place_of(3 * number + 1)
                assert index == number // 4 * 4
                assert offset == 3 * index + 1


def test_stored_tiles_give_every_subtree_that_a_proof_needs() -> None:
    edge, stored = grown(COUNT)
    hashes = TiledHashes(stored.get, edge)
    for level, index in [*subtrees(0, COUNT), *subtrees(5, COUNT), *subtrees(TILE_HASHES - 3, COUNT - 9)]:
        assert hashes.subtree(level, index) == WHOLE.subtree(level, index)


def test_an_offset_is_found_near_its_leaf() -> None:
    edge, stored = grown(COUNT)
    hashes = TiledHashes(stored.get, edge)
    assert hashes.place_of(1) == (0, 1)
    assert hashes.place_of(3 * TILE_HASHES) == (0, 1)
    assert hashes.place_of(3 * TILE_HASHES + 1) == (TILE_HASHES, 3 * TILE_HASHES + 1)
    assert hashes.place_of(10**9) == (2 * TILE_HASHES, 6 * TILE_HASHES + 1)
    with pytest.raises(LookupError):
        TiledHashes(dict[str, bytes]().get, Edge()).place_of(0)


def test_a_tile_that_is_missing_or_damaged_is_named() -> None:
    edge, stored = grown(COUNT)
    for wrong in ({}, {name: data[:-1] for name, data in stored.items()}):
        with pytest.raises(LookupError, match="tiles/0/000000000 is"):
            TiledHashes(wrong.get, edge).subtree(0, 0)


def sealing(count: int) -> Sealing:
    made = Sealing(ORIGIN)
    feed(made, 0, count)
    return made


def feed(made: Sealing, start: int, end: int) -> None:
    for number in range(start, end):
        made.append(3 * number + 1, number, None, str(number).encode(), ())


@settings(max_examples=20)
@given(st.integers(0, COUNT), st.integers(0, 1000))
def test_a_state_that_was_saved_goes_on_as_if_nothing_had_been(cut: int, again: int) -> None:
    saved = read_state(sealing(cut).state())
    feed(saved, max(0, cut - again), COUNT)  # what was taken already is passed over
    assert saved.checkpoint(5) == dataclasses.replace(sealing(COUNT).checkpoint(5))
    assert saved.edge.root() == WHOLE.root(COUNT)


def test_a_checkpoint_names_the_one_before_and_what_it_covers() -> None:
    made = sealing(0)
    assert not made.is_due()
    feed(made, 0, 10)
    first = made.checkpoint(5)
    assert (first.size, first.first_offset, first.last_offset, first.previous) == (10, 1, 28, None)
    made.sealed(first, 7)
    assert not made.is_due()
    assert made.checkpoints_next == 8
    feed(made, 10, 11)
    assert made.is_due()
    assert read_state(made.state()).checkpoint(6).previous == first.digest()


def test_a_tree_that_begins_because_of_another_log_says_so_once_even_if_it_is_empty() -> None:
    made = Sealing(dataclasses.replace(ORIGIN, generation=1), 0, "the log was lost")
    assert made.is_due()
    first = made.checkpoint(5)
    assert (first.size, first.why) == (0, "the log was lost")
    made.sealed(first, 0)
    assert not made.is_due()


@pytest.mark.parametrize(
    "change", [lambda s: s[:-5], lambda s: s.replace(b'"size": 9', b'"size": 8'), lambda s: b"", lambda s: s[1:]], ids=range(4)
)
def test_a_damaged_state_is_refused(change: object) -> None:
    with pytest.raises(Malformed):
        read_state(change(sealing(9).state()))  # type: ignore[operator]


def test_an_edge_that_fits_no_tree_is_refused() -> None:
    for size, edge in ((1, [b""]), (TILE_HASHES, [b""]), (0, [bytes(32)])):
        with pytest.raises(Malformed):
            Edge(size, 0, edge)
