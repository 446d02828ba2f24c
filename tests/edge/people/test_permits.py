"""Laws of tenant roles: whatever calls are allowed, in whatever order, nobody comes to more than the one who let it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.people.permits import (
    ADMIN_LEVEL,
    BUILT_IN,
    EVERYTHING,
    FIXED,
    NOBODY,
    PERMISSIONS,
    ROOT,
    SENSITIVE,
    Actor,
    Giving,
    OfKey,
    OfRole,
    OfUser,
    RoleRow,
    TenantRole,
    held,
    key_actor,
    permits,
    role_of,
    root_actor,
    user_actor,
)

USERS = ("ana", "ben", "eve")
ROLES = ("helper", "lead", "support", "admin", "user", "root")
SOME = ("users.freeze", "roles.define", "roles.give", "keys.manage", "tokens.mint")  # few, so that they often meet


@dataclass(frozen=True, slots=True)
class Key:
    scopes: frozenset[str]
    maker: str  # a user, or root


@dataclass(slots=True)
class Tenant:
    """As the services keep it: rows of roles, who was given what and when, keys."""

    roles: dict[str, RoleRow] = field(default_factory=dict)
    given: dict[str, tuple[str, int]] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    now_ms: int = 0

    def holds(self, user: str) -> TenantRole:
        return ROOT if user == "root" else held(self.roles, *self.given.get(user, ("user", 1)))

    def actor(self, who: str) -> Actor:
        if who == "root":
            return root_actor()
        if who in USERS:
            return user_actor(who, self.holds(who), stepped_up=True)
        key = self.keys[int(who) % len(self.keys)]
        return key_actor(who, key.scopes, self.holds(key.maker))

    def powers(self) -> dict[str, TenantRole]:
        """Of every user and key."""
        keys = {str(number): self.actor(str(number)) for number in range(len(self.keys))}
        return {user: self.holds(user) for user in USERS} | {who: TenantRole(who, a.level, a.permissions) for who, a in keys.items()}


permission_sets = st.frozensets(st.sampled_from(SOME))
levels = st.integers(0, 101)
who = st.sampled_from(("root", *USERS, "0", "1"))
calls = st.one_of(
    st.tuples(st.just("define"), who, st.sampled_from(ROLES), levels, permission_sets),
    st.tuples(st.just("drop"), who, st.sampled_from(ROLES)),
    st.tuples(st.just("give"), who, st.sampled_from(USERS), st.sampled_from(ROLES)),
    st.tuples(st.just("key"), who, permission_sets),
    st.tuples(st.just("mint"), who, st.sampled_from(USERS)),
)


def perform(tenant: Tenant, call: tuple[object, ...], actor: Actor) -> bool:
    """Does what is allowed, as the services do. False: refused."""
    match call:
        case ("define", _, str(role), int(level), frozenset() as permissions):
            after = TenantRole(role, level, permissions)
            if not permits(actor, "roles.define", OfRole(role_of(tenant.roles, role), after)).allowed:
                return False
            old = tenant.roles.get(role, RoleRow(role, None))
            tenant.roles[role] = dataclasses.replace(old, definition=after)
        case ("drop", _, str(role)):
            before = role_of(tenant.roles, role)
            if before is None or not permits(actor, "roles.define", OfRole(before, None)).allowed:
                return False
            tenant.roles[role] = RoleRow(role, None, tenant.now_ms)
        case ("give", _, str(user), str(role)):
            chosen = role_of(tenant.roles, role)
            if chosen is None or not permits(actor, "roles.give", Giving(user, tenant.holds(user), chosen)).allowed:
                return False
            tenant.given[user] = (role, tenant.now_ms)
        case ("key", str(maker), frozenset() as scopes):
            if not permits(actor, "keys.manage", OfKey(scopes)).allowed:
                return False
            tenant.keys.append(Key(scopes, maker))
        case ("mint", _, str(user)):
            if not permits(actor, "tokens.mint", OfUser(user, tenant.holds(user))).allowed:
                return False
            assert tenant.holds(user).permissions <= actor.permissions
    return True


@settings(max_examples=400, deadline=None)
@given(st.lists(calls, max_size=25))
def test_no_sequence_of_allowed_calls_raises_anybody_above_who_allowed_it(sequence: list[tuple[object, ...]]) -> None:
    tenant = Tenant()
    for call in sequence:
        tenant.now_ms += 1
        name = str(call[1])
        if name.isdigit() and not tenant.keys:
            continue
        actor, before = tenant.actor(name), tenant.powers()
        allowed = perform(tenant, call, actor)
        after = tenant.powers()
        if not allowed:
            assert after == before
            continue
        new_keys = dict.fromkeys(after.keys() - before.keys(), NOBODY)
        for subject, was in (before | new_keys).items():
            now = after[subject]
            assert now.permissions - was.permissions <= actor.permissions
            if now.level > was.level and subject in USERS:
                assert now.level < actor.level
        if name in USERS:  # itself: not more than before, whatever it did
            assert after[name].level <= before[name].level
            assert after[name].permissions <= before[name].permissions


@given(st.sampled_from(sorted(PERMISSIONS)), levels, st.frozensets(st.sampled_from(sorted(PERMISSIONS))), levels)
def test_nobody_acts_on_a_user_of_its_level_or_above(permission: str, level: int, own: frozenset[str], other: int) -> None:
    verdict = permits(Actor("user", "ana", level, own, True), permission, OfUser("ben", TenantRole("x", other, frozenset())))
    assert verdict.allowed == (permission in own and other < level)


@given(st.frozensets(st.sampled_from(sorted(PERMISSIONS))), st.frozensets(st.sampled_from(sorted(PERMISSIONS))))
def test_a_key_has_what_its_scopes_name_and_its_maker_still_has(scopes: frozenset[str], still: frozenset[str]) -> None:
    actor = key_actor("k", scopes, TenantRole("x", 10, still))
    assert actor.permissions == (scopes & still) - {"keys.manage"}
    assert not permits(key_actor("k", scopes, NOBODY), "users.read").allowed


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_a_plain_user_may_nothing_and_root_everything(permission: str) -> None:
    assert permits(user_actor("ana", NOBODY, True), permission).code == "not_allowed"
    assert permits(root_actor(), permission).allowed


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_what_is_sensitive_needs_a_step_up_of_users_only(permission: str) -> None:
    verdict = permits(user_actor("ana", BUILT_IN["admin"], False), permission)
    assert (verdict.code == "step_up_needed") == (permission in SENSITIVE) == (not verdict.allowed)
    assert permits(key_actor("k", EVERYTHING, BUILT_IN["admin"]), permission).allowed == (permission != "keys.manage")


def test_an_administrator_makes_nobody_its_equal_and_not_itself_root() -> None:
    admin = user_actor("ana", BUILT_IN["admin"], True)
    assert permits(admin, "roles.give", Giving("ben", NOBODY, BUILT_IN["admin"])).code == "level_too_high"
    assert permits(admin, "roles.give", Giving("ana", BUILT_IN["admin"], ROOT)).code == "level_too_high"
    assert permits(root_actor(), "roles.give", Giving("ben", NOBODY, ROOT)).code == "level_too_high"
    assert permits(root_actor(), "roles.give", Giving("ben", NOBODY, BUILT_IN["admin"])).allowed
    own = TenantRole("lead", ADMIN_LEVEL, EVERYTHING)
    assert permits(admin, "roles.define", OfRole(BUILT_IN["admin"], own)).code == "level_too_high"


def test_a_backend_with_a_key_to_mint_tokens_does_not_become_an_administrator() -> None:
    backend = key_actor("k", {"tokens.mint", "users.create"}, ROOT)
    assert permits(backend, "tokens.mint", OfUser("ana", NOBODY)).allowed
    assert permits(backend, "tokens.mint", OfUser("ben", BUILT_IN["admin"])).code == "beyond_own"


def test_one_that_defines_roles_gives_only_what_it_has() -> None:
    few = Actor("user", "ana", 50, frozenset({"roles.define", "users.freeze"}), True)
    assert permits(few, "roles.define", OfRole(None, TenantRole("x", 49, frozenset({"users.freeze"})))).allowed
    assert permits(few, "roles.define", OfRole(None, TenantRole("x", 49, frozenset({"users.delete"})))).code == "beyond_own"
    assert permits(few, "roles.define", OfRole(None, TenantRole("x", 50, frozenset()))).code == "level_too_high"
    assert permits(few, "roles.define", OfRole(TenantRole("x", 60, frozenset()), TenantRole("x", 1, frozenset()))).code == "level_too_high"


@pytest.mark.parametrize("role", sorted(FIXED))
def test_what_everybody_and_root_have_is_never_defined_anew(role: str) -> None:
    assert permits(root_actor(), "roles.define", OfRole(role_of({}, role), TenantRole(role, 1, EVERYTHING))).code == "role_is_fixed"
    assert role_of({role: RoleRow(role, TenantRole(role, 99, EVERYTHING))}, role) == BUILT_IN[role]


def test_a_built_in_role_may_be_changed_and_not_dropped() -> None:
    weaker = TenantRole("support", 5, frozenset())
    assert permits(root_actor(), "roles.define", OfRole(BUILT_IN["support"], weaker)).allowed
    assert role_of({"support": RoleRow("support", weaker)}, "support") == weaker
    assert permits(root_actor(), "roles.define", OfRole(BUILT_IN["support"], None)).code == "role_is_fixed"


def test_who_held_a_dropped_role_does_not_get_the_next_of_that_name() -> None:
    anew = {"lead": RoleRow("lead", TenantRole("lead", 80, EVERYTHING), dropped_at_ms=100)}
    assert held(anew, "lead", 100) == NOBODY
    assert held(anew, "lead", 101).level == 80
    assert held({"lead": RoleRow("lead", None, 100)}, "lead", 101) == NOBODY
    assert held({}, "never there", 1) == NOBODY


def test_a_key_is_revoked_by_its_maker_and_by_who_stands_above() -> None:
    ana = Actor("user", "ana", 50, frozenset({"keys.manage"}), True)
    assert permits(ana, "keys.manage", OfKey(frozenset(), "ana", 50)).allowed
    assert permits(ana, "keys.manage", OfKey(frozenset(), "ben", 49)).allowed
    assert permits(ana, "keys.manage", OfKey(frozenset(), "ben", 50)).code == "level_too_high"
    assert permits(ana, "keys.manage", OfKey(frozenset(), "root", 100)).code == "level_too_high"
