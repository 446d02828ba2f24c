"""The ladder of a slow session as laws: nothing but what may be lost is lost, and every event is written or told of."""

from collections import deque
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.call_frames import CallSpeaking
from edge.ladder import HELD_BYTES, KINDS, RELEASED_AT_ONCE, Age, Kind, Ladder, Verdict, kind_of
from edge.translate import item_of
from tests.edge.builders import sent, structs

LIMIT = 10_000
GROUPS, USERS = ("g-1", "g-2"), ("u-ana", "u-ben")


def events(conversation: str, *seqs: int) -> frames.Events:
    return frames.Events(conversation, tuple(item_of(sent(seq, conversation=conversation)) for seq in seqs))


TYPING = frames.UserTyping("g-1", "u-ana", True)
PONG = frames.Pong("", 1)


def test_only_these_kinds_of_frames_may_be_withheld() -> None:
    """A new frame is an answer until somebody says otherwise here."""
    assert {frame for frame, kind in KINDS.items() if kind is Kind.EPHEMERAL} == {
        frames.UserTyping,
        frames.Signalled,
        frames.ReceiptCounts,
        CallSpeaking,
    }
    assert {frame for frame, kind in KINDS.items() if kind is Kind.RECEIPT} == {frames.Receipt}
    assert {frame for frame, kind in KINDS.items() if kind is Kind.EVENTS} == {frames.Events}
    assert set(KINDS) < set(get_args(frames.FromEdge))
    assert kind_of(frames.Presence("", ())) is Kind.EPHEMERAL
    assert kind_of(frames.Presence("r1", ())) is Kind.ANSWER


@given(st.one_of([structs(frame) for frame in get_args(frames.FromEdge) if frame is not frames.Events]), st.integers(0, 3 * LIMIT))
def test_answers_are_written_at_any_height(frame: frames.FromEdge, used_bytes: int) -> None:
    if kind_of(frame) is Kind.ANSWER:
        assert Ladder(LIMIT).judge(frame, used_bytes) is Verdict.WRITE


def test_each_rung_withholds_one_more_kind() -> None:
    receipt = frames.Receipt("g-1", "u-ana", "read", 1)
    four = (PONG, TYPING, receipt, events("g-1", 1))
    wanted = {
        LIMIT // 4: [Verdict.WRITE] * 4,
        LIMIT // 4 + 1: [Verdict.WRITE, Verdict.DROPPED, Verdict.WRITE, Verdict.WRITE],
        LIMIT // 2 + 1: [Verdict.WRITE, Verdict.DROPPED, Verdict.HELD, Verdict.WRITE],
        LIMIT * 3 // 4 + 1: [Verdict.WRITE, Verdict.DROPPED, Verdict.HELD, Verdict.RESYNC],
    }
    for used_bytes, verdicts in wanted.items():
        assert [Ladder(LIMIT).judge(frame, used_bytes) for frame in four] == verdicts


def test_many_receipts_become_the_last_of_each_conversation_user_and_state() -> None:
    ladder = Ladder(1 << 20)
    for seq in (1, 7, 5):
        for user in USERS:
            assert ladder.judge(frames.Receipt("g-1", user, "delivered", seq), 1 << 20) is Verdict.HELD
    for seq in (9, 0):
        ladder.judge(frames.Receipt("g-1", "u-ana", "unread", seq), 1 << 20)
    assert ladder.held_bytes == 3 * HELD_BYTES
    assert list(ladder.release()) == [
        frames.Receipt("g-1", "u-ana", "delivered", 7),
        frames.Receipt("g-1", "u-ben", "delivered", 7),
        frames.Receipt("g-1", "u-ana", "unread", 0),
    ]
    assert not ladder.holds


def test_what_waits_leaves_in_portions() -> None:
    ladder = Ladder(LIMIT)
    for number in range(RELEASED_AT_ONCE + 10):
        ladder.judge(events(f"g-{number}", 3), LIMIT)
    assert len(list(ladder.release())) == RELEASED_AT_ONCE
    assert ladder.holds
    assert len(list(ladder.release())) == 10
    assert not ladder.holds


def test_events_that_are_written_again_lower_what_resync_names() -> None:
    ladder = Ladder(LIMIT)
    ladder.judge(events("g-1", 5, 6), LIMIT)
    ladder.judge(events("g-1", 2, 3), 0)
    assert list(ladder.release()) == [frames.Resync("g-1", 2)]


