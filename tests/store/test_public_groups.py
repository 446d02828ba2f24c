"""Where public groups are found: the rows that lead to them."""

import pytest

from store.public_groups import PREFIX_OF_ALL, rows_of, words_of


@pytest.mark.parametrize("title", ["", "Owls", "…", "*", "Straße der Eulen", "\u2603 snow"])
def test_every_row_has_a_partition_to_be_in(title: str) -> None:
    assert all(prefix != "" for prefix, _, _ in rows_of(title, "g-1"))


@pytest.mark.parametrize("title", ["*", "** stars **", "a * b"])
def test_no_word_stands_among_the_rows_of_all(title: str) -> None:
    assert [word for prefix, word, _ in rows_of(title, "g-1") if prefix == PREFIX_OF_ALL] == [""]
    assert PREFIX_OF_ALL not in "".join(words_of(title))
