"""A node that stops: when its devices leave, what it still does for them, and what becomes of those who stay."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.closing import GOING_AWAY
from edge.errors import SessionEnded
from edge.moves import LEAVING_PART, WAVES, leaving_ms, spread_ms
from schemas.codec import decode_command, decode_receipt, decode_session_event
from schemas.records import SessionClosed
from tests.edge.builders import BEN, GROUP, ListSink, command_id, created, sent
from tests.edge.nodes import Stage, on_a_node, until


@given(st.integers(0, 3_000), st.integers(100, 60_000), st.integers(1, 1_000), st.randoms(use_true_random=False))
def test_devices_leave_in_waves_at_their_pace_within_the_drain(count: int, drain_ms: int, per_s: int, random: object) -> None:
    spread = spread_ms(count, drain_ms, per_s)
    assert spread == drain_ms * LEAVING_PART or spread * per_s == pytest.approx(count * 1000)
    times = leaving_ms(count, spread, random.random)  # type: ignore[attr-defined]
    assert len(times) == count
    assert all(0 <= time <= spread <= drain_ms * LEAVING_PART for time in times)
    wave_ms = spread / WAVES
    sizes = [sum(number * WAVES // count == wave for number in range(count)) if count else 0 for wave in range(WAVES)]
    assert max(sizes) - min(sizes) <= 1
    assert all(int(number * WAVES // count * wave_ms) <= time for number, time in enumerate(times))


def test_devices_are_told_and_served_until_they_left_and_the_node_does_not_wait_longer() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session()
        draining = asyncio.create_task(stage.node.drain())
        await until(lambda: any(isinstance(frame, frames.Move) for frame in sink.frames))
        stage.happen(sent(2))
        assert isinstance(sink.frames[-1], frames.Events), "served"
        stage.say(session, frames.SendMessage(id=command_id(1), conversation=GROUP, content=frames.DeviceContent(text="last words")))
        stage.say(session, frames.Mark(GROUP, "delivered", 2))
        stage.node.sessions.close(session)  # it moved
        began = asyncio.get_running_loop().time()
        await draining
        assert asyncio.get_running_loop().time() - began < 5
        assert [decode_command(value).command_id for value in await stage.published("conversation-commands")] == [command_id(1)]
        assert [decode_receipt(value).up_to_seq for value in await stage.published("receipts")] == [2]
        assert sink.closed is None

    on_a_node(body, drain_ms=20_000)


def test_who_stays_is_closed_at_the_end() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        sinks = [(await stage.session(device=f"d{number}"))[1] for number in range(20)]
        await stage.node.drain()
        assert all(sink.closed == GOING_AWAY for sink in sinks)
        times = [frame.after_ms for sink in sinks for frame in sink.frames if isinstance(frame, frames.Move)]
        assert len(times) == 20
        assert len(set(times)) > 10, "not all at once"
        ended = [decode_session_event(value) for value in await stage.published("sessions")]
        assert sum(isinstance(event, SessionClosed) and event.close_code == GOING_AWAY.code for event in ended) == 20

    on_a_node(body, drain_ms=200)


def test_new_sessions_are_sent_elsewhere_also_those_whose_hello_is_being_checked() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        stage.timelines.read_ms = 30
        checked = asyncio.create_task(stage.node.sessions.welcome(stage.hello(), ListSink()))
        await asyncio.sleep(0.01)
        draining = asyncio.create_task(stage.node.drain())
        await asyncio.sleep(0)
        for late in (checked, stage.node.sessions.welcome(stage.hello(BEN), ListSink())):
            with pytest.raises(SessionEnded) as ended:
                await late
            assert ended.value.close == GOING_AWAY
        await draining
        assert stage.node.hub.sessions == {}

    on_a_node(body, drain_ms=500)
