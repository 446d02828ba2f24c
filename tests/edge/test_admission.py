"""A reconnect storm: who is let in when, as laws; and a node under 2,000 hellos whose live sessions do not wait for them."""

import asyncio
import random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.admission import FIRST_GUESS_MS, RETRY_LIMIT_MS, Admission, Busy, Turn
from edge.closing import BUSY
from edge.connection import Connection
from edge.door import Door
from edge.errors import TooBusy
from edge.wire import WireProtocol
from tests.edge.builders import created, sent
from tests.edge.nodes import Stage, on_a_node
from tests.edge.slow_socket import SlowSocket

STORM = 2_000


@given(
    st.lists(st.tuples(st.sampled_from(["ask", "ask", "ask", "done", "gone"]), st.floats(0, 200)), max_size=200),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_so_many_are_served_so_many_wait_and_nobody_is_overtaken(steps: list[tuple[str, float]], at_once: int, waiting_limit: int) -> None:
    admission = Admission(at_once, waiting_limit)
    now_ms = 0.0
    for what, ms in steps:
        now_ms += ms
        if what == "ask":
            waiting = admission.waiting
            turn = admission.ask(now_ms, 0.5)
            assert (turn is Turn.NOW) <= (waiting == 0)
            if isinstance(turn, Busy):
                assert waiting == waiting_limit
                assert 1 <= turn.retry_after_ms <= RETRY_LIMIT_MS
        elif what == "done" and admission.serving:
            before = admission.waiting
            assert admission.welcomed(ms) == (before > 0)
        elif what == "gone" and admission.waiting:
            admission.gone()
        assert 0 <= admission.serving <= at_once
        assert 0 <= admission.waiting <= waiting_limit
        assert not admission.waiting or admission.serving == at_once, "nobody waits while a place is free"


def busy_ms(admission: Admission, now_ms: float, chance: float = 0.5) -> int:
    turn = admission.ask(now_ms, chance)
    assert isinstance(turn, Busy)
    return turn.retry_after_ms


def test_the_refused_come_back_as_far_apart_as_welcomes_take() -> None:
    admission = Admission(at_once=2, waiting_limit=0)
    assert [admission.ask(0, 0), admission.ask(0, 0)] == [Turn.NOW, Turn.NOW]
    apart_ms = FIRST_GUESS_MS / 2
    assert [busy_ms(admission, 0) for _ in range(100)] == [int(2 * apart_ms + apart_ms * (number + 1)) for number in range(100)]


def test_the_measured_time_of_a_welcome_becomes_the_pace() -> None:
    admission = Admission(at_once=1, waiting_limit=0)
    for _ in range(200):
        admission.ask(0, 0)
        admission.welcomed(400)
    assert admission.welcome_ms == pytest.approx(400, rel=0.01)
    admission.ask(0, 0)
    assert busy_ms(admission, 0) == pytest.approx(800, rel=0.01)


def test_beyond_what_is_known_they_are_spread_by_chance() -> None:
    admission = Admission(at_once=1, waiting_limit=0)
    admission.ask(0, 0)
    for _ in range(int(RETRY_LIMIT_MS / FIRST_GUESS_MS)):
        admission.ask(0, 0)
    assert [busy_ms(admission, 0, chance) for chance in (0, 0.5, 1)] == [RETRY_LIMIT_MS // 2, RETRY_LIMIT_MS * 3 // 4, RETRY_LIMIT_MS]


def test_who_goes_away_while_waiting_frees_the_place_also_in_the_turn_it_was_given() -> None:
    async def body() -> None:
        door = Door(1, 10)
        served: list[str] = []
        hold = asyncio.Event()

        async def come(name: str) -> None:
            async with door.entered():
                served.append(name)
                await hold.wait()

        tasks = {name: asyncio.create_task(come(name)) for name in "abcd"}
        await asyncio.sleep(0)
        tasks["b"].cancel()
        await asyncio.sleep(0)
        hold.set()
        await tasks["a"]
        tasks["c"].cancel()  # its place was just given to it
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert served in (["a", "d"], ["a", "c", "d"])
        assert (door.admission.serving, door.admission.waiting) == (0, 0)

    asyncio.run(body())


def test_a_welcome_that_fails_frees_its_place() -> None:
    async def body() -> None:
        door = Door(1, 0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with door.entered():
                    raise ZeroDivisionError
        async with door.entered():
            with pytest.raises(TooBusy):
                async with door.entered():
                    raise AssertionError("let in")

    asyncio.run(body())


class Coming:
    """A device that says hello and comes again when it is told to."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage, self.number, self.refusals = stage, number, 0
        self.hello = frames.encode_json(stage.hello(f"u-{number}"))

    async def come(self) -> None:
        while True:
            socket = SlowSocket(asyncio.get_running_loop(), 1 << 20)
            connection = Connection(self.stage.node, cast(WireProtocol, socket), frames.SUBPROTOCOL_JSON)
            connection.on_message(self.hello, True)
            while connection.session is None and socket.closed is None:  # noqa: ASYNC110  both are set synchronously
                await asyncio.sleep(0.01)
            if socket.closed is None:
                return
            assert socket.closed == BUSY
            socket.read(1 << 20)
            (told,) = socket.take()
            assert isinstance(told, frames.Failure)
            assert (told.code, told.retryable) == ("busy", True)
            self.refusals += 1
            await asyncio.sleep(told.retry_after_ms / 1000)


def test_a_storm_is_let_in_at_its_pace_and_live_sessions_do_not_wait_for_it() -> None:
    """Method: what is done between two ticks is what a delivery may have to wait for: so many welcomes, however long a machine takes."""

    async def body(stage: Stage) -> None:
        stage.happen(created())
        _, sink = await stage.session()
        stage.timelines.read_ms = 5
        most = 0
        welcomes: list[int] = []  # between two ticks

        async def live() -> None:
            nonlocal most
            seq = 1
            while True:
                before = len(stage.node.hub.sessions)
                await asyncio.sleep(0.002)
                seq += 1
                stage.happen(sent(seq))
                welcomes.append(len(stage.node.hub.sessions) - before)
                most = max(most, stage.node.door.admission.serving)
                assert stage.node.door.admission.waiting <= 100

        ticking = asyncio.create_task(live())
        coming = [Coming(stage, number) for number in range(STORM)]
        await asyncio.gather(*(device.come() for device in coming))
        ticking.cancel()
        assert len(stage.node.hub.sessions) == STORM + 1
        assert most == 16
        assert max(device.refusals for device in coming) <= 10, "a device is sent away again and again"
        assert max(welcomes) <= 2 * 16, "seen: 16, and 1,858 when all are welcomed at once"
        assert len([frame for frame in sink.frames if isinstance(frame, frames.Events)]) >= len(welcomes)

    on_a_node(body, within_s=120, admissions_at_once=16, admissions_waiting_limit=100)


def test_whoever_is_cancelled_and_whenever_the_places_add_up() -> None:
    """Also who is cancelled in the very turn in which its place comes free: found by a rolling restart under load."""

    async def body(seed: int) -> None:
        rng = random.Random(seed)
        door = Door(2, 50)

        async def come() -> None:
            async with door.entered():
                await asyncio.sleep(rng.random() / 500)

        tasks = []
        for _ in range(40):
            tasks.append(asyncio.ensure_future(come()))
            for victim in rng.sample(tasks, k=min(len(tasks), rng.randrange(3))):
                if rng.random() < 0.4:
                    victim.cancel()
            await asyncio.sleep(rng.choice((0, 0, 0.001)))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results
        assert (door.admission.serving, door.admission.waiting, len(door._queue)) == (0, 0, 0)

    for seed in range(60):
        asyncio.run(body(seed))
