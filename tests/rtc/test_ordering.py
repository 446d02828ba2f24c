"""Signals of a leg: in order, after their descriptions, within limits."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.ordering import WAITING_LIMIT, LegSignals, Ordered
from schemas.call_signals import PeerConnection, SignalCandidate, SignalDescription

BASE: dict[str, Any] = {
    **{"tenant": "t", "conversation_id": "c", "call_id": "k", "user": "anna", "device": "d", "engine": "e"},
    **{"epoch": 1, "direction": "to_engine", "at_ms": 0},
}


def described(seq: int, pc: PeerConnection = "publish", generation: int = 1) -> SignalDescription:
    return SignalDescription(**BASE, seq=seq, generation=generation, pc=pc, sdp_type="offer", sdp="", tracks=(), ticket="")


def candidate(seq: int, pc: PeerConnection = "publish", generation: int = 1) -> SignalCandidate:
    return SignalCandidate(**BASE, seq=seq, generation=generation, pc=pc, candidate="", mid="")


def fed(signals: LegSignals, *given: Ordered, now_ms: int = 0) -> list[int]:
    """The seqs in the order in which they became ready."""
    return [ready.seq for signal in given for ready in signals.take(signal, now_ms).ready]


def test_signals_come_out_by_seq_and_once() -> None:
    assert fed(LegSignals(), described(1), candidate(3), candidate(2), candidate(2), candidate(3), candidate(4)) == [1, 2, 3, 4]


def test_a_candidate_waits_for_the_description_of_its_connection() -> None:
    signals = LegSignals()
    assert fed(signals, candidate(1), candidate(2, "subscribe")) == []
    assert fed(signals, described(3)) == [3, 1]
    assert fed(signals, candidate(4)) == [4]
    assert fed(signals, described(5, "subscribe")) == [5, 2]


def test_a_new_generation_takes_the_place_of_the_old_one() -> None:
    signals = LegSignals()
    assert fed(signals, described(1), candidate(3)) == [1]
    assert fed(signals, described(1, generation=2)) == [1]
    assert fed(signals, candidate(2), candidate(4)) == []
    assert fed(signals, candidate(2, generation=2)) == [2]


def test_no_more_wait_than_the_limit() -> None:
    ahead = LegSignals()
    assert not fed(ahead, *[candidate(seq) for seq in range(2, WAITING_LIMIT + 2)])
    assert ahead.take(candidate(WAITING_LIMIT + 2), 0).refused == "too_many"
    early = LegSignals()
    assert not fed(early, *[candidate(seq) for seq in range(1, WAITING_LIMIT + 1)])
    assert early.take(candidate(WAITING_LIMIT + 1), 0).refused == "too_many"
    assert len(fed(early, described(WAITING_LIMIT + 2))) == WAITING_LIMIT + 1


def test_a_signal_without_a_number_is_invalid() -> None:
    assert LegSignals().take(candidate(0), 0).refused == "invalid"
    assert LegSignals().take(candidate(1, generation=0), 0).refused == "invalid"


def test_a_hole_is_told_once_and_only_when_it_stays() -> None:
    signals = LegSignals()
    fed(signals, described(1), candidate(3), now_ms=100)
    assert signals.hole(5_099, 5_000) == 0
    assert signals.hole(5_100, 5_000) == 2
    assert signals.hole(9_999, 5_000) == 0
    assert fed(signals, candidate(2)) == [2, 3]
    assert signals.hole(99_999, 5_000) == 0


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(1, 11)), st.integers(1, 10), st.lists(st.integers(0, 9), max_size=6))
def test_whatever_the_order_all_comes_out_once_and_after_its_description(order: list[int], where: int, repeats: list[int]) -> None:
    made: dict[int, Ordered] = {seq: candidate(seq) for seq in order}
    made[where] = described(where)
    out = fed(LegSignals(), *[made[seq] for seq in [*order, *(order[index] for index in repeats)]])
    assert sorted(out) == list(range(1, 11))
    assert out[0] == where
    assert out[1:] == sorted(out[1:])
