"""The transition tables over the whole product of states and signals."""

from itertools import product
from typing import get_args

import pytest

from rtc.tables import CALL_NEXT, IN_CALL, LEG_NEXT, OPEN, OVER, CallSignal, LegSignal
from rtc.values import CallState
from schemas.call_values import LegState

CALL_STATES, CALL_SIGNALS = get_args(CallState), get_args(CallSignal)
LEG_STATES, LEG_SIGNALS = get_args(LegState), get_args(LegSignal)

# Written down a second time and as a picture, so that a change of the table is a change of two places. ".": nothing changes.
CALLS = """
               rang     accepted  media_up   media_lost    held  resumed    ended
requested      ringing  accepted  .          .             .     .          ended
ringing        .        accepted  .          .             .     .          ended
accepted       .        .         connected  .             .     .          ended
connected      .        .         .          reconnecting  held  .          ended
reconnecting   .        .         connected  .             held  .          ended
held           .        .         .          .             .     connected  ended
ended          .        .         .          .             .     .          .
"""
LEGS = """
                    invite   deliver    ring     accept    reject    busy  elsewhere           cancel     time_out   join    leave  fail
invited             .        delivered  ringing  accepted  rejected  busy  answered_elsewhere  cancelled  timed_out  joined  .      .
delivered           .        .          ringing  accepted  rejected  busy  answered_elsewhere  cancelled  timed_out  joined  .      .
ringing             .        .          .        accepted  rejected  busy  answered_elsewhere  cancelled  timed_out  joined  .      .
accepted            .        .          .        .         .         .     .                   .          .          joined  left   failed
joined              .        .          .        .         .         .     .                   .          .          joined  left   .
rejected            invited  .          .        .         .         .     .                   .          .          joined  .      .
busy                invited  .          .        .         .         .     .                   .          .          joined  .      .
answered_elsewhere  invited  .          .        .         .         .     .                   .          .          joined  .      .
cancelled           invited  .          .        .         .         .     .                   .          .          joined  .      .
timed_out           invited  .          .        .         .         .     .                   .          .          joined  .      .
failed              invited  .          .        .         .         .     .                   .          .          joined  .      .
left                invited  .          .        .         .         .     .                   .          .          joined  .      .
"""


def drawn(picture: str) -> dict[tuple[str, str], str]:
    head, *rows = picture.strip().splitlines()
    signals = head.split()
    cells = [(row.split()[0], signal, cell) for row in rows for signal, cell in zip(signals, row.split()[1:], strict=True)]
    return {(state, signal): cell for state, signal, cell in cells}


@pytest.mark.parametrize(("state", "signal"), list(product(CALL_STATES, CALL_SIGNALS)))
def test_every_signal_in_every_state_of_a_call(state: CallState, signal: CallSignal) -> None:
    assert CALL_NEXT.get((state, signal), ".") == drawn(CALLS)[state, signal]


@pytest.mark.parametrize(("state", "signal"), list(product(LEG_STATES, LEG_SIGNALS)))
def test_every_signal_in_every_state_of_a_leg(state: LegState, signal: LegSignal) -> None:
    assert LEG_NEXT.get((state, signal), ".") == drawn(LEGS)[state, signal]


def test_a_leg_rings_or_takes_part_or_is_over() -> None:
    assert sorted([*OPEN, *IN_CALL, *OVER]) == sorted(LEG_STATES)


def test_an_ended_call_stays_ended_and_every_other_can_end() -> None:
    assert {state for state, signal in CALL_NEXT if signal == "ended"} == set(CALL_STATES) - {"ended"}
    assert all(CALL_NEXT[state, signal] == "ended" for state, signal in CALL_NEXT if signal == "ended")
    assert not [signal for signal in CALL_SIGNALS if ("ended", signal) in CALL_NEXT]


def test_nobody_is_connected_without_an_answer_and_media() -> None:
    first = {state for (state, signal), to in CALL_NEXT.items() if to == "connected" and state not in ("held", "reconnecting")}
    assert first == {"accepted"}
    assert {signal for (state, signal), to in CALL_NEXT.items() if to == "connected"} == {"media_up", "resumed"}


def test_nothing_rings_after_an_answer() -> None:
    assert {state for (state, _), to in CALL_NEXT.items() if to == "ringing"} == {"requested"}
    assert {state for (state, _), to in LEG_NEXT.items() if to in ("delivered", "ringing")} <= OPEN


def test_only_an_invitation_opens_what_is_over() -> None:
    assert {signal for (state, signal), to in LEG_NEXT.items() if state in OVER and to in OPEN} == {"invite"}
