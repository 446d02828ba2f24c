"""An operator's act is told before and after, with one id, and what cannot be told is not done."""

import asyncio
import json

import pytest

from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from ops.acts import ADMIN_EVENTS, acting, operator, told
from schemas.accounts import AdminActed
from schemas.codec import decode


async def acts_in(log: MemoryLog) -> list[AdminActed]:
    """What is on admin-events, in the order of its writing."""
    parts = [await log.read(ADMIN_EVENTS, partition, 0, 100) for partition in range(await log.partitions_count(ADMIN_EVENTS))]
    return [decode(record.value, AdminActed) for part in parts for record in part]


def test_an_act_is_told_with_who_what_and_its_outcome() -> None:
    async def body() -> None:
        log = MemoryLog()
        event_id = await told(log, "keys_rotate", "key", "k-1", "done", {"b": 2, "a": 1})
        [act] = await acts_in(log)
        assert (act.event_id, act.actor, act.actor_kind, act.from_address) == (event_id, operator(), "operator", "")
        assert (act.action, act.target_kind, act.target, act.outcome, act.detail) == ("keys_rotate", "key", "k-1", "done", '{"a":1,"b":2}')
        assert act.actor.startswith("operator:")
        assert "@" in act.actor

    asyncio.run(body())


def test_an_act_begins_and_ends_under_one_id_and_its_end_says_what_was_found() -> None:
    async def body() -> None:
        log = MemoryLog()
        async with acting(log, "replay", "topic", "elsewhere", {"from": "start"}) as found:
            assert [act.outcome for act in await acts_in(log)] == ["begun"]
            found["written"] = 7
        begun, done = await acts_in(log)
        assert begun.event_id == done.event_id
        assert (begun.outcome, json.loads(begun.detail)) == ("begun", {"from": "start"})
        assert (done.outcome, json.loads(done.detail)) == ("done", {"from": "start", "written": 7})

    asyncio.run(body())


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(LogUnavailable("gone"), "log_unavailable"), (ValueError("a bug"), "failed"), (asyncio.CancelledError(), "interrupted")],
    ids=["ours", "bug", "cancelled"],
)
def test_an_act_that_fails_says_so_and_the_failure_goes_on(failure: BaseException, outcome: str) -> None:
    async def body() -> None:
        log = MemoryLog()
        with pytest.raises(type(failure)):
            async with acting(log, "export"):
                raise failure
        assert [act.outcome for act in await acts_in(log)] == ["begun", outcome]

    asyncio.run(body())


def test_what_cannot_be_told_is_not_done() -> None:
    async def fault(operation: str, moment: Moment) -> None:
        if operation == "publish":
            raise LogUnavailable("no broker")

    async def body() -> None:
        done = []
        with pytest.raises(LogUnavailable):
            async with acting(MemoryLog(fault=fault), "replay"):
                done.append(1)
        assert done == []

    asyncio.run(body())
