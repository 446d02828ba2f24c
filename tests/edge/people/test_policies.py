"""Policies: values that are checked, with defaults, and one text for one value."""

from __future__ import annotations

from typing import Any

import pytest

from edge.people.policies import KINDS, POLICY_BYTES_LIMIT, BadPolicy, Names, PlatformLimit, Policies, changed, plain, read, written

GOOD: dict[str, dict[str, Any]] = {
    "login_policy": {"platforms": {"ios": {"sign_ins": 1, "when_full": "refuse"}}, "other": {"sign_ins": 3}},
    "second_factor": {"from_level": 30, "roles": ["lead"], "factors": ["totp"], "remember_days": 0},
    "sign_up": {"open": False, "methods": ["email"]},
    "sign_in": {"methods": ["provider"]},
    "names": {"chars_min": 3, "chars_max": 10, "reserved": ["Admin"]},
    "passwords": {"chars_min": 12},
    "step_up": {"minutes": 5},
    "directory": {"search": False},
}
BAD: list[tuple[str, object]] = [
    ("no_such", {}),
    ("step_up", []),
    ("step_up", None),
    ("step_up", {"minutes": 0}),
    ("step_up", {"minutes": 1441}),
    ("step_up", {"minutes": "5"}),
    ("step_up", {"minutes": True}),
    ("step_up", {"minuets": 5}),
    ("passwords", {"chars_min": 7}),
    ("sign_up", {"methods": ["telepathy"]}),
    ("login_policy", {"platforms": {"": {"sign_ins": 1}}}),
    ("login_policy", {"platforms": {f"p{number}": {"sign_ins": 1} for number in range(17)}}),
    ("login_policy", {"other": {"sign_ins": 0}}),
    ("login_policy", {"other": {"when_full": "explode"}}),
    ("second_factor", {"from_level": 102}),
    ("names", {"chars_min": 5, "chars_max": 4}),
    ("names", {"reserved": ["x" * 65]}),
    ("names", {"reserved": ["\ud800"]}),
    ("names", {"reserved": ["x" * 64] * 500}),
]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_policy_is_read_as_it_was_written(name: str) -> None:
    policy = read(name, GOOD[name])
    assert policy != getattr(Policies(), name)
    assert read(name, plain(policy)) == policy
    assert getattr(changed(Policies(), name, written(policy)), name) == policy
    assert read(name, {}) == getattr(Policies(), name)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_a_policy_cannot_be_is_refused_with_its_name(name: str, value: object) -> None:
    with pytest.raises(BadPolicy) as refused:
        read(name, value)
    assert name in str(refused.value)


def test_one_value_has_one_text() -> None:
    ways = ({"chars_max": 9, "reserved": ["b", "a"]}, {"reserved": ["b", "a"], "chars_max": 9, "chars_min": 1})
    assert len({written(read("names", way)) for way in ways}) == 1
    assert len(written(read("names", {"reserved": ["é" * 64] * 120}))) < POLICY_BYTES_LIMIT


def test_what_a_later_release_wrote_leaves_what_held() -> None:
    held = changed(Policies(), "step_up", '{"minutes": 3}')
    for name, text in (("step_up", '{"moons": 1}'), ("telepathy", "{}"), ("step_up", "not json")):
        assert changed(held, name, text) == held


def test_the_policies_decide() -> None:
    policies = changed(Policies(), "login_policy", written(read("login_policy", GOOD["login_policy"])))
    assert policies.login_policy.limit_of("ios") == PlatformLimit(sign_ins=1, when_full="refuse")
    assert policies.login_policy.limit_of("web") == PlatformLimit(sign_ins=3)
    factor = changed(policies, "second_factor", '{"from_level": 30, "roles": ["lead"]}').second_factor
    assert [factor.needed("user", 0), factor.needed("lead", 5), factor.needed("x", 29), factor.needed("x", 30)] == [
        False,
        True,
        False,
        True,
    ]
    assert not policies.second_factor.needed("root", 100)
    assert policies.sign_up.allows("password")
    assert not changed(policies, "sign_up", '{"open": false}').sign_up.allows("password")
    names = Names(chars_min=2, chars_max=5, reserved=("Admin",))
    assert [bool(names.refusal(name)) for name in ("a", "ab", "abcdef", "ADMIN", "admin")] == [True, False, True, True, True]
