"""What is the same name, address or number, and what is none."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.people.identifiers import BadIdentifier, email_key, external_key, login_key, name_key, phone_key

NAMES = st.text("abcXYZ019._-|[]{}^`\\", min_size=1, max_size=64)


@given(NAMES)
def test_a_name_is_shown_as_it_was_written_and_compared_without_case(name: str) -> None:
    key, shown = name_key(name)
    assert shown == name
    assert {name_key(each)[0] for each in (name.upper(), name.lower(), key)} == {key}


@given(NAMES)
def test_the_wide_forms_of_a_name_are_the_same_name(name: str) -> None:
    wide = "".join(chr(ord(each) + 0xFEE0) for each in name)
    assert name_key(wide) == name_key(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "a\u00a0b",
        "\u0430na",  # Cyrillic a
        "an\u0251",  # Latin alpha
        "\u03bf",  # Greek omicron
        "ana\u200b",  # zero width space
        "an\u200da",  # zero width joiner
        "ana\ufeff",
        "\u202eana",  # right-to-left override
        "ana\u200f",
        "\u2066ana\u2069",
        "an\u0301a",  # combining accent
        "Ana\u00ad",  # soft hyphen
        "a\x00b",
        "a\nb",
        "ana@home",
        "+4912345",
        "a/b",
        "a" * 65,
        "\ufb01" * 33,  # a ligature of two letters: too long only once it is written out
        "\ud800",
    ],
)
def test_what_can_be_taken_for_another_name_is_refused(name: str) -> None:
    with pytest.raises(BadIdentifier) as refused:
        name_key(name)
    assert refused.value.code == "bad_name"


@given(st.text(max_size=80))
def test_any_text_has_a_key_that_is_its_own_key_or_is_refused(text: str) -> None:
    try:
        key, shown = name_key(text)
    except BadIdentifier:
        return
    assert key.isascii()
    assert name_key(key)[0] == name_key(shown)[0] == key
    assert unicodedata.normalize("NFKC", text) == shown


def test_an_address_is_compared_without_case_and_its_domain_as_it_is_sent() -> None:
    assert email_key("Ana.Maria@Example.ORG")[0] == email_key("ana.maria@example.org")[0] == "ana.maria@example.org"
    assert email_key("ana@bücher.example")[0] == email_key("ana@xn--bcher-kva.example")[0]
    for text in (
        "",
        "@",
        "ana",
        "ana@",
        "@example.org",
        "ana@example.org\n",
        "a@b@c.org",
        "ana @example.org",
        "x" * 255,
        "a" * 65 + "@b.org",
    ):
        with pytest.raises(BadIdentifier):
            email_key(text)


def test_a_number_is_compared_as_it_is_dialled() -> None:
    assert {phone_key(text)[0] for text in ("+49 30 901820", "+49 (0)30 901820", "+4930901820", "\uff0b4930901820")} == {"+4930901820"}
    for text in ("", "+", "030 901820", "+49", "+0 30 901820", "+4930901820" * 4, "+49abc", "\x00"):
        with pytest.raises(BadIdentifier):
            phone_key(text)


@given(st.text(max_size=300))
def test_any_text_is_an_address_and_a_number_or_is_refused_and_nothing_worse(text: str) -> None:
    for key_of in (email_key, phone_key):
        try:
            key, shown = key_of(text)
        except BadIdentifier:
            continue
        assert key_of(key)[0] == key
        assert shown


def test_who_signs_in_means_a_name_an_address_or_a_number() -> None:
    assert login_key("Ana") == ("name", "ana")
    assert login_key("ANA@example.org") == ("email", "ana@example.org")
    assert login_key("+49 30 901820") == ("phone", "+4930901820")
    assert login_key("4930901820") == ("name", "4930901820")


def test_subjects_of_two_providers_never_meet() -> None:
    assert external_key("a", "b c")[0] != external_key("a", "b")[0] != external_key("b", "a")[0]
