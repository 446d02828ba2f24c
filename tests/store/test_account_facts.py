"""The statements that write an account event's row, and the fold that says what must be there, agree about every event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import accounts as facts
from store.account_facts import COLUMNS, KEEP_MS, AccountFacts, cells_of
from store.account_rows import writes_of

NOW = 10**12


def base(at_ms: int, user: str = "u-1") -> dict[str, Any]:
    return {"event_id": "e", "tenant": "default", "user": user, "at_ms": at_ms}


EVENTS: list[facts.AccountEvent] = [
    facts.UserRegistered(**base(NOW), user_kind="person", by="u-1"),
    facts.UserStateChanged(**base(NOW + 1), state="frozen", reason="spam", by="u-2"),
    facts.UserStateChanged(**base(NOW + 2), state="active", reason="", by="u-2"),
    facts.SignedIn(
        **base(NOW + 3),
        sign_in="l-1",
        device="d",
        platform="web",
        method="password",
        factors=("totp",),
        remembered=True,
        expires_at_ms=NOW * 2,
    ),
    facts.SteppedUp(**base(NOW + 4), sign_in="l-1", factor="totp"),
    facts.SignInEnded(**base(NOW + 5), sign_in="l-1", device="d", reason="revoked", by="u-2"),
    facts.FactorChanged(**base(NOW + 6), factor_id="f-1", factor_kind="totp", state="added", by="u-1"),
    facts.PushModeChanged(**base(NOW + 6), conversation_id="g-1", mode="mentions", until_ms=0),
    facts.TokenRevoked(**base(NOW + 6), token_id="t-1", expires_at_ms=NOW + 60_000, by="u-2"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_events_statement_sets_the_cells_that_the_fold_expects(event: facts.AccountEvent) -> None:
    found = cells_of(event)
    assert found is not None
    key, columns = found
    ((statement, values),) = writes_of(event, NOW)
    assert key[0] in statement
    assert all(part in values for part in key[1:])
    for column, value in columns.items():
        assert column in statement
        assert (list(value) if isinstance(value, tuple) else value) in values or repr(value) in statement


@given(st.permutations([*EVENTS, *EVENTS[:3]]))
def test_the_order_of_events_and_repeats_change_nothing(events: list[facts.AccountEvent]) -> None:
    straight, shuffled = AccountFacts(), AccountFacts()
    for event in EVENTS:
        straight.apply(event)
    for event in events:
        shuffled.apply(event)
    assert dict(straight.rows(NOW)) == dict(shuffled.rows(NOW))
    assert dict(straight.rows(NOW))["account_states", "u-1"] == ("person", "active", "", "u-2", NOW + 2)


def test_what_has_expired_is_not_expected() -> None:
    folded = AccountFacts()
    for event in EVENTS:
        folded.apply(event)
    assert {key[0] for key, _ in folded.rows(NOW + KEEP_MS)} == {"account_states", "sign_ins", "factors", "push_modes"}
    assert {key[0] for key, _ in folded.rows(NOW + KEEP_MS + 3)} == {"account_states", "factors", "push_modes"}
    assert all(len(row) == len(COLUMNS[key[0]]) for key, row in folded.rows(NOW))


def test_factors_of_a_deleted_user_and_those_that_are_pending_are_not_expected() -> None:
    folded = AccountFacts()
    for event in EVENTS:
        folded.apply(event)
    assert not folded.is_kept(("factors", "u-1", "f-2"), ("totp", "pending"), NOW)
    assert folded.is_kept(("factors", "u-1", "f-1"), ("totp", "added"), NOW)
    folded.apply(facts.UserStateChanged(**base(NOW + 9), state="deleted", reason="", by="u-1"))
    assert "factors" not in {key[0] for key, _ in folded.rows(NOW)}
