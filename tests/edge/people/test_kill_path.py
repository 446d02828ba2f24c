"""What is revoked closes its sessions on every node, also one that was cut off from the log, and a hello that races it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from edge import closing, frames
from edge.errors import SessionEnded
from edge.feed import first_of_all
from edge.people.people import every_sign_in
from edge.people.signing import mint_ticket
from edge.settings import EdgeSettings
from edge.tokens import Grant
from log.memory import MemoryLog
from log.port import Log, Record
from schemas.accounts import SignInEnded, UserStateChanged
from store.sign_ins import NO_SIGN_IN
from tests.edge.account_tables import MemorySignIns
from tests.edge.builders import ANA, BEN, ListSink, topic_record
from tests.edge.nodes import KEY, Stage, on_a_node, running, until


class CutOff:
    """A log that one node cannot reach while `there` is cleared."""

    def __init__(self, log: MemoryLog) -> None:
        self._log, self.there = log, asyncio.Event()
        self.there.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def end_offset(self, topic: str, partition: int) -> int:
        await self.there.wait()
        return await self._log.end_offset(topic, partition)

    async def tail(self, starts: Mapping[tuple[str, int], int]) -> AsyncIterator[list[Record]]:
        async for records in self._log.tail(starts):
            await self.there.wait()
            yield records


def revoked(sign_in: str = "l", reason: Any = "revoked", user: str = ANA, at_ms: int = 2**45) -> SignInEnded:
    return SignInEnded(event_id="e", tenant="default", user=user, at_ms=at_ms, sign_in=sign_in, device="d", reason=reason, by=user)


def frozen(user: str = ANA) -> UserStateChanged:
    return UserStateChanged(event_id="e", tenant="default", user=user, at_ms=2**45, state="frozen", reason="spam", by="root")


def sign_ins_of(stage: Stage) -> MemorySignIns:
    found = stage.node.tables.sign_ins
    assert isinstance(found, MemorySignIns)
    return found


def on_two_nodes(body: Callable[[Stage, Stage, CutOff], Awaitable[None]], **changed: Any) -> None:
    async def whole() -> None:
        log = MemoryLog()
        far: Any = CutOff(log)
        settings = EdgeSettings(**changed)
        async with asyncio.timeout(90), running(settings, log) as here, running(settings, far) as there:
            await body(here, there, far)

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("event", "close"),
    [
        (revoked(), closing.REVOKED),
        (revoked(reason="signed_out"), closing.REVOKED),
        (revoked(reason="replaced"), closing.REPLACED),
        (frozen(), closing.FROZEN),
    ],
)
def test_a_revocation_closes_its_sessions_on_every_node_and_says_why(event: Any, close: closing.CloseCode) -> None:
    async def body(here: Stage, there: Stage, _: CutOff) -> None:
        ours, theirs = (await here.session())[1], (await there.session())[1]
        bens = (await there.session(BEN))[1]
        await here.node.people.record(event)
        assert ours.closed == close  # at once where it was asked for
        await until(lambda: theirs.closed is not None)
        assert theirs.closed == close
        assert bens.closed is None
        for stage in (here, there):
            with pytest.raises(SessionEnded) as refused:
                await stage.session()
            assert refused.value.close == close

    on_two_nodes(body)


def test_another_sign_in_of_the_same_user_stays() -> None:
    async def body(here: Stage, there: Stage, far: CutOff) -> None:
        sink = (await there.session())[1]
        await here.node.people.record(revoked("l-other"))
        await here.node.people.record(revoked(user=BEN))
        await until(lambda: len(there.node.people.revocations) == 2)
        assert sink.closed is None

    on_two_nodes(body)


def test_a_node_that_was_cut_off_closes_them_when_it_is_back_and_lets_nobody_in_meanwhile() -> None:
    async def body(here: Stage, there: Stage, far: CutOff) -> None:
        _, sink = await there.session()
        far.there.clear()
        await here.node.people.record(revoked())
        await until(lambda: there.node.people.is_blind)
        assert sink.closed is None  # it cannot know
        with pytest.raises(SessionEnded) as refused:
            await there.session(BEN)
        assert refused.value.close == closing.UNAVAILABLE
        far.there.set()
        await until(lambda: sink.closed is not None)
        assert sink.closed == closing.REVOKED
        await until(lambda: not there.node.people.is_blind)
        await there.session(BEN)

    on_two_nodes(body, revocation_blind_ms=300)


def test_what_is_revoked_is_heeded_before_what_came_with_it() -> None:
    records = [topic_record(topic, None) for topic in ("replies", "account-events", "signals", "account-events", "replies")]
    topics = [record.topic for record in first_of_all(records, "account-events")]
    assert topics == ["account-events", "account-events", "replies", "signals", "replies"]
    plain = [records[0], records[2]]
    assert first_of_all(plain, "account-events") is plain


def test_a_hello_that_is_being_checked_when_it_is_revoked_is_refused() -> None:
    async def body(stage: Stage) -> None:
        async def revoke() -> None:
            stage.node.desk.heed(revoked())

        sign_ins_of(stage).turn = revoke  # after the rows were read, before they are judged
        with pytest.raises(SessionEnded) as refused:
            await stage.session()
        assert refused.value.close == closing.REVOKED
        assert not stage.node.hub.sessions

    on_a_node(body)


def test_a_node_that_starts_reads_what_was_revoked_a_while_ago() -> None:
    async def whole() -> None:
        log: Log = MemoryLog(clock_ms=lambda: 2**50)
        async with asyncio.timeout(90), running(EdgeSettings(), log) as first:
            await first.node.people.record(revoked())
        async with asyncio.timeout(90), running(EdgeSettings(), log) as second:
            with pytest.raises(SessionEnded):
                await second.session()

    asyncio.run(whole())


def test_ending_all_sign_ins_ends_tokens_without_one_too() -> None:
    async def body(stage: Stage) -> None:
        assert await stage.node.people.end_sign_ins(ANA, every_sign_in, "revoked", "root") == 0
        assert [event.sign_in for event in stage.node.tables.account_rows.applied] == [NO_SIGN_IN]  # type: ignore[attr-defined]

    on_a_node(body)


def test_of_a_ticket_only_the_first_use_opens_a_session() -> None:
    async def body(stage: Stage) -> None:
        ticket = mint_ticket(stage.node, KEY.check(KEY.mint(Grant(ANA, "l", 2**52, token_id="t-1"), 0), 0)).ticket
        hello = frames.Hello(ticket, "phone")
        session, _ = await stage.node.sessions.welcome(hello, ListSink())
        assert (session.user, session.sign_in, session.token_id) == (ANA, "l", "t-1")
        with pytest.raises(SessionEnded) as refused:
            await stage.node.sessions.welcome(hello, ListSink())
        assert refused.value.close == closing.BAD_TOKEN

    on_a_node(body)
