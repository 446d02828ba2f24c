"""Lag and rates are computed from two samples, without a cluster."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from ops import statefile
from ops.consumers.lag import lines_of
from ops.owners import Group
from ops.statefile import NotRunning, ProcessState, State
from ops.status import Sample, duration, partition_lines


def test_rates_and_lags_come_from_two_samples() -> None:
    first = Sample(10.0, {("t", 0): 100, ("t", 1): 5}, {"g": {}})
    second = Sample(12.0, {("t", 0): 300, ("t", 1): 5}, {"g": {("t", 0): 290}, "h": {("t", 1): 0}})
    seen = [(line.partition, line.end, line.records_per_s, dict(line.lag)) for line in partition_lines(first, second)]
    assert seen == [
        (0, 300, 100.0, {"g": 10}),
        (1, 5, 0.0, {"h": 5}),
    ]


def test_who_has_a_partition_stands_beside_its_lag() -> None:
    groups = {"g": Group("Stable", {("t", 0): "owner-1"}), "h": Group("Empty", {})}
    now = Sample(1.0, {("t", 0): 10, ("t", 1): 3}, {"g": {("t", 0): 4, ("t", 1): 3}}, groups)
    assert [(dict(line.lag), dict(line.owner)) for line in partition_lines(now, now)] == [({"g": 6}, {"g": "owner-1"}), ({"g": 0}, {})]


def test_a_commit_between_the_two_reads_gives_no_negative_lag() -> None:
    now = Sample(1.0, {("t", 0): 10}, {"g": {("t", 0): 12}})
    assert partition_lines(now, now)[0].lag == {"g": 0}


def test_a_topic_made_between_the_samples_has_no_rate_yet() -> None:
    assert partition_lines(Sample(0, {}, {}), Sample(1, {("t", 0): 7}, {}))[0].records_per_s == 0


@pytest.mark.parametrize(("seconds", "words"), [(3.9, "3 s"), (90, "1 min"), (18_120, "5 h 2 min"), (273_600, "3 d 4 h")])
def test_durations_are_read_by_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def state(pid: int, created_s: float) -> State:
    return State(
        pid, created_s, "http://p/", "k:1", "c:1", "warbler", "/t", "/a", (ProcessState("edge-1", "http://p/", 7, "http://p/live"),)
    )


def test_the_state_file_is_read_back_while_its_up_lives(tmp_path: Path) -> None:
    me = psutil.Process()
    written = state(me.pid, me.create_time())
    statefile.write(tmp_path, written)
    assert statefile.read(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("case", ["missing", "broken", "other process with the same pid", "dead"])
def test_what_is_no_live_up_is_said_with_the_command_to_start_it(tmp_path: Path, case: str) -> None:
    me = psutil.Process()
    match case:
        case "broken":
            statefile.path_of(tmp_path).write_text("{")
        case "other process with the same pid":
            statefile.write(tmp_path, state(me.pid, me.create_time() - 50))
        case "dead":
            statefile.write(tmp_path, state(2**22 + 1, 0))
    with pytest.raises(NotRunning, match="warbler up --data"):
        statefile.read(tmp_path)


def test_a_groups_lag_is_said_topic_by_topic_without_what_is_gone() -> None:
    committed = {("a", 0): 3, ("a", 1): 9, ("b", 0): 5, ("gone", 0): 1}
    lines = lines_of("crm", "Stable", 2, committed, {("a", 0): 10, ("a", 1): 8, ("b", 0): 5})
    assert [(line.topic, line.partitions, line.lag) for line in lines] == [("a", 2, 7), ("b", 1, 0), ("gone", 0, 0)]
