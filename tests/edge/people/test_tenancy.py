"""Roles and policies on a node: an event first, then rows, then what the node remembers; the same for events of other nodes."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from edge.people import policies as named
from edge.people.admin_log import ADMIN_EVENTS, Who
from edge.people.permits import BUILT_IN, EVERYTHING, NOBODY, TenantRole, root_actor
from log.port import Record
from schemas.accounts import AdminEvent, ApiKeyMade, ApiKeyRevoked, PolicyChanged, TenantRoleDefined, TenantRoleDropped, TenantRoleGiven
from schemas.codec import decode_admin_event, encode
from store.tenant_facts import TenantFacts
from tests.edge.nodes import Stage, on_a_node, until

ROOT_HERE = Who(root_actor(), "127.0.0.1")
LEAD = TenantRole("lead", 40, frozenset({"users.read"}))


def test_a_role_is_defined_given_and_dropped() -> None:
    async def body(stage: Stage) -> None:
        tenancy = stage.node.tenancy
        assert await tenancy.role_of_user("ana") == NOBODY
        await tenancy.define(ROOT_HERE, LEAD)
        await tenancy.give(ROOT_HERE, "ana", "lead", 1_000)
        assert await tenancy.role_of_user("ana") == LEAD
        assert await tenancy.holders() == [("ana", LEAD)]
        assert [role.role for role in tenancy.roles()] == ["root", "admin", "moderator", "lead", "support", "user"]
        await tenancy.drop(ROOT_HERE, "lead")
        assert await tenancy.role_of_user("ana") == NOBODY
        assert tenancy.role("lead") is None
        told = [decode_admin_event(value) for value in await stage.published(ADMIN_EVENTS)]
        assert [type(event) for event in told] == [TenantRoleDefined, TenantRoleDropped]
        assert {(event.actor, event.actor_kind, event.from_address) for event in told} == {("root", "root", "127.0.0.1")}

    on_a_node(body)


def test_of_changes_within_one_millisecond_the_last_one_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.people.admin_log.clock_ms", lambda: 1_800_000_000_000)

    async def body(stage: Stage) -> None:
        tenancy = stage.node.tenancy
        for _ in range(2):
            await tenancy.define(ROOT_HERE, LEAD)
            assert tenancy.role("lead") == LEAD
            await tenancy.drop(ROOT_HERE, "lead")
            assert tenancy.role("lead") is None
        for chars in (20, 12, 9):
            await tenancy.change_policy(ROOT_HERE, "passwords", f'{{"chars_min":{chars}}}')
            assert tenancy.policies.passwords.chars_min == chars

    on_a_node(body)


def test_what_another_node_changed_holds_here_once_the_feed_has_it() -> None:
    async def body(stage: Stage) -> None:
        event = PolicyChanged(**ROOT_HERE.base(), policy="passwords", value='{"chars_min":12}')
        assert stage.node.tenancy.policies.passwords.chars_min == 8
        stage.node.tenancy.on_admin_events([Record(ADMIN_EVENTS, 0, 0, 0, b"root", encode(ADMIN_EVENTS, event))])
        assert stage.node.tenancy.policies.passwords.chars_min == 12
        await stage.node.tenancy.load()
        assert stage.node.tenancy.policies.passwords.chars_min == 12  # rows that are older than what was heard change nothing

    on_a_node(body)


def test_a_policy_that_was_changed_holds_at_once() -> None:
    async def body(stage: Stage) -> None:
        await stage.node.tenancy.change_policy(ROOT_HERE, "directory", named.written(named.read("directory", {"search": False})))
        assert not stage.node.tenancy.policies.directory.search

    on_a_node(body)


def test_a_damaged_record_is_buried_and_the_rest_is_heard() -> None:
    async def body(stage: Stage) -> None:
        good = TenantRoleDefined(**ROOT_HERE.base(), role="lead", level=40, permissions=("users.read",))
        records = [Record(ADMIN_EVENTS, 0, at, 0, b"root", value) for at, value in enumerate((b"?", encode(ADMIN_EVENTS, good)))]
        stage.node.tenancy.on_admin_events(records)
        assert stage.node.tenancy.role("lead") == LEAD
        await until(lambda: not stage.node.publisher.used_bytes)
        assert len(await stage.published("dead-letters")) == 1

    on_a_node(body)


def history(seed: int) -> list[AdminEvent | TenantRoleGiven]:
    """Of two administrators whose clocks tick together, so that some events have the same time."""
    rng = random.Random(seed)
    base: dict[str, Any] = {"event_id": "e", "tenant": "default", "actor": "root", "actor_kind": "root", "from_address": ""}
    made: list[AdminEvent | TenantRoleGiven] = []
    for at_ms in itertools.chain.from_iterable((t, t) for t in range(1, 6)):
        choices: list[AdminEvent | TenantRoleGiven] = [
            TenantRoleDefined(**base, at_ms=at_ms, role="x", level=rng.randrange(99), permissions=tuple(rng.sample(sorted(EVERYTHING), 2))),
            TenantRoleDropped(**base, at_ms=at_ms, role="x"),
            TenantRoleGiven(event_id="e", tenant="default", user="ana", at_ms=at_ms, role=rng.choice("xy"), by="root"),
            ApiKeyMade(**base, at_ms=at_ms, key_id=f"k{at_ms}", scopes=("users.read",), expires_at_ms=0),
            ApiKeyRevoked(**base, at_ms=at_ms, key_id=f"k{rng.randrange(6)}"),
            PolicyChanged(**base, at_ms=at_ms, policy="step_up", value=f'{{"minutes":{rng.randrange(1, 9)}}}'),
        ]
        made.append(rng.choice(choices))
    return made


def test_the_order_in_which_events_are_heard_does_not_matter() -> None:
    for seed in range(60):
        events = history(seed)
        straight, shuffled, halves = TenantFacts(), TenantFacts(), [TenantFacts(), TenantFacts()]
        mixed = events * 2
        random.Random(seed).shuffle(mixed)
        for event in events:
            straight.apply(event)
        for event in mixed:
            shuffled.apply(event)
        for number, event in enumerate(mixed):
            halves[number % 2].apply(event)
        halves[0].merge(halves[1])
        assert straight == shuffled == halves[0], f"seed {seed}"


def test_the_built_in_roles_are_ordered() -> None:
    levels = [BUILT_IN[role].level for role in ("user", "support", "moderator", "admin", "root")]
    assert levels == sorted(set(levels))
