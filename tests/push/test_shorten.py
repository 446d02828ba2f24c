import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.push.shorten import ELLIPSIS, first, fit, graphemes

# One character to a reader, each.
WHOLE = (
    "e\u0301",
    "\r\n",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # a family
    "\U0001f3f4\u200d\u2620\ufe0f",  # a pirates' flag
    "\U0001f44d\U0001f3fd",  # a thumb with a skin tone
    "\U0001f1e9\U0001f1ea",  # a country
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # a part of one
    "1\ufe0f\u20e3",
    "\u1112\u1161\u11ab",  # jamo
    "\ud55c",
    "\ud558\u11ab",
    "\u0915\u094d\u0937\u093f",  # Devanagari, joined by a virama
    "\u0e01\u0e33",  # Thai
    "\u0600\u0661",
    "g\u0308\u0323",
    "\u3042",
    "a",
    " ",
)
texts = st.text(st.sampled_from([*"".join(WHOLE)]) | st.characters(exclude_categories=["Cs"]), max_size=60) | st.lists(
    st.sampled_from(WHOLE), max_size=20
).map("".join)


def size(title: str, body: str) -> int:
    return len(json.dumps({"title": title, "body": body}, ensure_ascii=False).encode())


def utf16_size(title: str, body: str) -> int:
    return len((title + body).encode("utf-16-le"))


@pytest.mark.parametrize("character", WHOLE)
def test_what_a_reader_sees_as_one_is_one(character: str) -> None:
    assert list(graphemes(character)) == [character]
    assert list(graphemes(f"x{character}x")) in (["x", character, "x"], ["x" + character, "x"], ["x", character + "x"])


def test_four_flag_letters_are_two_flags() -> None:
    assert list(graphemes("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7\U0001f1e9")) == [
        "\U0001f1e9\U0001f1ea",
        "\U0001f1eb\U0001f1f7",
        "\U0001f1e9",
    ]


def test_what_is_whole_in_a_row_stays_apart() -> None:
    row = [character for character in WHOLE if character not in ("\u0600\u0661", "\r\n")]
    assert list(graphemes("".join(row))) == row


@given(texts)
def test_the_characters_are_the_text(text: str) -> None:
    assert "".join(graphemes(text)) == text


@given(texts, texts, st.integers(0, 300), st.sampled_from([size, utf16_size]))
def test_what_was_shortened_fits_and_is_a_prefix_of_whole_characters(title: str, body: str, limit: int, measure: type(size)) -> None:  # type: ignore[valid-type]
    short_title, short_body = fit(title, body, measure, limit)
    if measure("", "") <= limit:
        assert measure(short_title, short_body) <= limit
    if measure(title, body) <= limit:
        assert (short_title, short_body) == (title, body)
    for whole, short in ((title, short_title), (body, short_body)):
        assert short in ("", whole) or is_cut(whole, short)
    assert short_body == "" or short_title == title  # the body goes first


def is_cut(whole: str, short: str) -> bool:
    clusters = list(graphemes(whole))
    cuts = {"".join(clusters[:count]).rstrip() for count in range(len(clusters) + 1)} | {
        "".join(clusters[:count]) for count in range(len(clusters) + 1)
    }
    return short.endswith(ELLIPSIS) and short.removesuffix(ELLIPSIS) in cuts


@given(texts, st.integers(2, 300))
def test_nothing_longer_would_have_fitted(body: str, limit: int) -> None:
    _, short = fit("", body, utf16_size, limit)
    clusters = list(graphemes(body))
    kept = len(list(graphemes(short.removesuffix(ELLIPSIS))))
    if short != body:
        longer = [clusters[:count] for count in range(kept + 1, len(clusters))]
        assert all(utf16_size("", "".join(cut) + ELLIPSIS) > limit or cut[-1].isspace() for cut in longer)


@given(texts, st.integers(1, 30))
def test_the_first_characters_are_at_most_as_many_as_asked_for(text: str, limit: int) -> None:
    short = first(text, limit)
    assert len(list(graphemes(short))) <= limit
    assert short == text or short == "" or is_cut(text, short)


def test_a_limit_that_nothing_meets_gives_nothing() -> None:
    assert fit("Ana", "hello", size, 3) == ("", "")


def test_a_lone_surrogate_is_replaced() -> None:
    assert fit("a\ud800", "b", size, 1000) == ("a?", "b")


def test_a_long_text_is_shortened_in_few_measures() -> None:
    measured = 0

    def counting(title: str, body: str) -> int:
        nonlocal measured
        measured += 1
        return size(title, body)

    _, body = fit("Ana", "word " * 20_000, counting, 4096)
    assert len(body) > 4000
    assert measured < 25


def test_a_character_with_marks_without_end_is_not_cut_but_left_out() -> None:
    endless = "e" + "\u0301" * 1_000
    assert first(f"ab {endless} cd", 10) == f"ab{ELLIPSIS}"
    assert first(endless, 10) == ""
    assert first("e\u0301" * 10, 10) == "e\u0301" * 10
