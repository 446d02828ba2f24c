"""Counts of what became of pushes: exact whatever was saved when the process died, and what is told twice counts once."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.pushes import PushResult
from store.push_counts import (
    ENTRIES_LIMIT,
    LATENCY_BOUNDS_MS,
    OTHER,
    Counts,
    Tally,
    Window,
    campaign_scope,
    counts_text,
    hour_scope,
    key_of,
    read_counts,
    scopes_of,
    settled,
    states_of,
    summed,
    within_ms,
)
from streams.push.counting.fold import Partition
from tests.push.campaign_parts import NOW_MS, result

STATES = st.sampled_from(["accepted", "rejected", "retrying", "received"])
RESULTS = st.builds(
    lambda key, state, ref, tries, hour: result(key, state, ref=ref, tries=tries, at_ms=NOW_MS + hour * 3_600_000),
    st.sampled_from("abcdef"),
    STATES,
    st.sampled_from(["", "k-1"]),
    st.integers(0, 2),
    st.integers(0, 1),
)
WINDOW = 5


class Table:
    """Rows as they stand, and the progress."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Counts, int]] = {}
        self.progress = 0

    def counter(self, log: list[PushResult]) -> Partition:
        part = Partition(Window(WINDOW), self.progress)
        for offset in range(max(0, self.progress - WINDOW), self.progress):
            part.window.is_repeat(key_of(settled(log[offset])), offset)
        return part

    def chunk(self, part: Partition, log: list[PushResult], size: int, saved: int) -> bool:
        """Count a chunk; then of its rows only `saved` are written, and the progress if that was all of them."""
        chunk = log[part.next_offset : part.next_offset + size]
        for scope in part.missing(chunk):
            part.load(scope, *self.rows.get(scope, (Counts(), 0)))
        for offset, each in enumerate(chunk, part.next_offset):
            part.add(each, offset)
        rows = list(part.changed())
        for scope, counts in rows[:saved]:
            self.rows[scope] = (counts, part.next_offset)
        if saved < len(rows):
            return False
        self.progress = part.next_offset
        return True


@given(st.lists(RESULTS, max_size=25), st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), max_size=12))
def test_a_crash_between_any_two_rows_makes_no_count_wrong(log: list[PushResult], lives: list[tuple[int, int]]) -> None:
    table = Table()
    part = table.counter(log)
    for size, saved in lives:
        if not table.chunk(part, log, size, saved):
            part = table.counter(log)
    while part.next_offset < len(log):
        table.chunk(part, log, 7, 100)
    straight = Table()
    straight.chunk(straight.counter(log), log, len(log), 100)
    assert {scope: counts for scope, (counts, _) in table.rows.items()} == {scope: counts for scope, (counts, _) in straight.rows.items()}


def test_what_is_told_again_counts_once_and_each_try_that_was_put_off_counts() -> None:
    put_off = [result("a", "retrying", "timeout", tries=tries) for tries in (1, 2)]
    log = [*put_off, put_off[1], result("a"), result("a"), result("b"), result("", "suppressed", "quiet_hours", channel="")]
    table = Table()
    table.chunk(table.counter(log), log, len(log), 10)
    [(counts, _)] = table.rows.values()
    assert states_of(counts) == {"retrying": 2, "accepted": 2, "suppressed": 1}


def test_of_a_campaign_what_a_device_had_already_was_accepted_once() -> None:
    def repeated(device: str, channel: str) -> PushResult:
        return result("", "suppressed", "repeated", ref="k-1", device=device, channel=channel)

    log = [
        result("a", ref="k-1", push_id="p-", device="d-1", channel="webpush"),
        *(repeated("d-1", channel) for channel in ("fcm", "webpush")),  # the worker died, and was asked again
        *(repeated("d-2", channel) for channel in ("fcm", "webpush")),  # its result was lost with the worker
        result("", "suppressed", "repeated"),  # of a message: a newer one came first
    ]
    table = Table()
    table.chunk(table.counter(log), log, len(log), 10)
    assert states_of(table.rows[campaign_scope("k-1")][0]) == {"accepted": 2}
    assert states_of(table.rows[hour_scope(NOW_MS // 3_600_000)][0]) == {"accepted": 2, "suppressed": 1}


def test_a_result_counts_for_its_hour_and_its_campaign() -> None:
    hour = hour_scope(NOW_MS // 3_600_000)
    assert scopes_of(result("a")) == (hour,)
    assert scopes_of(result("a", ref="k-1")) == (hour, campaign_scope("k-1"))


def test_two_results_of_different_devices_or_states_are_not_the_same() -> None:
    different = [
        result("a"),
        result("b"),
        result("a", "received"),
        result("", "suppressed", device="d-1"),
        result("", "suppressed", device="d-2"),
    ]
    assert len({key_of(each) for each in different}) == len(different)


def test_the_window_forgets_what_is_far_back() -> None:
    window = Window(3)
    assert [window.is_repeat(key, offset) for offset, key in enumerate("abcabxyza")] == [False] * 3 + [True, True] + [False] * 4


def test_vendors_words_do_not_fill_a_row() -> None:
    tally = Tally()
    for number in range(ENTRIES_LIMIT + 50):
        tally.add(result(str(number), "rejected", f"word {number}"))
    counts = tally.counts
    assert len(counts.results) == ENTRIES_LIMIT + 1
    assert [each.count for each in counts.results if each.reason == OTHER] == [50]


@given(st.lists(RESULTS), st.integers(0, 30))
def test_sums_of_parts_are_the_whole_also_through_a_row(results: list[PushResult], cut: int) -> None:
    def counted(some: list[PushResult]) -> Counts:
        tally = Tally()
        for each in some:
            tally.add(each)
        return read_counts(counts_text(tally.counts))

    assert summed([counted(results[:cut]), counted(results[cut:])]) == counted(results)


def test_within_which_time_a_share_of_the_answers_came() -> None:
    tally = Tally()
    for latency_ms in [3] * 90 + [150] * 9 + [60_000]:
        tally.add(result("a", latency_ms=latency_ms))
    tally.add(result("a", "suppressed", "muted", latency_ms=0))  # nobody answered
    [latency] = tally.counts.latencies
    assert (within_ms(latency.counts, 0.5), within_ms(latency.counts, 0.99), within_ms(latency.counts, 1.0)) == (5, 200, None)
    assert within_ms((0,) * (len(LATENCY_BOUNDS_MS) + 1), 0.5) is None
