"""The bench's own arithmetic: wrong figures would be worse than none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.__main__ import options_of
from bench.ids import Ids, number_of
from bench.ledger import Place, judge
from bench.machine import Usage, cpu_us_each, others_cores
from bench.report import Figure, Results, as_json, table
from bench.stats import Rung, climb_on, held_rate, percentile, spread, summary
from bench.targets import TARGETS
from bench.websocket import BrokenFrame, FrameReader, client_frame
from schemas.ids import uuid7_ms


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_sample_that_enough_samples_do_not_exceed(samples: list[float], ratio: float) -> None:
    ordered = sorted(samples)
    value = percentile(ordered, ratio)
    assert value in samples
    assert sum(sample <= value for sample in samples) >= ratio * len(samples) - 1e-6


def test_the_p99_of_a_hundred_is_the_second_largest() -> None:
    assert summary([float(value) for value in range(1, 101)]).p99 == 99
    assert summary([]).count == 0


@pytest.mark.parametrize(
    ("rung", "held"),
    [
        (Rung(100, 150.0, 0, 0), True),
        (Rung(100, 150.1, 0, 0), False),
        (Rung(100, 5.0, 1, 0), False),
        (Rung(100, 5.0, 0, 1), False),
    ],
)
def test_a_rung_is_held_when_its_p99_is_in_time_and_nothing_is_missing(rung: Rung, held: bool) -> None:
    assert rung.held is held


def test_a_rung_above_a_missed_one_does_not_count() -> None:
    good, bad = Rung(500, 5.0, 0, 0), Rung(1000, 500.0, 0, 0)
    assert held_rate([good, bad, Rung(1500, 5.0, 0, 0)]) == 500
    assert held_rate([bad]) == 0
    assert climb_on([good, bad])
    assert not climb_on([good, bad, bad])


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**48 - 1))
def test_ids_are_uuid7_of_their_time_and_carry_their_number(chance: int, now_ms: int) -> None:
    ids = Ids(chance)
    made = [ids.make(now_ms) for _ in range(3)]
    assert [number_of(each) for each in made] == [0, 1, 2]
    assert {uuid7_ms(each) for each in made} == {now_ms}


def server_frame(payload: bytes) -> bytes:
    masked = client_frame(0x1, payload)
    at = masked.index(b"\0\0\0\0", 2) if len(payload) < 126 else (4 if len(payload) < 1 << 16 else 10)
    return masked[:1] + bytes([masked[1] & 0x7F]) + masked[2:at] + masked[at + 4 :]


@given(st.lists(st.sampled_from([b"", b"a" * 125, b"b" * 126, b"c" * 65_535, b"d" * 65_536]), max_size=4), st.data())
def test_frames_come_out_whole_wherever_the_stream_is_cut(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(server_frame(payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reader, seen = FrameReader(), []
    for low, high in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        seen += [payload for _, payload in reader.feed(stream[low:high])]
    assert seen == payloads


@pytest.mark.parametrize("data", [b"\x81\x80\0\0\0\0", b"\x01\x00"])
def test_a_masked_or_fragmented_frame_of_the_server_is_broken(data: bytes) -> None:
    with pytest.raises(BrokenFrame):
        FrameReader().feed(data)


def test_the_verdict_tells_lost_misplaced_doubled_and_gaps_apart() -> None:
    acked = {"a": Place("c", 1), "b": Place("c", 2), "lost": Place("c", 3), "moved": Place("c", 9)}
    verdict = judge(acked, {"c": [(1, "a"), (2, "b"), (4, "moved"), (5, "b")]})
    assert (verdict.acked, verdict.acked_lost, verdict.misplaced, verdict.stored_twice, verdict.gaps) == (4, 1, 1, 1, 1)
    fine = judge({"a": Place("c", 1)}, {"c": [(1, "a")]})
    assert (fine.acked_lost, fine.misplaced, fine.stored_twice, fine.gaps) == (0, 0, 0, 0)


def test_cpu_of_all_parts_leaves_the_driver_out_and_a_process_that_began_later_too() -> None:
    before = Usage({"kafka": 1.0, "edge-1": 2.0, "driver": 5.0, "gone": 1.0}, {})
    after = Usage({"kafka": 1.5, "edge-1": 2.25, "driver": 6.0, "owner-2": 9.0}, {})
    assert cpu_us_each(before, after, 1000) == {"kafka": 500.0, "edge-1": 250.0, "driver": 1000.0, "parts": 750.0}


def test_what_others_do_is_all_that_is_busy_without_ours() -> None:
    before, after = Usage({"kafka": 1.0, "driver": 1.0}, {}, busy_s=100.0), Usage({"kafka": 3.0, "driver": 2.0}, {}, busy_s=108.0)
    assert others_cores(before, after, 10.0) == 0.5


def test_the_table_shows_median_spread_and_verdict() -> None:
    results = Results()
    for value in (9.0, 11.0, 30.0):
        results.add("ladder", [Figure("1000/s: e2e p99", "ms", value)], {})
    heading, row = table(results, "ladder").splitlines()
    assert heading.split()[:6] == ["figure", "unit", "median", "min", "max", "runs"]
    assert row.split()[-10:] == ["ms", "11.0", "9", "30.0", "3", "<=", "25.0", "<=", "12.0", "stretch"]
    figure = as_json(results, {"machine": {}})["figures"][0]
    assert (figure["median"], figure["verdict"], figure["values"]) == (11.0, "stretch", [9.0, 11.0, 30.0])


def test_one_repeat_that_lost_something_is_a_miss() -> None:
    results = Results()
    for value in (0.0, 0.0, 1.0):
        results.add("kill", [Figure("kill kafka: acked lost", "msg", value)], {})
    assert table(results, "kill").splitlines()[1].split()[-1] == "missed"
    assert spread([0.0, 0.0, 1.0]).median == 0


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_stretch_is_never_easier_than_its_target(name: str) -> None:
    target = TARGETS[name]
    assert target.stretch is None or target.reached(target.stretch, target.limit)


def test_an_unknown_workload_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(["laddder"])
    assert "laddder" in capsys.readouterr().err
    assert options_of(["ladder", "--quick", "--rungs", "100,500,2000"]).rungs == (100, 500)
