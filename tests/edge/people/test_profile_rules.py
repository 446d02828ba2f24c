"""What a profile may say, which bytes are an image, and under which terms a user is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.people import profile_rules as rules
from edge.people.profile_rules import BadProfile
from store.profiles import Profile, Term

GOOD_NAMES = [
    ("", ""),
    ("  Ana  ", "Ana"),
    ("Ana María Ñuñez", "Ana María Ñuñez"),
    ("A\u0301na", "Ána"),  # normalised
    ("李小龙", "李小龙"),
    ("محمد", "محمد"),
    ("می\u200cخواهم", "می\u200cخواهم"),  # Persian is written with a joiner
    ("👩\u200d👩\u200d👧 family", "👩\u200d👩\u200d👧 family"),
    ("x" * 64, "x" * 64),
    ("e\u0301\u0302\u0303\u0304", "é\u0302\u0303\u0304"),
    ("O'Neil-Smith, Jr.", "O'Neil-Smith, Jr."),
]
BAD_NAMES = {
    "too many": "x" * 65,
    "too many bytes": "李" * 64 + "👩\u200d" * 30 + "x",
    "control": "Ana\x07",
    "null": "Ana\x00",
    "new line": "Ana\nBen",
    "line separator": "Ana\u2028Ben",
    "bidi override": "Ana\u202egnp.exe",
    "bidi isolate": "\u2066Ana\u2069",
    "right-to-left mark": "Ana\u200f",
    "zero width space": "A\u200bna",
    "zero width only": "\u200d\u200c",
    "byte order mark": "\ufeffAna",
    "only a mark": "\u0301",
    "half a character": "\ud800",
    "private use": "\ue000",
    "unassigned": "\U000e0fff",
    "tag characters": "Ana\U000e0041",
    "marks on marks": "e" + "\u0301" * 20,
}


@pytest.mark.parametrize(("text", "kept"), GOOD_NAMES)
def test_a_display_name_is_of_any_script(text: str, kept: str) -> None:
    assert rules.display_name(text) == kept
    assert rules.display_name(kept) == kept


@pytest.mark.parametrize("text", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_a_name_that_lies_is_refused(text: str) -> None:
    with pytest.raises(BadProfile) as refused:
        rules.display_name(text)
    assert refused.value.code == "bad_display_name"


@given(st.text(max_size=80))
def test_whatever_is_taken_as_a_name_can_be_kept_and_taken_again(text: str) -> None:
    try:
        kept = rules.display_name(text)
    except BadProfile:
        return
    assert len(kept.encode()) <= rules.DISPLAY_NAME_BYTES_LIMIT
    assert rules.display_name(kept) == kept
    assert not set(kept) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\n\r\x00")


def test_about_has_lines_and_no_more_than_its_bytes() -> None:
    assert rules.about(" one\r\ntwo\n") == "one\ntwo"
    assert rules.about("x" * 1_024)
    for bad in ("x" * 1_025, "é" * 513, "a\tb", "a\u202eb"):
        with pytest.raises(BadProfile, match=r"at most|control"):
            rules.about(bad)


def test_fields_are_few_named_plainly_and_short() -> None:
    assert rules.fields({f"f{number}": "x" * 512 for number in range(32)})
    for bad in (
        {f"f{number}": "" for number in range(33)},
        {"Big": ""},
        {"": ""},
        {"1a": ""},
        {"a" * 33: ""},
        {"a": "x" * 513},
        {"a": "\x00"},
    ):
        with pytest.raises(BadProfile) as refused:
            rules.fields(bad)
        assert refused.value.code == "bad_fields"


def test_an_image_is_what_its_bytes_say() -> None:
    assert rules.image_type(b"\x89PNG\r\n\x1a\n" + b"\0" * 10) == "image/png"
    assert rules.image_type(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert rules.image_type(b"RIFF\x10\0\0\0WEBPVP8 ") == "image/webp"
    at_limit = b"\xff\xd8\xff" + b"\0" * (rules.AVATAR_BYTES_LIMIT - 3)
    assert rules.image_type(at_limit) == "image/jpeg"
    for bad in (b"", b"GIF89a", b"<svg onload=alert(1)>", b"\x89PNG\r\n", b"RIFF\x10\0\0\0WAVE", at_limit + b"\0", b" \xff\xd8\xff"):
        with pytest.raises(BadProfile) as refused:
            rules.image_type(bad)
        assert refused.value.code == "bad_avatar"


def test_a_user_is_found_by_its_name_and_by_each_word_it_shows() -> None:
    terms = rules.terms_of("Ana77", "Ána  de la CRUZ")
    assert {term.term for term in terms} == {"ana77", "ana de la cruz", "de la cruz", "la cruz", "cruz"}
    assert all(term.term.startswith(term.head) and len(term.head) == rules.HEAD_CHARS for term in terms)
    assert rules.terms_of("a", "") == frozenset()
    assert rules.terms_of("ab", "李小龙") == {Term("ab", "ab"), Term("李小", "李小龙")}
    assert rules.still_found("cruz", terms)
    assert not rules.still_found("crux", terms)
    assert rules.folded("ＡNA") == "ana"
    assert len(rules.folded("x" * 500)) == rules.TERM_CHARS_LIMIT


@given(st.text(min_size=2, max_size=20), st.text(max_size=20))
def test_every_term_lies_between_each_of_its_beginnings_and_what_is_after_them(name: str, shown: str) -> None:
    for each in rules.terms_of(name, shown):
        for length in range(rules.HEAD_CHARS, len(each.term) + 1):
            assert each.term[:length] <= each.term < rules.after_all(each.term[:length])


def test_a_change_keeps_what_it_does_not_name() -> None:
    old = Profile("Ana", "hi", "a-1", {"team": "x"}, 4)
    assert rules.merged(old, None, None, None, None) == Profile("Ana", "hi", "a-1", {"team": "x"}, 5)
    assert rules.merged(old, "", "", "", {}) == Profile("", "", "", {}, 5)
