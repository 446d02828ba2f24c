"""Pace, state file and the pool of sessions."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warbler.ids import ms_of, random_bits_of

from ops.irc.errors import BadState
from ops.irc.pace import Rate, due_s, minutes_of
from ops.irc.plan import Say, Step
from ops.irc.sessions import NEVER, SessionPool, urls_from
from ops.irc.state import StateFile


def step(at: str | None) -> Step:
    return Step(1, "ana", Say("text/plain", "x"), at)


def test_minutes_go_on_over_midnight() -> None:
    times = ["23:58", None, "23:59", "00:01", "00:00", "00:03"]
    assert minutes_of([step(at) for at in times]) == [0, 0, 1, 3, 3, 5]


@given(st.lists(st.one_of(st.none(), st.times().map(lambda time: f"{time:%H:%M}")), max_size=50))
def test_minutes_never_fall(times: list[str | None]) -> None:
    minutes = minutes_of([step(at) for at in times])
    assert minutes == sorted(minutes)
    assert len(minutes) == len(times)


def test_the_lines_of_a_minute_are_spread_over_it_at_the_asked_speed() -> None:
    assert due_s([0, 0, 0, 2], realtime=1) == [0, 20, 40, 120]
    assert due_s([0, 0, 0, 2], realtime=60) == [0, pytest.approx(1 / 3), pytest.approx(2 / 3), 2]


def test_a_rate_gives_turns_and_no_burst_after_a_pause() -> None:
    rate = Rate(10)
    assert [round(rate.wait_s(0.0), 3) for _ in range(3)] == [0, 0.1, 0.2]
    assert [round(rate.wait_s(100.0), 3) for _ in range(2)] == [0, 0.1]


def test_a_state_is_found_again_with_the_same_ids(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    first = StateFile.load(path)
    first.begin_on("e-1")
    ids = first.file("tea.log", "digest")
    ids.base_ms, ids.base_step = 1_000, 0
    first.save()
    again = StateFile.load(path)
    same = again.file("tea.log", "digest")
    run = first.state.import_id
    assert [same.command_id(run, index) for index in range(5)] == [ids.command_id(run, index) for index in range(5)]
    assert [ms_of(ids.command_id(run, index)) for index in range(3)] == [1_000, 1_001, 1_002]
    ids.base_ms, ids.base_step = 9_000, 2
    assert random_bits_of(ids.command_id(run, 3)) == random_bits_of(same.command_id(run, 3))
    assert ms_of(ids.command_id(run, 3)) == 9_001


def test_a_state_of_another_file_server_or_kind_is_refused(tmp_path: Path) -> None:
    state = StateFile.load(tmp_path / "s.json")
    state.file("tea.log", "digest")
    state.begin_on("e-1")
    with pytest.raises(BadState, match="has changed"):
        state.file("tea.log", "another")
    with pytest.raises(BadState, match="another server"):
        state.begin_on("e-2")
    (tmp_path / "s.json").write_text("[]")
    with pytest.raises(BadState, match="no state"):
        StateFile.load(tmp_path / "s.json")


class FakeClient:
    """Stands for `warbler.Client`: opens at once, notes who was opened and closed."""

    events: list[str]

    def __init__(self, urls: Sequence[str], *, token: str, **_: object) -> None:
        self.name, self.url = token, urls[0]

    async def __aenter__(self) -> "FakeClient":
        self.events.append(f"+{self.name}{self.url}")
        return self

    async def close(self) -> None:
        self.events.append(f"-{self.name}")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    FakeClient.events = []
    monkeypatch.setattr("ops.irc.sessions.Client", FakeClient)
    return FakeClient.events


def test_the_session_that_is_needed_last_makes_room(opened: list[str]) -> None:
    async def work() -> None:
        pool = SessionPool([""], 2, lambda name: name, print)
        for name, until_next in (("ana", 3), ("ben", 50), ("cat", 5), ("ana", NEVER), ("ben", NEVER)):
            pool.give_back(await pool.take(name), until_next)
            await asyncio.sleep(0)
        await pool.close()

    asyncio.run(work())
    assert opened == ["+ana", "+ben", "+cat", "-ben", "-ana", "+ben", "-ben", "-cat"] or opened == [
        "+ana", "+ben", "-ben", "+cat", "-ana", "+ben", "-ben", "-cat",
    ]  # fmt: skip


def test_a_full_pool_makes_the_next_one_wait_for_a_seat(opened: list[str]) -> None:
    async def work() -> None:
        pool = SessionPool([""], 1, lambda name: name, print)
        ana = await pool.take("ana")
        waiting = asyncio.create_task(pool.take("ben"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        pool.give_back(ana, 10)
        pool.give_back(await waiting, 10)
        await pool.close()

    asyncio.run(work())
    assert opened.count("+ben") == 1
    assert opened.index("-ana") > opened.index("+ana")


def test_every_server_is_preferred_in_its_turn_and_the_others_stay_to_fall_back_on() -> None:
    assert [urls_from(["a", "b", "c"], turn) for turn in range(4)] == [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")]
    assert urls_from(["a"], 7) == ("a",)


def test_sessions_are_opened_on_every_server(opened: list[str]) -> None:
    async def work() -> None:
        pool = SessionPool(["@1", "@2"], 4, lambda name: name, print)
        await asyncio.gather(*(pool.take(name) for name in ("ana", "ben", "cat", "dan")))
        await pool.close()

    asyncio.run(work())
    assert sorted(event[-2:] for event in opened if event.startswith("+")) == ["@1", "@1", "@2", "@2"]