Step = tuple[str, Any]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from(GROUPS)),
        st.tuples(st.just("receipt"), st.tuples(st.sampled_from(GROUPS), st.sampled_from(USERS), st.integers(1, 50))),
        st.tuples(st.just("typing"), st.none()),
        st.tuples(st.just("answer"), st.none()),
        st.tuples(st.just("read"), st.integers(1, 12)),
    ),
    max_size=150,
)


@given(STEPS, st.integers(100, 2_000))
def test_a_reader_of_any_speed_ends_up_with_everything_or_is_told_what_it_lacks(steps: list[Step], frame_bytes: int) -> None:
    """An outbox of frames of one size; the device reads some now and then, and what waits is told once all is read."""
    ladder, outbox, read = Ladder(LIMIT), deque[frames.FromEdge](), list[frames.FromEdge]()
    heads, answers, marks = dict.fromkeys(GROUPS, 0), 0, dict[tuple[str, str], int]()

    def write(frame: frames.FromEdge) -> None:
        used_bytes = (len(outbox) + 1) * frame_bytes
        if ladder.judge(frame, used_bytes) is Verdict.WRITE:
            outbox.append(frame)

    def read_some(count: int) -> None:
        for _ in range(min(count, len(outbox))):
            read.append(outbox.popleft())
        if not outbox and ladder.holds:
            outbox.extend(ladder.release())

    for what, detail in steps:
        match what:
            case "event":
                heads[detail] += 1
                write(events(detail, heads[detail]))
            case "receipt":
                group, user, seq = detail
                marks[group, user] = max(seq, marks.get((group, user), 0))
                write(frames.Receipt(group, user, "delivered", seq))
            case "typing":
                write(TYPING)
            case "answer":
                answers += 1
                write(frames.Pong("", answers))
            case _:
                read_some(detail)
    while outbox or ladder.holds:
        read_some(len(outbox))

    assert [frame.now_ms for frame in read if isinstance(frame, frames.Pong)] == list(range(1, answers + 1))
    held = dict[tuple[str, str], int]()
    for frame in read:
        if isinstance(frame, frames.Receipt):
            held[frame.conversation, frame.user] = max(frame.up_to_seq, held.get((frame.conversation, frame.user), 0))
    assert held == marks
    for group in GROUPS:
        next_seq, told = _followed(read, group)
        assert next_seq == heads[group] + 1 or told


def _followed(read: list[frames.FromEdge], group: str) -> tuple[int, bool]:
    """Where a device arrives that complains of a gap it was not told of, and whether it was told to sync from there."""
    next_seq = 1
    synced = False
    for frame in read:
        if isinstance(frame, frames.Events) and frame.conversation == group:
            seq = frame.events[0].seq
            assert seq == next_seq or synced, "a gap before it was told"
            next_seq, synced = seq + 1, False
        elif isinstance(frame, frames.Resync) and frame.conversation == group:
            assert frame.from_seq == next_seq or synced, "what is told begins where the writing ended"
            synced = True  # by its pages it gets everything up to the next live event, or to the head
    return next_seq, synced


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 500), st.integers(0, 400)), max_size=60), st.integers(100, 1_000))
def test_an_outbox_is_found_old_between_once_and_twice_the_limit(steps: list[tuple[int, int, int]], limit_ms: int) -> None:
    """Against a queue that keeps the time of every byte; looked at every 50 ms at most."""
    age, now_ms, written = Age(), 0.0, 0
    queue = deque[tuple[float, int]]()  # when, how many
    for passed_ms, put, sent_bytes in steps:
        now_ms += passed_ms
        if put:
            queue.append((now_ms, put))
            written += put
        while queue and sent_bytes:
            at_ms, left = queue.popleft()
            taken = min(left, sent_bytes)
            sent_bytes -= taken
            if left > taken:
                queue.appendleft((at_ms, left - taken))
        oldest_ms = now_ms - queue[0][0] if queue else 0.0
        told_ms = age.look(now_ms, written, sum(count for _, count in queue))
        assert told_ms <= oldest_ms, "never older than it is"
        if oldest_ms > 2 * limit_ms + 50:
            assert told_ms > limit_ms, "and never missed"
