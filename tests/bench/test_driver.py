"""The load generator against a small edge in memory, over real sockets."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from bench.bench import Bench, Pairs
from bench.device import DeviceLost, open_device
from bench.fleet import Edge, Fleet, User, hello_of, pair_up
from bench.following import Following
from bench.frames import CODECS
from bench.ledger import judge
from bench.options import Options
from bench.pacing import closed_loop, drained, open_loop
from bench.persistent import Account, Persistent
from bench.site import Site
from bench.workloads import kill, missed
from tests.bench.fake_edge import FakeEdge

USERS = [User(f"u{number}", f"u{number}") for number in range(8)]


def run(edge: FakeEdge, work: Callable[[Bench, Pairs], Awaitable[None]], tmp_path: Path) -> None:
    """`work` with four pairs online at the fake edge."""

    async def go() -> None:
        async with edge.running(), asyncio.timeout(30):
            fleet = Fleet(Edge("127.0.0.1", edge.port, ""), CODECS["json"])
            bench = Bench(_SiteAt(tmp_path, fleet.edges[0]), Options(), chance=1)
            await fleet.open(USERS)
            pairs = Pairs(bench, fleet, await pair_up(fleet.devices, bench.ids))
            try:
                await work(bench, pairs)
            finally:
                await pairs.close()

    uvloop.run(go())


class _SiteAt(Site):
    """A site that starts nothing: its edge is the fake one."""

    def __init__(self, data: Path, edge: Edge) -> None:
        super().__init__(data)
        self._edge = edge

    @property
    def edge(self) -> Edge:
        return self._edge


def test_the_open_loop_sends_at_its_rate_and_counts_every_ack_and_delivery(tmp_path: Path) -> None:
    async def work(bench: Bench, pairs: Pairs) -> None:
        tally, begun_s = pairs.tally(), time.perf_counter()
        await open_loop(tally, pairs.send, 200, 1.0)
        assert 0.9 < time.perf_counter() - begun_s < 2.0
        assert await drained(tally)
        outcome = tally.outcome()
        assert (outcome.sent, outcome.acked, outcome.delivered) == (200, 200, 200)
        assert (outcome.unacked, outcome.undelivered, outcome.doubled) == (0, 0, 0)

    run(FakeEdge(), work, tmp_path)


def test_latency_counts_from_the_intended_time_also_when_the_generator_was_held_up(tmp_path: Path) -> None:
    """The loop is blocked for 300 ms in mid-run: messages that left late must show it."""

    async def work(bench: Bench, pairs: Pairs) -> None:
        tally = pairs.tally()
        asyncio.get_running_loop().call_later(0.3, time.sleep, 0.3)
        await open_loop(tally, pairs.send, 100, 1.0)
        assert await drained(tally)
        outcome = tally.outcome()
        assert outcome.sent == 100
        assert outcome.e2e_ms.max > 250
        assert outcome.late_ms.max > 250
        assert outcome.e2e_ms.p50 < 100

    run(FakeEdge(), work, tmp_path)


def test_what_the_server_forgets_is_counted_as_unacked_and_undelivered(tmp_path: Path) -> None:
    async def work(bench: Bench, pairs: Pairs) -> None:
        tally = pairs.tally()
        await open_loop(tally, pairs.send, 100, 0.5)
        assert not await drained(tally, 0.5)
        outcome = tally.outcome()
        assert (outcome.sent, outcome.unacked, outcome.undelivered) == (50, 5, 5)

    run(FakeEdge(every_nth_lost=10), work, tmp_path)


def test_the_closed_loop_keeps_one_message_per_user_outstanding(tmp_path: Path) -> None:
    async def work(bench: Bench, pairs: Pairs) -> None:
        tally = pairs.tally()
        rate = await closed_loop(tally, pairs.fleet.devices, pairs.send_from, 1.0)
        assert await drained(tally)
        assert 40 < rate < 161  # eight users, each answered after 50 ms at the soonest
        assert tally.outcome().ack_ms.p50 >= 50

    run(FakeEdge(delay_s=0.05), work, tmp_path)


def test_a_returning_device_holds_what_it_missed_page_by_page(tmp_path: Path) -> None:
    async def work(bench: Bench, pairs: Pairs) -> None:
        tally = pairs.tally()
        await open_loop(tally, lambda _: pairs.send(0), 100, 0.1)
        assert await drained(tally)
        catching = missed.CatchUp(10)
        hello = hello_of(USERS[1], {pairs.conversations[0]: 2}, device="back")
        device = await open_device(bench.site.edge.address, bench.codec, hello, catching)
        await device.gone
        assert (catching.count, catching.pages, catching.problem) == (10, 3, "")
        assert catching.held_s > device.hello_s > 0

    run(FakeEdge(), work, tmp_path)


@pytest.mark.parametrize(("store_twice", "twice"), [(False, 0), (True, 5)])
def test_a_repeat_that_is_stored_twice_is_found_by_reading_back(tmp_path: Path, store_twice: bool, twice: int) -> None:
    async def work(bench: Bench, pairs: Pairs) -> None:
        load = kill.Load(bench, USERS, pairs.conversations)
        await pairs.close()
        for device in load.devices:
            await device.start()
        await load.run(0.5, 100)
        assert await load.answered() == 0
        repeated = await load.send_some_again(list(load.account.acked)[:5])
        for device in load.devices:
            await device.end()
        stored = await kill.read_back(bench, USERS, pairs.conversations)
        verdict = judge(load.account.acked, stored)
        assert (verdict.acked_lost, verdict.stored_twice, verdict.gaps) == (0, twice, 0)
        assert repeated == (0 if store_twice else 5)

    run(FakeEdge(store_twice=store_twice), work, tmp_path)


def test_a_device_comes_back_and_sends_again_what_was_not_answered(tmp_path: Path) -> None:
    edge = FakeEdge(every_nth_lost=1)

    async def work(bench: Bench, pairs: Pairs) -> None:
        account = Account()
        device = Persistent((bench.site.edge,), bench.codec, USERS[0], account)
        await device.start()
        command = bench.message(pairs.conversations[0])
        device.send(command)
        await asyncio.sleep(0.1)
        assert not account.acked
        edge.every_nth_lost = 0
        assert device.device is not None
        device.device.close()
        while command.id not in account.acked:  # noqa: ASYNC110  bounded by the time-out around `work`
            await asyncio.sleep(0.02)
        assert (account.resent, account.reconnects) == ({command.id}, 1)
        await device.end()

    run(edge, work, tmp_path)


def test_a_following_device_that_lost_its_edge_has_every_message_once_in_the_end(tmp_path: Path) -> None:
    edge = FakeEdge()

    async def work(bench: Bench, pairs: Pairs) -> None:
        conversation = pairs.conversations[0]
        device = Following((bench.site.edge, bench.site.edge), bench.codec, USERS[1], Account())
        device.follow(conversation, 1)
        await device.start()
        commands = [bench.message(conversation) for _ in range(9)]
        for number, command in enumerate(commands):
            if number == 3:
                assert device.device is not None
                device.device.close()
            pairs.fleet.devices[0].send(command)
            await asyncio.sleep(0.02)
        while len(device.seen) <= len(commands):  # noqa: ASYNC110  bounded by the time-out around `work`
            await asyncio.sleep(0.02)
        assert list(device.seen)[1:] == [command.id for command in commands]  # after the creation
        assert device.next_seq == len(commands) + 2
        assert (device.contradicted, device.account.reconnects) == (0, 1)
        await device.end()

    run(edge, work, tmp_path)


def test_a_following_device_asks_again_for_a_page_that_is_not_there_yet(tmp_path: Path) -> None:
    edge = FakeEdge()

    async def work(bench: Bench, pairs: Pairs) -> None:
        device = Following((bench.site.edge,), bench.codec, USERS[1], Account())
        device.follow(pairs.conversations[0], 1)
        edge.pages_refused = 2
        await device.start()
        while not device.seen:  # noqa: ASYNC110  bounded by the time-out around `work`
            await asyncio.sleep(0.02)
        assert device.account.pages_refused == 2
        await device.end()

    run(edge, work, tmp_path)


def test_a_server_that_does_not_upgrade_is_said(tmp_path: Path) -> None:
    async def go() -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            fleet = Fleet(Edge("127.0.0.1", server.sockets[0].getsockname()[1], ""), CODECS["json"])
            with pytest.raises(DeviceLost):
                await fleet.open(USERS[:1])

    uvloop.run(go())


def test_what_a_device_was_given_is_acknowledged_once_an_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.device.MARK_INTERVAL_S", 0.1)
    edge = FakeEdge()

    async def work(bench: Bench, pairs: Pairs) -> None:
        conversation = pairs.conversations[0]
        await asyncio.sleep(0.2)  # the creation is acknowledged by itself
        edge.marks.clear()
        for _ in range(20):
            pairs.fleet.devices[0].send(bench.message(conversation))
        await asyncio.sleep(0.3)
        told = [(user, mark.state, mark.up_to_seq) for user, mark in edge.marks if mark.conversation == conversation]
        assert told[-1] == (USERS[1].user, "delivered", 21)
        assert len(told) <= 3, "coalesced"

    run(edge, work, tmp_path)
