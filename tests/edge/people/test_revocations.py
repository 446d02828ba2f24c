"""What was revoked is refused from that moment on, whatever comes in between, and what is over is forgotten."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.people.contact import Contact
from edge.people.revocations import Revocations
from edge.tokens import Grant
from schemas.accounts import AccountEvent, SignInEnded, TokenRevoked, UserStateChanged
from store.sign_ins import NO_SIGN_IN

NOW = 1_000_000
KEEP = 900_000


def base(user: str = "u-ana", at_ms: int = NOW) -> dict[str, Any]:
    return {"event_id": "e", "tenant": "default", "user": user, "at_ms": at_ms}


def state(state: Any, at_ms: int = NOW) -> UserStateChanged:
    return UserStateChanged(**base(at_ms=at_ms), state=state, reason="", by="root")


def ended(sign_in: str, reason: Any = "revoked", at_ms: int = NOW) -> SignInEnded:
    return SignInEnded(**base(at_ms=at_ms), sign_in=sign_in, device="d", reason=reason, by="u-ana")


def grant(user: str = "u-ana", sign_in: str = "l-1", token: str = "t-1", issued: int = NOW - 5) -> Grant:
    return Grant(user, sign_in, NOW + KEEP, token_id=token, issued_at_ms=issued)


def noted(*events: AccountEvent) -> Revocations:
    found = Revocations(KEEP)
    for event in events:
        found.note(event, NOW)
    return found


@pytest.mark.parametrize(
    ("event", "why", "spared"),
    [
        (state("frozen"), "frozen", grant(user="u-ben")),
        (state("deactivated"), "deactivated", grant(user="u-ben")),
        (state("deleted"), "deleted", grant(user="u-ben")),
        (ended("l-1"), "revoked", grant(sign_in="l-2")),
        (ended("l-1", "signed_out"), "revoked", grant(sign_in="l-2")),
        (ended("l-1", "reused"), "revoked", grant(sign_in="l-2")),
        (ended("l-1", "replaced"), "replaced", grant(user="u-ben", sign_in="l-1")),
        (TokenRevoked(**base(), token_id="t-1", expires_at_ms=NOW + 9, by="root"), "revoked", grant(token="t-2")),
    ],
)
def test_it_is_refused_for_what_it_was_and_nothing_else_is(event: AccountEvent, why: str, spared: Grant) -> None:
    revocations = noted(event, event)
    assert revocations.why(grant()) == why
    assert revocations.why(spared) is None
    assert len(revocations) == 1


def test_who_is_active_again_comes_in_and_what_comes_late_changes_nothing() -> None:
    revocations = noted(state("frozen", NOW), state("active", NOW + 1), state("frozen", NOW))
    assert revocations.why(grant()) is None
    revocations.note(state("frozen", NOW + 2), NOW)
    assert revocations.why(grant()) == "frozen"


def test_of_tokens_without_a_sign_in_those_made_before_are_void() -> None:
    revocations = noted(ended(NO_SIGN_IN))
    assert revocations.why(grant(sign_in=NO_SIGN_IN, issued=NOW)) == "revoked"
    assert revocations.why(grant(sign_in=NO_SIGN_IN, issued=NOW + 1_000)) is None


def test_it_is_remembered_for_as_long_as_a_token_could_live() -> None:
    revocations = noted(state("frozen"), ended("l-1"), TokenRevoked(**base(), token_id="t-1", expires_at_ms=NOW + KEEP, by="root"))
    revocations.sweep(NOW + KEEP - 1)
    assert len(revocations) == 3
    revocations.sweep(NOW + KEEP)
    assert len(revocations) == 0


@given(st.permutations([state("frozen", NOW), state("active", NOW + 1), state("deactivated", NOW + 2), state("active", NOW + 3)]))
def test_the_order_in_which_a_users_states_are_heard_changes_nothing(events: list[AccountEvent]) -> None:
    assert noted(*events).why(grant()) is None


def test_a_node_that_does_not_hear_is_blind_until_it_has_heard_everything() -> None:
    contact = Contact(10_000)
    assert contact.is_lost(0)
    contact.heard(100)
    assert not contact.is_lost(10_100)
    assert contact.is_lost(10_101)
    contact.heard(50)  # an answer to an earlier question says nothing new
    assert contact.is_lost(10_101)
    contact.heard(10_200)
    assert not contact.is_lost(10_300)
