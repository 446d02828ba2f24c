"""`warbler could`: the answer in words, the times it takes, and a timeline with a hole in it."""

import asyncio

import pytest

from ops.could import lines_of, ms_of
from ops.errors import OpsError
from schemas import commands, events
from store.errors import TimelineGap
from store.explaining import PAGE_EVENTS, explain
from store.verdicts import could
from tests.streams.talking import T0_MS, Talk, opened


class Table:
    """A timeline in memory. `missing`: damaged rows, which are left out."""

    def __init__(self, history: list[events.Event], missing: frozenset[int] = frozenset()) -> None:
        self.rows = [event for event in history if event.seq not in missing]

    async def read_events(self, conversation: str, from_seq: int, limit: int, head_seq: int | None = None) -> list[events.Event]:
        return [event for event in self.rows if event.seq >= from_seq][:limit]


def story() -> Talk:
    """More than two pages of messages, with ben muted for ten seconds in the middle."""
    talk = opened()
    for _ in range(PAGE_EVENTS + 2):
        talk.now_ms += 10
        talk.send("ana")
    talk.must(talk.command(commands.MuteMember, "ana", member="ben", until_ms=talk.now_ms + 10_000))
    for _ in range(PAGE_EVENTS + 2):
        talk.now_ms += 10
        talk.send("ana")
    return talk


def test_pages_of_a_timeline_give_what_the_whole_history_gives() -> None:
    talk = story()
    history = [event for event, _ in talk.log]
    for at_ms in (T0_MS - 1, T0_MS, T0_MS + 5_030, talk.now_ms, talk.now_ms + 60_000):
        found = asyncio.run(explain(Table(history), "g", "ben", "send", at_ms))
        assert found == could(history, "ben", "send", at_ms)


def test_nothing_is_told_across_a_hole_but_what_was_before_it_is() -> None:
    talk = story()
    table = Table([event for event, _ in talk.log], missing=frozenset({PAGE_EVENTS + 3}))
    with pytest.raises(TimelineGap, match=f"event {PAGE_EVENTS + 3}"):
        asyncio.run(explain(table, "g", "ben", "send", talk.now_ms))
    assert asyncio.run(explain(table, "g", "ben", "send", T0_MS)).verdict.allowed


def test_the_answer_names_the_event_or_that_it_was_over() -> None:
    talk = story()
    history, mute_seq = [event for event, _ in talk.log], PAGE_EVENTS + 4
    muted, free = (could(history, "ben", "send", talk.now_ms + each) for each in (0, 10_000))
    first, second = lines_of(muted, "ben", "send")
    assert first == f"send by ben: no, muted: {muted.verdict.detail}"
    assert second.endswith(f"by event {mute_seq}; the conversation's head was {len(history)}")
    assert lines_of(free, "ben", "send")[0] == "send by ben: yes"
    assert f"by what event {mute_seq} had set was over" in lines_of(free, "ben", "send")[1]
    assert lines_of(could([], "ben", "send", 0), "ben", "send") == ["send by ben: no, unknown_conversation: there is no such conversation"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("0", 0),
        ("1700000000000", 1_700_000_000_000),
        ("2023-11-14T22:13:20", 1_700_000_000_000),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
    ],
)
def test_times_are_milliseconds_or_iso(at: str, expected: int) -> None:
    assert ms_of(at) == expected


@pytest.mark.parametrize("at", ["", "-1", "yesterday", "1e3", "2023-13-01"])
def test_other_times_are_refused(at: str) -> None:
    with pytest.raises(OpsError, match="neither"):
        ms_of(at)
