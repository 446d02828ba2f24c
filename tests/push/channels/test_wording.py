import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.push.channels.wording import (
    NOTHING_TO_SAY,
    cut,
    for_app,
    half_widths,
    json_bytes,
    notify_id,
    notify_key,
    texts,
    utf16_units,
    within,
)
from tests.push.channel_laws import alert

words = st.text(max_size=300)
lengths = st.sampled_from([utf16_units, half_widths, json_bytes])


@settings(max_examples=150, deadline=None)
@given(words, words, lengths, st.integers(20, 150))
def test_no_text_is_longer_than_its_maker_allows_and_none_is_blank(title: str, body: str, length, limit: int) -> None:  # type: ignore[no-untyped-def]
    shown = texts(alert(title=title, body=body), length, limit, limit)
    assert all(length(text) <= limit for text in shown)
    if title.strip() and body.strip():
        assert shown[1].rstrip("…") == body[: len(shown[1].rstrip("…"))].rstrip("…") or "\ufffd" in shown[1] or "?" in shown[1]


@settings(max_examples=150, deadline=None)
@given(words, words, st.integers(0, 500))
def test_a_whole_message_is_within_its_bytes(title: str, body: str, envelope: int) -> None:
    found = within(alert(title=title, body=body), envelope, 1_024)
    if found is not None:
        assert envelope + sum(map(json_bytes, found)) <= 1_024


def test_a_long_title_leaves_the_body_its_room() -> None:
    found = within(alert(title="T" * 5_000, body="b" * 5_000), 100, 1_024)
    assert found is not None
    assert len(found[1]) > 600


def test_an_envelope_that_is_too_long_by_itself_has_no_text() -> None:
    assert within(alert(), 4_090, 4_096) is None


@pytest.mark.parametrize(("title", "body"), [("", ""), (" ", "\n")])
def test_nothing_to_say_is_a_dot(title: str, body: str) -> None:
    assert texts(alert(title=title, body=body), utf16_units, 10, 10) == (NOTHING_TO_SAY, NOTHING_TO_SAY)


def test_a_character_of_many_is_not_cut() -> None:
    family = "👩‍👩‍👧"
    assert cut(f"ab{family}{family}", utf16_units, 12) == f"ab{family}…"


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["conversation", "seq", "ref", "app"]), words), st.integers(200, 2_000))
def test_what_the_app_gets_is_whole_json_within_the_limit(data: dict[str, str], limit: int) -> None:
    some = dataclasses.replace(alert(), data=data, ticket="t" * 20)
    text = for_app(some, limit)
    found = json.loads(text)
    assert utf16_units(text) <= limit
    assert found["key"] == some.send_key
    assert all(data[name] == value for name, value in found["data"].items())


def test_ids_are_of_the_conversation_alone() -> None:
    ids = [notify_id(f"key-{number}") for number in range(1_000)]
    assert len(set(ids)) == 1_000
    assert all(0 < each < 2**31 for each in ids)
    assert notify_id("key-1") == ids[1]
    assert len(notify_key("key-1")) == 8
