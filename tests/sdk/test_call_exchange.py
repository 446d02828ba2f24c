"""The exchange of signals: order, generations, epochs and tickets, without a network."""

import random

from hypothesis import given
from hypothesis import strategies as st
from warbler.call_exchange import (
    GAP_MS,
    RENEWALS_LIMIT,
    RENEWALS_WINDOW_MS,
    SETTLE_MS,
    TICKET_WITHIN_MS,
    Broken,
    Candidate,
    Close,
    Describe,
    Exchange,
    Open,
    Step,
    Tell,
)
from warbler.call_frames import CallCandidateCame, CallDescribed, CallDescription, CallSignalRefusal, CallTicket, CallTicketWanted
from warbler.call_lane import EARLY_LIMIT, LaneKey
from warbler.call_values import EngineKind, PeerConnection

FIRST, SECOND = LaneKey(1, 1), LaneKey(1, 2)


def ticket(epoch: int = 1, generation: int = 1, kind: EngineKind = "embedded", token: str = "let me in") -> CallTicket:
    return CallTicket("d-1", "c-1", epoch, generation, kind, "", token, (), 10**12)


def offer(seq: int, generation: int = 1, epoch: int = 1, pc: PeerConnection = "subscribe") -> CallDescribed:
    return CallDescribed("d-1", "c-1", epoch, generation, seq, pc, "offer", f"sdp {seq}")


def candidate(seq: int, generation: int = 1, pc: PeerConnection = "subscribe") -> CallCandidateCame:
    return CallCandidateCame("d-1", "c-1", 1, generation, seq, pc, f"candidate {seq}", "0")


def refusal(code: str, epoch: int = 1) -> CallSignalRefusal:
    return CallSignalRefusal("d-1", "c-1", epoch, 1, code, "")


def opened() -> Exchange:
    exchange = Exchange("d-1", "c-1")
    assert exchange.take(ticket(), 0) == [Open(FIRST, ticket())]
    return exchange


def wanted(steps: list[Step]) -> list[tuple[int, int]]:
    return [
        (step.frame.epoch, step.frame.generation) for step in steps if isinstance(step, Tell) and isinstance(step.frame, CallTicketWanted)
    ]


@given(st.randoms(use_true_random=False), st.integers(2, 12))
def test_signals_are_used_in_order_and_once_however_they_come(rng: random.Random, count: int) -> None:
    exchange = opened()
    signals = [offer(seq) if seq % 3 == 1 else candidate(seq) for seq in range(1, count + 1)]
    coming = signals + rng.choices(signals, k=4)
    rng.shuffle(coming)
    used = [step for signal in coming for step in exchange.take(signal, 0)]
    assert used == [
        Describe(FIRST, "subscribe", "offer", signal.sdp, ())
        if isinstance(signal, CallDescribed)
        else Candidate(FIRST, "subscribe", signal.candidate, "0")
        for signal in signals
    ]


def test_a_candidate_waits_for_the_description_of_its_connection() -> None:
    exchange = opened()
    assert exchange.take(candidate(1, pc="subscribe"), 0) == []
    assert exchange.take(candidate(2, pc="publish"), 0) == []
    steps = exchange.take(offer(3), 0)
    assert steps == [Describe(FIRST, "subscribe", "offer", "sdp 3", ()), Candidate(FIRST, "subscribe", "candidate 1", "0")]


def test_what_is_sent_is_numbered_per_generation_and_only_the_first_offer_carries_the_ticket() -> None:
    exchange = opened()
    steps = exchange.describe(FIRST, "publish", "offer", "mine") + exchange.candidate(FIRST, "publish", "c", "0")
    steps += exchange.describe(FIRST, "publish", "offer", "mine again")
    exchange.take(ticket(generation=2, token="the second"), 0)
    steps += exchange.describe(SECOND, "publish", "offer", "mine anew")
    frames = [step.frame for step in steps if isinstance(step, Tell) and not isinstance(step.frame, CallTicketWanted)]
    assert [(frame.generation, frame.seq) for frame in frames] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert [frame.ticket for frame in frames if isinstance(frame, CallDescription)] == ["let me in", "", "the second"]


def test_an_answer_carries_no_ticket() -> None:
    exchange = opened()
    [answer] = exchange.describe(FIRST, "subscribe", "answer", "yes")
    [first] = exchange.describe(FIRST, "publish", "offer", "mine")
    assert [step.frame.ticket for step in (answer, first) if isinstance(step, Tell) and isinstance(step.frame, CallDescription)] == [
        "",
        "let me in",
    ]


def test_a_new_epoch_is_made_before_the_old_one_is_broken() -> None:
    exchange = opened()
    for pc in ("publish", "subscribe"):
        exchange.connected(FIRST, pc, 0)
    new = LaneKey(2, 1)
    assert exchange.take(ticket(epoch=2), 100) == [Open(new, ticket(epoch=2))]
    assert exchange.take(offer(1), 100) == [Describe(FIRST, "subscribe", "offer", "sdp 1", ())], "the old one still works"
    assert exchange.connected(new, "publish", 200) == [], "the old one has more than the new one"
    assert exchange.connected(new, "subscribe", 300) == [Close(FIRST)]
    assert exchange.take(offer(2), 400) == []


def test_the_old_generation_closes_after_a_while_also_if_the_new_one_gets_less() -> None:
    exchange = opened()
    for pc in ("publish", "subscribe"):
        exchange.connected(FIRST, pc, 0)
    exchange.take(ticket(generation=2), 0)
    exchange.connected(SECOND, "publish", 1_000)
    assert exchange.wake_ms() == 1_000 + SETTLE_MS
    assert exchange.tick(999 + SETTLE_MS) == []
    assert exchange.tick(1_000 + SETTLE_MS) == [Close(FIRST)]


