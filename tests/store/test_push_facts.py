"""Which device may have which token, by the events alone, in whatever order they are read."""

import itertools

from schemas.accounts import AccountEvent, PushTokenChanged, SignInEnded, UserStateChanged
from store.push_facts import TokenFacts

PLACE = ("u-ana", "phone", "fcm")


def changed(state: str, at_ms: int, token_id: str = "t-1", sign_in: str = "l-1") -> PushTokenChanged:
    return PushTokenChanged(
        **{"event_id": f"e-{at_ms}", "tenant": "default", "user": "u-ana", "at_ms": at_ms, "state": state},  # type: ignore[arg-type]
        device="phone",
        channel="fcm",
        token_id=token_id,
        reason="",
        by="u-ana",
        sign_in=sign_in,
    )


def ended(sign_in: str, at_ms: int) -> SignInEnded:
    return SignInEnded(
        event_id="e", tenant="default", user="u-ana", at_ms=at_ms, sign_in=sign_in, device="phone", reason="signed_out", by="u-ana"
    )


def told(*events: AccountEvent) -> str | None:
    found = set()
    for order in itertools.permutations(events):
        facts = TokenFacts()
        for event in (*order, *order):
            facts.apply(event)
        found.add(facts.token_of(PLACE))
    assert len(found) == 1
    return found.pop()


def test_the_last_that_was_added_stands() -> None:
    assert told() is None
    assert told(changed("added", 1), changed("added", 5, "t-2")) == "t-2"
    assert told(changed("added", 1), changed("removed", 2), changed("added", 3)) == "t-1"


def test_what_was_removed_moved_or_is_dead_stands_no_more() -> None:
    for state in ("removed", "moved", "invalidated"):
        assert told(changed("added", 1), changed(state, 2)) is None
        assert told(changed("added", 1), changed("added", 3, "t-2"), changed(state, 4)) == "t-2"  # of the one before


def test_a_token_goes_with_its_sign_in_and_its_user() -> None:
    assert told(changed("added", 1), ended("l-1", 2)) is None
    assert told(changed("added", 1), ended("l-2", 2)) == "t-1"
    assert told(changed("added", 3, sign_in="admin"), ended("admin", 2)) == "t-1"
    assert told(changed("added", 1, sign_in="admin"), ended("admin", 2)) is None
    gone = UserStateChanged(event_id="e", tenant="default", user="u-ana", at_ms=2, state="deleted", reason="", by="u-ana")
    assert told(changed("added", 1), gone) is None
