"""When a call's ring becomes a push, and that it never does once it is over: by example, and over random lives against their own log."""

from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.notices import Notification, PushCancelled, PushRequested, RingNotified, RingSettled
from schemas.records import SessionEvent
from streams.inbox.rings import RingLimits
from streams.inbox.user import Effect
from streams.inbox.users import Users
from tests.streams.inbox_parts import LIMITS, START_MS, Fed, closed, opened, rang, rung

RING_MS = 60_000
LONG_MS = 10_000_000
KEEP_MS = LIMITS.rings.keep_ms


def asked(fed: Fed) -> list[tuple[int, int, bool, str]]:
    """(after so long, attempt, missed, why)"""
    return [(at_ms - START_MS, each.attempt, each.missed, each.reason) for at_ms, each in fed.effects if isinstance(each, PushRequested)]


def taken_back(fed: Fed) -> list[tuple[str, int, bool]]:
    return [(each.ref, each.attempt, each.replaced) for each in fed.cancelled]


def test_who_is_absent_is_rung_by_a_push_at_once_with_all_that_it_shows() -> None:
    fed = Fed()
    fed.feed(rung(3))
    push = fed.pushes[0]
    assert asked(fed) == [(0, 3, False, "absent")]
    assert (push.purpose, push.ref, push.deadline_ms, push.caller, push.video) == ("call", "call-1", START_MS + RING_MS, "u-ben", True)
    assert (push.push_id, push.conversation_id, push.to_seq) == ("u-ana:call-1:0:3", "r-1", 0)


def test_a_session_has_two_seconds_to_report_the_ring() -> None:
    fed = Fed()
    fed.feed(opened(START_MS, lease_ms=LONG_MS), rung(1))
    fed.after(RING_MS)
    assert asked(fed) == [(2_000, 1, False, "silent")]


def test_a_reported_ring_needs_no_push_and_neither_does_its_missing() -> None:
    fed = Fed()
    fed.feed(opened(START_MS, lease_ms=LONG_MS), rung(1), rang("delivered", 2))
    fed.after(RING_MS)
    fed.feed(rang("missed", 4))
    assert (asked(fed), taken_back(fed)) == ([], [])


def test_a_ring_that_nobody_reported_is_told_as_missed_though_a_session_lives() -> None:
    fed = Fed()
    fed.feed(opened(START_MS, lease_ms=LONG_MS), rung(1))
    fed.after(1_000)
    fed.feed(rang("missed", 2))
    assert asked(fed) == [(1_000, 2, True, "silent")]
    assert taken_back(fed) == [], "no push rang"


def test_whose_last_session_goes_before_it_reported_is_pushed_before_the_two_seconds() -> None:
    limits = replace(LIMITS, settle_ms=500)
    fed = Fed(limits=limits)
    fed.feed(opened(START_MS, lease_ms=LONG_MS), rung(1), closed(START_MS))
    fed.after(RING_MS)
    assert asked(fed) == [(500, 1, False, "absent")]


def test_a_pushed_ring_that_is_answered_is_taken_back_and_one_in_vain_is_replaced() -> None:
    answered, missed = Fed(), Fed()
    for fed, outcome in ((answered, rang("stopped", 2)), (missed, rang("missed", 2))):
        fed.feed(rung(1))
        fed.after(5_000)
        fed.feed(outcome, outcome)
        fed.after(KEEP_MS)
    assert (asked(answered), taken_back(answered)) == ([(0, 1, False, "absent")], [("call-1", 1, False)])
    assert asked(missed) == [(0, 1, False, "absent"), (5_000, 2, True, "absent")]
    assert taken_back(missed) == [("call-1", 1, True)]


def test_who_is_invited_again_rings_again_and_old_news_of_the_first_ring_changes_nothing() -> None:
    fed = Fed()
    fed.feed(rung(1), rang("stopped", 4), rung(6), rang("stopped", 4), rung(1))
    assert [each[1] for each in asked(fed)] == [1, 6]
    assert taken_back(fed) == [("call-1", 1, False)]


def test_what_comes_after_the_deadline_rings_nobody_but_is_told_as_missed() -> None:
    """The inbox was away for the whole ring."""
    fed = Fed(now_ms=START_MS + 2 * RING_MS)
    fed.feed(rung(1))
    fed.after(1_000)
    assert asked(fed) == []
    fed.feed(rang("missed", 2, at_ms=START_MS + RING_MS))
    assert [(each.missed, each.at_ms) for each in fed.pushes] == [(True, START_MS + RING_MS)]


def test_a_ring_is_forgotten_in_the_end_and_then_the_user_is() -> None:
    fed = Fed()
    fed.feed(rung(1), rang("stopped", 2))
    fed.after(RING_MS + KEEP_MS - 1)
    assert fed.users.snapshot("u-ana", fed.now_ms) is not None
    fed.users.saved(["u-ana"])
    fed.after(1)
    assert fed.users.snapshot("u-ana", fed.now_ms) is None
    fed.users.saved(["u-ana"])
    fed.after(10_000)
    assert len(fed.users) == 0


def test_more_rings_than_are_kept_drop_the_oldest() -> None:
    fed = Fed(limits=replace(LIMITS, rings=RingLimits(rings_limit=3)))
    fed.feed(*(rung(1, call=f"call-{number}") for number in range(9)))
    saved = fed.users.snapshot("u-ana", fed.now_ms)
    assert saved is not None
    assert [each.call_id for each in saved.rings] == ["call-6", "call-7", "call-8"]


