"""What a device owes, as laws: nothing is forgotten, nothing is asked for that was acknowledged, silence ends, progress never does."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.unacked import REWRITES_PER_LOOK, GiveUp, Owed, Policy, Rewrite, Unacked, ask_again, left_of, look, note, put_off, settle

POLICY = Policy(timeout_ms=1_000, attempts_limit=3)
CONVERSATIONS = ("c1", "c2")


class OwedMachine(RuleBasedStateMachine):
    """Against a model that keeps every single seq."""

    def __init__(self) -> None:
        super().__init__()
        self.unacked: Unacked = {}
        self.owed: dict[str, list[int]] = {name: [] for name in CONVERSATIONS}
        self.head = dict.fromkeys(CONVERSATIONS, 0)
        self.progress_ms = dict.fromkeys(CONVERSATIONS, 1.0)
        self.now_ms = 1.0

    @rule(name=st.sampled_from(CONVERSATIONS), count=st.integers(1, 4), others=st.integers(0, 2))
    def write(self, name: str, count: int, others: int) -> None:
        """`others`: events of the device itself, which it gets as acks and does not owe."""
        first = self.head[name] + 1 + others
        self.head[name] = first + count - 1
        if not self.owed[name]:
            self.progress_ms[name] = self.now_ms
        self.owed[name] += range(first, first + count)
        note(self.unacked, name, first, self.head[name])

    @rule(name=st.sampled_from(CONVERSATIONS), up_to=st.integers(0, 40))
    def mark(self, name: str, up_to: int) -> None:
        """Backwards, in between, all at once, and beyond what was written here."""
        left = [seq for seq in self.owed[name] if seq > up_to]
        if self.owed[name] and up_to >= self.owed[name][0]:
            self.progress_ms[name] = self.now_ms
        self.owed[name] = left
        settle(self.unacked, name, up_to)

    @rule(passed_ms=st.integers(0, 5_000), drained=st.sampled_from([True, True, True, False]))
    def look(self, passed_ms: int, drained: bool) -> None:
        self.now_ms += passed_ms
        found = look(self.unacked, self.now_ms, POLICY, drained=drained)
        if isinstance(found, GiveUp):
            silent = [name for name in CONVERSATIONS if self.owed[name]]
            # 1 + 2 + 4 time-outs for the attempts, and one after the last
            assert any(self.now_ms - self.progress_ms[name] >= 8 * POLICY.timeout_ms for name in silent)
            self.unacked.clear()  # the device comes back with a new session
            self.owed = {name: [] for name in CONVERSATIONS}
            return
        assert drained or not found
        for rewrite in found:
            assert rewrite.from_seq <= self.owed[rewrite.conversation][0], "something owed is not written again"
            assert rewrite.to_seq == self.owed[rewrite.conversation][-1]
            assert self.now_ms - self.progress_ms[rewrite.conversation] >= POLICY.timeout_ms

    @invariant()
    def it_owes_exactly_what_the_model_says(self) -> None:
        assert {name for name in CONVERSATIONS if self.owed[name]} == set(self.unacked)
        for name, owed in self.unacked.items():
            assert owed.first_seq <= self.owed[name][0]
            assert owed.last_seq == self.owed[name][-1]


TestOwed = OwedMachine.TestCase


def silent(unacked: Unacked, policy: Policy, step_ms: int = 50) -> tuple[list[int], int]:
    """When each rewriting came and when the session was given up, of a device that says nothing."""
    rewritten: list[int] = []
    for now_ms in range(step_ms, 1_000_000, step_ms):
        found = look(unacked, now_ms, policy, drained=True)
        if isinstance(found, GiveUp):
            return rewritten, now_ms
        rewritten += [now_ms] * len(found)
    raise AssertionError("never given up")


@given(st.integers(100, 1_000), st.integers(1, 4))
def test_a_device_that_acks_nothing_is_written_to_with_back_off_and_then_given_up(timeout_ms: int, attempts: int) -> None:
    unacked: Unacked = {}
    note(unacked, "c1", 1, 3)
    step_ms = 50
    rewritten, given_up_ms = silent(unacked, Policy(timeout_ms, attempts), step_ms)
    waits = [later - earlier for earlier, later in zip([step_ms, *rewritten], [*rewritten, given_up_ms], strict=True)]
    wanted = [*(timeout_ms << attempt for attempt in range(attempts)), timeout_ms]
    assert all(0 <= waited - want < step_ms for waited, want in zip(waits, wanted, strict=True))


def test_the_default_schedule() -> None:
    unacked: Unacked = {}
    note(unacked, "c1", 1, 1)
    assert silent(unacked, Policy(15_000, 3), 1_000) == ([16_000, 46_000, 106_000], 121_000)


def test_progress_starts_the_deadline_anew_however_slow_it_is() -> None:
    unacked: Unacked = {}
    note(unacked, "c1", 1, 1_000)
    for seq in range(1, 1_000):
        look(unacked, seq * 2_000, POLICY, drained=True)
        assert not isinstance(look(unacked, seq * 2_000 + 1_500, POLICY, drained=True), GiveUp)
        settle(unacked, "c1", seq)
    assert unacked["c1"] == Owed(1_000, 1_000)


def test_nothing_is_written_behind_bytes_that_lie_here_already() -> None:
    unacked: Unacked = {}
    note(unacked, "c1", 1, 1)
    assert all(look(unacked, now_ms, POLICY, drained=False) == [] for now_ms in range(1, 100_000, 100))
    assert unacked["c1"].attempts == 0


def test_a_look_asks_for_a_bounded_number_of_conversations_and_the_others_have_their_turn_later() -> None:
    unacked: Unacked = {}
    for number in range(3 * REWRITES_PER_LOOK):
        note(unacked, f"c{number}", 1, 1)
    look(unacked, 1.0, POLICY, drained=True)
    seen: set[str] = set()
    for turn in range(3):
        found = look(unacked, 1_001.0 + turn, POLICY, drained=True)
        assert isinstance(found, list)
        assert len(found) == REWRITES_PER_LOOK
        seen |= {rewrite.conversation for rewrite in found}
    assert len(seen) == 3 * REWRITES_PER_LOOK


def test_a_rewriting_that_failed_here_is_no_attempt_of_the_device() -> None:
    unacked: Unacked = {}
    note(unacked, "c1", 1, 1)
    for turn in range(50):
        now_ms = 1.0 + turn * 2_000
        look(unacked, now_ms, POLICY, drained=True)
        assert look(unacked, now_ms + 1_000, POLICY, drained=True) == [Rewrite("c1", 1, 1)]
        put_off(unacked, "c1")
    put_off(unacked, "c-left")


def test_of_what_waits_to_be_written_again_only_what_is_still_owed_is_left() -> None:
    unacked: Unacked = {}
    note(unacked, "c1", 2, 9)
    waiting = Rewrite("c1", 2, 7)
    assert left_of(unacked, waiting) == waiting
    settle(unacked, "c1", 4)
    assert left_of(unacked, waiting) == Rewrite("c1", 5, 7)
    settle(unacked, "c1", 8)
    assert left_of(unacked, waiting) is None, "9 is owed, and was not asked for"
    settle(unacked, "c1", 9)
    assert left_of(unacked, waiting) is None


def test_who_is_asked_again_owes_it_from_then_on() -> None:
    unacked: Unacked = {}
    assert ask_again(unacked, "c1", 3, 7) == Rewrite("c1", 3, 7)
    assert unacked["c1"] == Owed(3, 7)
    settle(unacked, "c1", 5)
    assert ask_again(unacked, "c1", 3, 9) == Rewrite("c1", 6, 7), "what was acknowledged since is not written again"