def test_a_failed_connection_asks_for_a_new_generation_once() -> None:
    exchange = opened()
    assert wanted(exchange.failed(FIRST, 0)) == [(1, 2)]
    assert exchange.failed(FIRST, 10) == []
    exchange.take(ticket(generation=2), 20)
    assert exchange.failed(FIRST, 30) == [], "it has been replaced"
    assert wanted(exchange.failed(SECOND, 40)) == [(1, 3)]


def test_a_ticket_that_does_not_come_is_asked_for_again() -> None:
    exchange = opened()
    exchange.renew(0)
    assert exchange.wake_ms() == TICKET_WITHIN_MS
    assert exchange.tick(TICKET_WITHIN_MS - 1) == []
    assert wanted(exchange.tick(TICKET_WITHIN_MS)) == [(1, 2)]


def test_generations_are_renewed_only_so_often() -> None:
    exchange = opened()
    for generation in range(1, RENEWALS_LIMIT + 1):
        assert wanted(exchange.renew(generation)) == [(1, generation + 1)]
        exchange.take(ticket(generation=generation + 1), generation)
    assert exchange.renew(100) == []
    wake_ms = exchange.wake_ms()
    assert wake_ms == 1 + RENEWALS_WINDOW_MS
    assert wanted(exchange.tick(wake_ms)) == [(1, RENEWALS_LIMIT + 2)]


def test_a_lost_signal_is_mended_by_a_new_generation() -> None:
    exchange = opened()
    exchange.take(offer(2), 1_000)
    assert exchange.wake_ms() == 1_000 + GAP_MS
    assert exchange.tick(999 + GAP_MS) == []
    assert wanted(exchange.tick(1_000 + GAP_MS)) == [(1, 2)]


def test_a_gap_that_fills_is_no_trouble() -> None:
    exchange = opened()
    exchange.take(offer(2), 1_000)
    exchange.take(offer(1), 2_000)
    assert exchange.wake_ms() is None
    assert exchange.tick(60_000) == []


def test_only_so_many_early_signals_are_kept() -> None:
    exchange = opened()
    for seq in range(2, EARLY_LIMIT + 10):
        exchange.take(candidate(seq), 0)
    assert exchange.newest is not None
    assert len(exchange.newest.early) == EARLY_LIMIT
    assert len(exchange.take(offer(1), 0)) == EARLY_LIMIT + 1, "the missing one is always taken"


def test_a_refused_ticket_is_replaced_and_other_refusals_are_said() -> None:
    for code in ("ticket_used", "ticket_expired", "engine_unavailable", "unknown_leg", "rate_limited"):
        assert wanted(opened().take(refusal(code), 0)) == [(1, 2)]
    assert opened().take(refusal("no_media"), 0) == [Broken("no_media", "")]
    assert opened().take(refusal("stale_epoch"), 0) == [], "the ticket for the new epoch is on its way"
    assert opened().take(refusal("not_in_call"), 0) == [], "the word that the call is over is on its way"


def test_what_an_old_epoch_refuses_is_nobodys_loss() -> None:
    exchange = opened()
    exchange.take(ticket(epoch=2), 0)
    assert exchange.take(refusal("no_media", epoch=1), 0) == []


def test_between_two_the_peers_new_generation_is_ones_own() -> None:
    exchange = Exchange("d-1", "c-1")
    exchange.answered(0)
    exchange.take(ticket(kind="p2p", token=""), 0)
    steps = exchange.take(offer(1, generation=2), 0)
    assert [type(step) for step in steps] == [Open, Describe]
    assert exchange.newest is not None
    assert exchange.newest.key == SECOND
    assert exchange.take(ticket(generation=2, kind="p2p", token=""), 0) == [], "its own wish came at the same time"


def test_between_two_nothing_is_offered_before_the_answer_and_what_comes_early_is_kept() -> None:
    exchange = Exchange("d-1", "c-1")
    assert exchange.take(ticket(kind="p2p", token=""), 0) == []
    assert exchange.take(offer(1), 0) == []
    steps = exchange.answered(0)
    assert [type(step) for step in steps] == [Open, Describe]
    assert exchange.answered(0) == []


def test_an_engine_cannot_open_a_generation_but_what_it_says_early_is_kept() -> None:
    exchange = opened()
    assert exchange.take(offer(1, generation=2), 0) == []
    assert exchange.take(ticket(generation=2), 0) == [
        Open(SECOND, ticket(generation=2)),
        Describe(SECOND, "subscribe", "offer", "sdp 1", ()),
    ]


def test_a_ticket_that_comes_twice_opens_once() -> None:
    exchange = opened()
    assert exchange.take(ticket(), 5) == []
    exchange.take(ticket(epoch=2), 5)
    assert exchange.take(ticket(generation=9), 5) == [], "an older epoch"


def test_after_the_call_nothing_is_left() -> None:
    exchange = opened()
    exchange.renew(0)
    exchange.take(ticket(generation=2), 0)
    assert exchange.close() == [Close(FIRST), Close(SECOND)]
    assert exchange.wake_ms() is None
    assert exchange.describe(FIRST, "publish", "offer", "late") == exchange.renew(1) == exchange.tick(10**6) == []


def test_a_later_epoch_is_later_than_any_generation() -> None:
    assert LaneKey(1, 1) < LaneKey(1, 9) < LaneKey(2, 1)
