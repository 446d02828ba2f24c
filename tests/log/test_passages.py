"""How far a process says it is: at once after a silence, at most once in an interval, and never less than before."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from log.passages import Passages


def test_the_first_is_said_at_once_and_the_next_after_the_interval() -> None:
    passages = Passages("edge-1", "fanned_out", "conversation-events", 1_000)
    passages.passed(0, 10)
    [said] = passages.due(5_000)
    assert (said.process, said.stage, said.topic, said.partition, said.next_offset, said.at_ms) == (
        "edge-1",
        "fanned_out",
        "conversation-events",
        0,
        10,
        5_000,
    )
    passages.passed(0, 11)
    passages.passed(0, 12)
    passages.passed(1, 3)
    assert [(each.partition, each.next_offset) for each in passages.due(5_500)] == [(1, 3)]
    assert [(each.partition, each.next_offset) for each in passages.due(6_000)] == [(0, 12)]
    assert passages.due(9_000) == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 700)), max_size=40))
def test_everything_passed_is_said_within_an_interval_and_no_partition_more_often(steps: list[tuple[int, int]]) -> None:
    passages = Passages("p", "projected", "conversation-events", 1_000)
    now_ms, offsets, said = 10_000, [0, 0, 0], [0, 0, 0]
    times: list[list[int]] = [[], [], []]
    for partition, wait_ms in [*steps, (0, 1_000)]:
        offsets[partition] += 1
        passages.passed(partition, offsets[partition])
        now_ms += wait_ms
        for each in passages.due(now_ms):
            assert each.next_offset > said[each.partition]
            said[each.partition] = each.next_offset
            times[each.partition].append(now_ms)
    for each in passages.due(now_ms + 1_000):
        said[each.partition] = each.next_offset
    assert said == offsets
    assert all(later - earlier >= 1_000 for at in times for earlier, later in itertools.pairwise(at))
