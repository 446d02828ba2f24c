"""Every call of an administrator is decided, and told before it is answered; a change also before it is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edge.people.admin_log import ADMIN_EVENTS, Who
from edge.people.permits import NOBODY, Actor, OfUser, TenantRole, root_actor, user_actor
from edge.rest.admin.acting import Act, Administrator
from edge.rest.errors import Problem
from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from schemas.accounts import AdminActed
from schemas.codec import decode_admin_event
from store.errors import StoreUnavailable
from tests.edge.nodes import Stage, on_a_node

READ = Act("users.get", "users.read", "user", "u-ben")
CHANGE = Act("users.freeze", "users.freeze", "user", "u-ben", {"why": "spam"}, changes=True)


def administrator(stage: Stage, actor: Actor | None = None) -> Administrator:
    return Administrator(stage.node, Who(actor or root_actor(), "192.0.2.1"))


async def outcomes(stage: Stage) -> list[str]:
    events = [decode_admin_event(value) for value in await stage.published(ADMIN_EVENTS)]
    acted = [event for event in events if isinstance(event, AdminActed)]
    assert len(acted) == len(events)
    assert len({event.event_id for event in acted}) <= 1
    assert {(event.from_address, event.target) for event in acted} <= {("192.0.2.1", "u-ben")}
    return [event.outcome for event in acted]


def test_a_change_is_told_before_it_is_made_and_when_it_is_over() -> None:
    async def body(stage: Stage) -> None:
        seen: list[list[str]] = []

        async def work() -> str:
            seen.append(await outcomes(stage))
            return "answer"

        assert await administrator(stage).perform(CHANGE, work) == "answer"
        assert seen == [["begun"]]
        assert await outcomes(stage) == ["begun", "done"]

    on_a_node(body)


def test_a_read_is_told_once() -> None:
    async def body(stage: Stage) -> None:
        async def work() -> int:
            assert await outcomes(stage) == []
            return 7

        assert await administrator(stage).perform(READ, work) == 7
        assert await outcomes(stage) == ["done"]

    on_a_node(body)


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [(Problem(409, "wrong_state", "no"), "wrong_state"), (StoreUnavailable("away"), "unavailable")],
)
def test_what_went_wrong_is_told_with_its_code(raised: Exception, outcome: str) -> None:
    async def body(stage: Stage) -> None:
        async def work() -> None:
            raise raised

        with pytest.raises(type(raised)):
            await administrator(stage).perform(CHANGE, work)
        assert await outcomes(stage) == ["begun", outcome]

    on_a_node(body)


def test_a_refused_call_is_told_and_does_nothing() -> None:
    async def body(stage: Stage) -> None:
        done: list[int] = []

        async def work() -> None:
            done.append(1)

        async def higher() -> OfUser:
            return OfUser("u-ben", TenantRole("lead", 60, frozenset()))

        lead = user_actor("u-ana", TenantRole("lead", 60, frozenset({"users.freeze"})), stepped_up=True)
        for actor, code in ((user_actor("u-eve", NOBODY, True), "not_allowed"), (lead, "level_too_high")):
            with pytest.raises(Problem) as refused:
                await administrator(stage, actor).perform(CHANGE, work, higher)
            assert (refused.value.status, refused.value.code) == (403, code)
        assert done == []

    on_a_node(body)


def test_a_call_on_nobody_is_told_as_such_and_a_stranger_does_not_learn_who_is_there() -> None:
    async def body(stage: Stage) -> None:
        asked: list[int] = []

        async def nobody() -> None:
            asked.append(1)
            raise Problem(404, "unknown_user", "there is no such user")

        async def work() -> None:
            raise AssertionError

        with pytest.raises(Problem) as refused:
            await administrator(stage, user_actor("u-eve", NOBODY, True)).perform(CHANGE, work, nobody)
        assert (refused.value.code, asked) == ("not_allowed", [])
        with pytest.raises(Problem) as refused:
            await administrator(stage).perform(CHANGE, work, nobody)
        assert (refused.value.code, asked) == ("unknown_user", [1])

    on_a_node(body)


def test_nothing_is_done_while_the_log_is_away() -> None:
    away = False

    async def fault(operation: str, moment: Moment) -> None:
        if away and operation == "publish" and moment == "before":
            raise LogUnavailable("away")

    async def body(stage: Stage) -> None:
        nonlocal away

        async def work() -> None:
            raise AssertionError("done without being told")

        away = True
        with pytest.raises(LogUnavailable):
            await administrator(stage).perform(CHANGE, work)
        away = False
        assert await outcomes(stage) == []

    on_a_node(body, MemoryLog(fault=fault))


def test_a_key_is_known_by_its_secret_until_it_ends_or_is_revoked() -> None:
    async def body(stage: Stage) -> None:
        keys, who = stage.node.api_keys, Who(root_actor(), "")
        made = await keys.make(who, "backend", frozenset({"users.read"}), 5_000)
        found = await keys.check(made.text, 4_999)
        assert found is not None
        assert (found.key_id, found.scopes, found.name) == (made.key_id, frozenset({"users.read"}), "backend")
        assert await keys.check(made.text, 5_000) is None
        for guess in (made.key_id, made.key_id + ".", made.text + "x", made.text[:-1], "wk-.", "wk-none.nothing", "", ".nothing", "wk-é.x"):
            assert await keys.check(guess, 1) is None
        endless = await keys.make(who, "other", frozenset({"users.read"}), 0)
        assert await keys.check(endless.text, 2**50) is not None
        await keys.revoke(who, endless.key_id)
        assert await keys.check(endless.text, 1) is None
        values: list[Any] = await stage.published(ADMIN_EVENTS)
        assert not any(made.text.partition(".")[2].encode() in value for value in values)

    on_a_node(body)


def test_a_key_whose_row_was_lost_opens_nothing() -> None:
    async def body(stage: Stage) -> None:
        made = await stage.node.api_keys.make(Who(root_actor(), ""), "backend", frozenset({"users.read"}), 0)
        tables: Any = stage.node.tables.tenancy
        tables.secrets.clear()
        for guess in (made.text, made.key_id + ".", made.key_id + ".nothing"):
            assert await stage.node.api_keys.check(guess, 1) is None
        assert dataclasses.is_dataclass(await stage.node.api_keys.get(made.key_id))

    on_a_node(body)
