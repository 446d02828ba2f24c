"""How many devices of a platform: who goes, who is refused, and that two at once come to one answer."""

from dataclasses import replace
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from edge.people.login_policy import too_many
from edge.people.policies import LoginPolicy, PlatformLimit
from store.sign_ins import SignIn

NOW = 1_000


def sign_in(number: int, platform: str = "web", device: str = "", **changes: object) -> SignIn:
    made = SignIn(f"l-{number}", device or f"d-{number}", platform, "password", (), False, number, NOW * 9, number)
    return replace(made, **changes)  # type: ignore[arg-type]


def policy(limit: int, when_full: Literal["replace", "refuse"] = "replace") -> LoginPolicy:
    return LoginPolicy(platforms={"web": PlatformLimit(sign_ins=limit, when_full=when_full)}, other=PlatformLimit(sign_ins=1_000))


def test_the_oldest_of_the_platform_makes_room() -> None:
    others = [sign_in(1), sign_in(2), sign_in(3, "ios"), sign_in(4, ended_reason="signed_out"), sign_in(5, expires_at_ms=NOW)]
    own = sign_in(9)
    assert too_many(policy(3), own, [*others, own], NOW) == ()
    assert too_many(policy(2), own, [*others, own], NOW) == (others[0],)
    assert too_many(policy(1), own, [*others, own], NOW) == (others[0], others[1])
    assert too_many(LoginPolicy(), own, [*others, own], NOW) == ()


def test_where_the_tenant_refuses_the_new_one_goes() -> None:
    own = sign_in(9)
    assert too_many(policy(2, "refuse"), own, [sign_in(1), sign_in(2), own], NOW) == (own,)
    assert too_many(policy(3, "refuse"), own, [sign_in(1), sign_in(2), own], NOW) == ()


def test_the_same_device_makes_room_for_itself() -> None:
    earlier, own = sign_in(2, device="phone"), sign_in(9, device="phone")
    assert too_many(policy(2), own, [sign_in(1), earlier, own], NOW) == (earlier,)
    assert too_many(policy(2, "refuse"), own, [sign_in(1), earlier, own], NOW) == (earlier,)


@given(st.integers(1, 4), st.integers(0, 6), st.integers(2, 5), st.sampled_from(["replace", "refuse"]))
def test_however_many_come_at_once_the_limit_is_kept_and_reached(
    limit: int, before: int, at_once: int, when_full: Literal["replace", "refuse"]
) -> None:
    """Each of those that come sees all the others, as they do when rows are written before they are read."""
    there = [sign_in(number) for number in range(1, min(before, limit) + 1)]
    coming = [sign_in(10 + number) for number in range(at_once)]
    ended = {each for own in coming for each in too_many(policy(limit, when_full), own, [*there, *coming], NOW)}
    left = [each for each in [*there, *coming] if each not in ended]
    assert len(left) == min(limit, len(there) + at_once)
    expected = sorted([*there, *coming], key=lambda each: each.opened_at_ms)
    assert left == (expected[-limit:] if when_full == "replace" else expected[:limit])
