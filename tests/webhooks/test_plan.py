"""When which event is told: lanes, retries, a receiver that fails, what is kept of it all, and the laws that hold whatever happens."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.port import Record
from streams.webhooks.plan import Answer, Due, Limits, Plan, Verdict, begun_again, patient_again
from streams.webhooks.standing import Standing, packed, unpacked
from tests.webhooks.builders import EVENTS, LIMITS, NOW_MS, record

PLACE = (EVENTS, 0)
TAKEN, BROKEN, WRONG, GONE = Answer(204), Answer(500, "http_500"), Answer(400, "http_400"), Answer(410, "http_410")


def plan_of(*conversations: str) -> Plan:
    """With an event in each of these, in this order."""
    plan = Plan(LIMITS, Standing({PLACE: 0}))
    for offset, conversation in enumerate(conversations):
        plan.heard(record(conversation, offset))
        plan.passed(EVENTS, 0, offset + 1)
    return plan


def names(due: list[Due]) -> list[tuple[str, int]]:
    return [((each.record.key or b"").decode(), each.record.offset) for each in due]


def answered(plan: Plan, due: Due, answer: Answer, now_ms: int = NOW_MS) -> Verdict:
    return plan.answered(due.lane, answer, now_ms, 0.0)


def test_of_a_conversation_one_event_is_under_way_and_of_several_each_one() -> None:
    plan = plan_of("a", "a", "b", "a")
    first = plan.due(NOW_MS)
    assert names(first) == [("a", 0), ("b", 2)]
    assert plan.due(NOW_MS) == []
    assert answered(plan, first[0], TAKEN) == Verdict("delivered", 1)
    assert names(plan.due(NOW_MS)) == [("a", 1)]


def test_no_more_are_under_way_than_the_limit_says() -> None:
    assert len(plan_of(*"abcdefgh").due(NOW_MS)) == LIMITS.in_flight


def test_a_failed_event_holds_back_its_own_conversation_by_the_schedule() -> None:
    plan = plan_of("a", "b", "a", "b")
    a, b = plan.due(NOW_MS)
    assert answered(plan, a, BROKEN) == Verdict("retrying", 1, NOW_MS + 1_000, NOW_MS)
    assert answered(plan, b, TAKEN).state == "delivered"
    assert names(plan.due(NOW_MS)) == [("b", 3)]
    assert plan.wake_ms() == NOW_MS + 1_000
    [again] = plan.due(NOW_MS + 1_000)
    assert (names([again]), again.tries) == ([("a", 0)], 1)


def test_chance_spreads_a_wait_over_a_tenth() -> None:
    plan = plan_of("a")
    [due] = plan.due(NOW_MS)
    assert plan.answered(due.lane, BROKEN, NOW_MS, 0.5).next_ms == NOW_MS + 1_050


def test_retry_after_holds_back_everything_and_not_for_longer_than_the_limit() -> None:
    plan = plan_of("a", "b", "c", "d", "e")
    [first, *_] = plan.due(NOW_MS)
    assert answered(plan, first, Answer(503, "http_503", 20_000)).next_ms == NOW_MS + 20_000
    assert plan.due(NOW_MS + 19_999) == []
    assert names(plan.due(NOW_MS + 20_000)) == [("a", 0)]
    plan = plan_of("a")
    [due] = plan.due(NOW_MS)
    assert answered(plan, due, Answer(429, "http_429", 10**9)).next_ms == NOW_MS + LIMITS.retry_after_ms


def failing(plan: Plan) -> None:
    """Three failures in a row."""
    for due in plan.due(NOW_MS)[:3]:
        answered(plan, due, BROKEN)


def test_a_receiver_that_takes_nothing_is_probed_with_one_event_that_was_not_tried() -> None:
    plan = plan_of("a", "b", "c", "d", "e")
    [*three, last] = plan.due(NOW_MS)
    for due in three:
        answered(plan, due, BROKEN)
    answered(plan, last, BROKEN)
    assert plan.failing
    assert plan.due(NOW_MS) == []
    wake_ms = plan.wake_ms()
    assert wake_ms is not None
    assert wake_ms <= NOW_MS + LIMITS.probe_ms
    assert names(plan.due(wake_ms)) == [("e", 4)]


def test_when_it_takes_one_everything_that_waited_is_due_at_once() -> None:
    plan = plan_of("a", "b", "c", "d", "e")
    plan._limits = LIMITS._replace(schedule_ms=(60_000,))  # far behind the probe
    for due in plan.due(NOW_MS):
        answered(plan, due, BROKEN)
    [probe] = plan.due(NOW_MS + LIMITS.probe_ms)
    answered(plan, probe, TAKEN, NOW_MS + LIMITS.probe_ms)
    assert not plan.failing
    assert {name for name, _ in names(plan.due(NOW_MS + LIMITS.probe_ms))} == {"a", "b", "c", "d"}


def tried_to_the_end(plan: Plan, answer: Answer, others_taken: bool) -> Verdict:
    """Of the conversation a, until the verdict is no retry; `others_taken`: of b something is taken in between."""
    now_ms, verdict = NOW_MS, Verdict("retrying", 0)
    for _ in range(20):
        now_ms += LIMITS.schedule_ms[-1]
        for due in plan.due(now_ms):
            if due.lane[2] == b"b":
                answered(plan, due, TAKEN if others_taken else BROKEN, now_ms)
            else:
                verdict = answered(plan, due, answer, now_ms)
                if verdict.state != "retrying" or verdict.disable:
                    return verdict
        if others_taken:
            plan.heard(record("b", plan.read_to[PLACE]))
            plan.passed(EVENTS, 0, plan.read_to[PLACE] + 1)
    return verdict


def test_an_event_is_given_up_when_its_schedule_is_used_up_and_others_were_taken() -> None:
    plan = plan_of("a", "b", "a")
    verdict = tried_to_the_end(plan, BROKEN, others_taken=True)
    assert (verdict.state, verdict.tries) == ("given_up", len(LIMITS.schedule_ms) + 1)


def test_an_event_that_the_receiver_cannot_take_is_given_up_though_it_is_the_only_one() -> None:
    assert tried_to_the_end(plan_of("a"), WRONG, others_taken=False).state == "given_up"


def test_when_nothing_is_taken_for_long_the_webhook_is_disabled_and_nothing_is_given_up() -> None:
    plan = plan_of("a")
    verdict = tried_to_the_end(plan, BROKEN, others_taken=False)
    assert (verdict.state, verdict.disable) == ("retrying", "failing")
    assert plan.due(NOW_MS * 2) == []
    assert [each.offset for each in plan.standing().behind] == [0]


def test_gone_disables_at_once() -> None:
    plan = plan_of("a", "b")
    [first, second] = plan.due(NOW_MS)
    assert answered(plan, first, GONE).disable == "gone"
    assert plan.due(NOW_MS * 2) == []
    assert answered(plan, second, TAKEN).state == "delivered"


def test_what_is_behind_does_not_hold_back_the_position_of_the_others() -> None:
    plan = plan_of("a", "b", "b")
    [a, b] = plan.due(NOW_MS)
    answered(plan, a, BROKEN)
    answered(plan, b, TAKEN)
    standing = plan.standing()
    assert standing.places == {PLACE: 2}
    assert [(each.lane[2], each.offset, each.tries) for each in standing.behind] == [(b"a", 0, 1)]


def test_a_lane_that_fails_keeps_only_its_first_event_in_memory() -> None:
    plan = plan_of("a", "a", "a")
    [due] = plan.due(NOW_MS)
    answered(plan, due, BROKEN)
    assert plan.pending == 1
    [again] = plan.due(NOW_MS + 1_000)
    answered(plan, again, TAKEN)
    assert list(plan.refills()) == [((EVENTS, 0, b"a"), 1)]
    assert list(plan.refills()) == [], "each is named once"
    plan.refilled((EVENTS, 0, b"a"), [record("a", 1), record("a", 2)], 3)
    assert names(plan.due(NOW_MS)) == [("a", 1)]


def test_nothing_more_is_read_when_the_window_is_full() -> None:
    plan = plan_of(*(f"g{number}" for number in range(LIMITS.window_events)))
    assert not plan.has_room


def test_after_a_replay_what_was_told_before_is_marked() -> None:
    standing = begun_again(Standing({PLACE: 10}), {PLACE: 8}, {PLACE: 10})
    plan = Plan(LIMITS, standing)
    for offset in range(8, 12):
        plan.heard(record(f"g{offset}", offset))
    assert [each.again for each in plan.due(NOW_MS)] == [True, True, False, False]


def test_what_is_kept_is_read_as_it_was() -> None:
    plan = plan_of("a", "b", "a", "\N{SNOWMAN}")
    for due in plan.due(NOW_MS):
        answered(plan, due, BROKEN)
    standing = begun_again(plan.standing(), {PLACE: 1}, {PLACE: 4})
    assert unpacked(packed(standing)) == standing
    assert unpacked(packed(plan.standing())) == plan.standing()


def test_a_webhook_that_was_set_anew_waits_for_nothing() -> None:
    plan = plan_of("a", "b", "c", "d")
    for due in plan.due(NOW_MS):
        answered(plan, due, BROKEN)
    fresh = patient_again(plan.standing())
    assert all(each.not_before_ms == each.tries == 0 for each in fresh.behind)
    assert fresh.receiver.failures_row == 0


# ---- the laws, over a log and a receiver that does what it likes


@dataclass
class World:
    """A log of one partition, a plan that may be begun anew at any step, and what the receiver took."""

    log: list[Record]
    rng: random.Random
    plan: Plan = field(default_factory=lambda: Plan(LIMITS, Standing({PLACE: 0})))
    kept: str = packed(Standing({PLACE: 0}))
    flying: list[Due] = field(default_factory=list)
    taken: list[tuple[str, int]] = field(default_factory=list)
    now_ms: int = NOW_MS
    limits: Limits = LIMITS

    def read(self) -> None:
        at = self.plan.read_to[PLACE]
        for each in self.log[at : at + self.rng.randrange(1, 20)]:
            if not self.plan.has_room:
                return
            self.plan.heard(each)
            self.plan.passed(EVENTS, 0, each.offset + 1)

    def refill(self) -> None:
        for lane, at in list(self.plan.refills()):
            most, found = self.plan.refill_events, list[Record]()
            while len(found) < most and at < self.plan.read_to[PLACE]:
                found += [self.log[at]] if self.log[at].key == lane[2] else []
                at += 1
            self.plan.refilled(lane, found, at)

    def send(self) -> None:
        self.flying += self.plan.due(self.now_ms)

    def answer(self, failure_ratio: float) -> None:
        if not self.flying:
            return
        due = self.flying.pop(self.rng.randrange(len(self.flying)))
        if self.rng.random() < failure_ratio:
            self.plan.answered(due.lane, BROKEN, self.now_ms, self.rng.random())
        else:
            self.taken += names([due])
            self.plan.answered(due.lane, TAKEN, self.now_ms, 0.0)

    def crash(self) -> None:
        """What was under way may have arrived."""
        self.taken += [name for due in self.flying for name in names([due]) if self.rng.random() < 0.5]
        self.flying, self.plan = [], Plan(self.limits, unpacked(self.kept))

    def step(self, failure_ratio: float, crashes: bool) -> None:
        chance = self.rng.random()
        if crashes and chance < 0.02:
            self.crash()
        elif chance < 0.1:
            self.kept = packed(self.plan.standing())
        self.read()
        self.refill()
        self.send()
        self.answer(failure_ratio)
        self.now_ms += self.rng.randrange(2_000)


def assert_whole_and_in_order(world: World, conversations: list[str]) -> None:
    for conversation in set(conversations):
        first = list(dict.fromkeys(offset for name, offset in world.taken if name == conversation))
        assert first == [offset for offset, each in enumerate(conversations) if each == conversation]


@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=120),
    st.sampled_from([0.0, 0.2, 0.6]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_fails_and_whoever_dies_every_event_is_told_in_order(
    seed: int, conversations: list[str], failure_ratio: float, crashes: bool
) -> None:
    patient = LIMITS._replace(schedule_ms=(1_000, 5_000, *(10_000,) * 200), disable_after_ms=10**12)
    log = [record(name, offset) for offset, name in enumerate(conversations)]
    world = World(log, random.Random(seed), Plan(patient, Standing({PLACE: 0})), limits=patient)
    for _ in range(len(conversations) * 4):
        world.step(failure_ratio, crashes)
    for _ in range(3_000):
        if world.plan.read_to[PLACE] == len(conversations) and not world.plan._lanes:
            break
        world.step(0.0, crashes=False)
    assert_whole_and_in_order(world, conversations)
    assert world.plan.standing() == Standing({PLACE: len(conversations)}, [], {}, world.plan.receiver)


@pytest.mark.parametrize("seed", range(20))
def test_without_failures_and_crashes_every_event_is_told_once(seed: int) -> None:
    rng = random.Random(seed)
    conversations = [rng.choice("abc") for _ in range(200)]
    world = World([record(name, offset) for offset, name in enumerate(conversations)], rng)
    while world.plan.read_to[PLACE] < len(conversations) or world.plan._lanes:
        world.step(0.0, crashes=False)
    assert sorted(offset for _, offset in world.taken) == list(range(len(conversations)))
    assert_whole_and_in_order(world, conversations)