# ---- random lives


@dataclass(frozen=True)
class Act:
    what: str
    passed_ms: int
    call: int
    again: int


ACTS = st.builds(
    Act,
    st.sampled_from(["ring", "ring", "stopped", "missed", "delivered", "opened", "closed", "again", "again"]),
    st.sampled_from([0, 0, 1, 500, 1_999, 2_000, 2_001, 30_000, 60_000]),
    st.integers(0, 1),
    st.integers(0, 20),
)


class Story:
    """One user's rings and sessions; of each call the events come in order, and any of them may be repeated later."""

    def __init__(self) -> None:
        self.fed = Fed()
        self.told: list[Notification] = []
        self.seqs = Counter[str]()
        self.over: dict[str, int] = {}  # call -> seq of what ended its last ring
        self.rings: dict[str, RingNotified] = {}

    def act(self, act: Act) -> None:
        self.fed.after(act.passed_ms)
        record = self._record(act)
        if record is not None:
            self.fed.feed(record)

    def _record(self, act: Act) -> SessionEvent | Notification | None:
        call = f"call-{act.call}"
        match act.what:
            case "opened":
                return opened(self.fed.now_ms, lease_ms=LONG_MS)
            case "closed":
                return closed(self.fed.now_ms)
            case "again":
                return self.told[act.again % len(self.told)] if self.told else None
            case "ring" if call not in self.rings or call in self.over:
                return self._told(self._ring(call))
            case ("stopped" | "missed" | "delivered") as outcome if call in self.rings and call not in self.over:
                said = rang(outcome, self._seq(call), call=call, at_ms=self.fed.now_ms)
                if outcome != "delivered":
                    self.over[call] = said.seq
                return self._told(said)
            case _:
                return None

    def _ring(self, call: str) -> RingNotified:
        self.over.pop(call, None)
        self.rings[call] = rung(self._seq(call), call=call, at_ms=self.fed.now_ms, ring_ms=RING_MS)
        return self.rings[call]

    def _seq(self, call: str) -> int:
        self.seqs[call] += 1
        return self.seqs[call]

    def _told(self, record: RingNotified | RingSettled) -> Notification:
        self.told.append(record)
        return record


def pushes_of(effects: list[tuple[int, Effect]]) -> list[tuple[int, PushRequested | PushCancelled]]:
    return [(at_ms, each) for at_ms, each in effects if isinstance(each, PushRequested | PushCancelled)]


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTS, max_size=30))
def test_a_ring_is_pushed_once_while_it_rings_and_taken_back_once(acts: list[Act]) -> None:
    story = Story()
    for act in acts:
        before = len(story.fed.effects)
        over = dict(story.over)
        story.act(act)
        for at_ms, each in pushes_of(story.fed.effects[before:]):
            if isinstance(each, PushRequested) and not each.missed:
                assert at_ms < each.deadline_ms, "a ring after its deadline"
                assert over.get(each.ref, 0) < each.attempt, "a ring after it stopped"
                assert each.attempt == story.rings[each.ref].seq, "the ring that is on"
    done = Counter((type(each), each.ref, each.attempt) for _, each in pushes_of(story.fed.effects))
    assert not [key for key, count in done.items() if count > 1], "asked twice for one thing"
    rings = {(each.ref, each.attempt) for each in story.fed.pushes if not each.missed}
    cancelled = {(each.ref, each.attempt) for each in story.fed.cancelled}
    still = {(call, ring.seq) for call, ring in story.rings.items() if call not in story.over}
    assert cancelled == rings - still, "what rang by a push and rings no more is taken back"


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_everything_repeated_asks_for_nothing_new(acts: list[Act]) -> None:
    """A notifier that begins again, soon or when all is long forgotten."""
    story = Story()
    for act in acts:
        story.act(act)
    for wait_ms in (0, RING_MS, 2 * KEEP_MS):
        story.fed.after(wait_ms)
        before = {each.push_id for each in story.fed.pushes}
        story.fed.feed(*story.told)
        fresh = [each for each in story.fed.pushes if each.push_id not in before]
        assert [each for each in fresh if not each.missed] == []
        assert all(each.at_ms <= story.fed.now_ms - wait_ms for each in fresh), "in vain is told with its own time: it expires"


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTS, max_size=25), st.integers(0, 25))
def test_what_was_saved_and_loaded_goes_on_as_if_nothing_had_been(acts: list[Act], cut: int) -> None:
    whole, parts = Story(), Story()
    for number, act in enumerate(acts):
        if number == cut:
            parts.fed.users = reloaded(parts.fed)
        whole.act(act)
        parts.act(act)
    assert pushes_of(parts.fed.effects) == pushes_of(whole.fed.effects)


def reloaded(fed: Fed) -> Users:
    """Users as a successor has them: the sessions folded anew, the rest from what was saved."""
    users = Users(fed.limits)
    before = fed.users._users.get("u-ana")
    if before is not None:
        if (saved := fed.users.snapshot("u-ana", fed.now_ms)) is not None:
            users.load_saved("u-ana", saved)
        users._user("u-ana", "default").sessions = before.sessions
    users.begin(fed.now_ms)
    users.release(fed.now_ms)
    users.take_effects()
    return users
