"""Rows of ended calls: what a user's list holds of a large call, and where a page goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.call_values import PartyRecord
from store.call_rows import OTHERS_LIMIT, CallRow, month_of, place_of, place_text, rows_of, seen_by, unpacked

AT_MS = 1_760_000_000_000


def row(*users: str, caller: str = "ana") -> CallRow:
    return CallRow(
        call_id="c1",
        conversation_id="g-1",
        call_kind="group",
        media="video",
        caller=caller,
        outcome="ended",
        reason="all_left",
        requested_at_ms=AT_MS - 9_000,
        answered_at_ms=AT_MS - 8_000,
        connected_at_ms=AT_MS - 7_000,
        ended_at_ms=AT_MS,
        ring_ms=1_000,
        talk_ms=7_000,
        parties=tuple(PartyRecord(user=user, state="left") for user in sorted(users)),
        parties_count=len(users),
    )


@given(st.sets(st.text("abcdefgh", min_size=1, max_size=2), min_size=2, max_size=40))
def test_a_users_row_has_itself_and_the_caller_and_does_not_grow_with_the_call(users: set[str]) -> None:
    whole = row(*users, caller=min(users))
    rows = rows_of(whole)
    assert {place.owner for place in rows if place.table == "calls_by_user"} == users
    for place, value in rows.items():
        shown = unpacked(value)
        assert (place.month, place.ended_at_ms, place.call_id) == (month_of(AT_MS), AT_MS, "c1")
        named = {party.user for party in shown.parties}
        assert shown.parties_count == len(users)
        if place.table == "calls_by_conversation":
            assert shown == whole
        else:
            assert {place.owner, whole.caller} <= named
            assert len(named) == min(len(users), OTHERS_LIMIT + 1)
            assert shown == seen_by(whole, place.owner)


def test_a_page_goes_on_where_it_ended() -> None:
    assert place_of(place_text(row("ana", "bob"))) == (AT_MS, "c1")


@pytest.mark.parametrize("text", ["", ".", "1", "1.", "x.c1", "-1.c1", "1" * 200 + ".c", "\u0661.c1"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        place_of(text)
