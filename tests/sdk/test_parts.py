"""Small parts of the SDK: ids, back-off, outbox, gap repair, directory."""

from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from warbler.backoff import BACKOFF_LIMIT_MS, backoff_ms
from warbler.directory import Directory, is_unspoken
from warbler.frames import DeviceContent, DirectoryEntry, EventItem, EventKind, FrameMember, Page, SendMessage
from warbler.happenings import TimelineEvent
from warbler.ids import ms_of, random_bits_of, uuid7
from warbler.outbox import Outbox, Pace, Pending
from warbler.timelines import ANSWER_WITHIN_MS, Timelines


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_uuid7_is_a_version_7_uuid_and_gives_back_its_parts(ms: int, bits: int) -> None:
    text = uuid7(ms, bits)
    parsed = UUID(text)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, "specified in RFC 4122", text)
    assert (ms_of(text), random_bits_of(text)) == (ms, bits)


@given(st.integers(0, 100), st.floats(0, 1))
def test_backoff_is_jittered_and_limited(attempt: int, chance: float) -> None:
    assert BACKOFF_LIMIT_MS >= backoff_ms(attempt, chance) >= min(BACKOFF_LIMIT_MS, 250 << attempt) // 2


def pending(key: int) -> Pending:
    frame = SendMessage(id=f"id-{key}", conversation="g-1", content=DeviceContent(text="x"))
    return Pending(key, frame, fixed_id=True, since_seq=1)


def test_the_outbox_lets_no_more_fly_than_the_server_allows() -> None:
    outbox = Outbox(flying_limit=2, pace=Pace(per_s=1000, burst=10, level=10))
    for key in (1, 2, 3):
        outbox.add(pending(key))
    assert [p.key for p in outbox.due(1, 0, lambda _: None)] == [1, 2]
    outbox.answered("id-1")
    assert [p.key for p in outbox.due(1, 0, lambda _: None)] == [3]


def test_the_outbox_keeps_the_servers_pace() -> None:
    outbox = Outbox(flying_limit=9, pace=Pace(per_s=10, burst=1, level=1))
    for key in (1, 2):
        outbox.add(pending(key))
    assert [p.key for p in outbox.due(1, 0, lambda _: None)] == [1]
    assert outbox.due(1, 50, lambda _: None) == []
    wake_ms = outbox.wake_ms(50)
    assert wake_ms is not None
    assert 100 <= wake_ms <= 102
    assert [p.key for p in outbox.due(1, wake_ms, lambda _: None)] == [2]


def test_a_command_that_must_wait_holds_back_those_behind_it() -> None:
    outbox = Outbox(flying_limit=9, pace=Pace(per_s=1000, burst=10, level=10))
    for key in (1, 2):
        outbox.add(pending(key))
    first = outbox.due(1, 0, lambda _: None)[0]
    outbox.connection_lost()
    outbox.answered("id-1")
    outbox.waiting.remove(first)
    outbox.again(first, not_before_ms=500)
    assert outbox.due(2, 100, lambda _: None) == []
    assert [p.key for p in outbox.due(2, 500, lambda _: None)] == [1, 2]


def test_a_command_that_is_not_answered_for_long_is_sent_once_more() -> None:
    outbox = Outbox(flying_limit=9, pace=Pace(per_s=1000, burst=10, level=10))
    for key in (1, 2):
        outbox.add(pending(key))
        outbox.due(1, key * 1000, lambda _: None)
    assert outbox.overdue(30_999) == []
    assert outbox.wake_ms(5_000) == 31_000
    assert [late.key for late in outbox.overdue(31_000)] == [1]
    assert [late.key for late in outbox.overdue(32_000)] == [2]
    assert outbox.overdue(32_000) == []
    assert outbox.wake_ms(32_000) == 61_000


def item(seq: int, kind: EventKind = "message_sent", user: str = "u-b", **details: object) -> EventItem:
    return EventItem(kind=kind, seq=seq, ordinal=seq, at_ms=seq, user=user, device="d-b", id=f"e{seq}", **details)  # type: ignore[arg-type]


def test_a_damaged_place_is_skipped_and_said() -> None:
    timelines = Timelines()
    timelines.start("g-1", 1)
    assert timelines.take("g-1", [item(6)], 0) == []
    timelines.asked("g-1", "t1", 0)
    ready, skipped = timelines.take_page(Page("t1", "g-1", (item(2), item(3)), 6, False, (1, 4, 5)), 0)
    assert [event.seq for event in ready] == [2, 3, 6]
    assert skipped == (1, 4, 5)
    assert not timelines.wanting


def test_without_room_nothing_is_taken_and_it_is_asked_again_later() -> None:
    timelines = Timelines()
    timelines.start("g-1", 1)
    timelines.room = False
    assert timelines.take("g-1", [item(1)], 0) == []
    assert timelines.due(0, 9) == []
    timelines.room = True
    assert [(name, track.next_seq) for name, track in timelines.due(0, 9)] == [("g-1", 1)]


def test_a_sync_that_is_never_answered_is_asked_again_also_when_nothing_more_arrives() -> None:
    """As after a hello with the position of a conversation the user is let into again only a moment later."""
    timelines = Timelines()
    timelines.start("g-1", 4)
    timelines.asked("g-1", "", 0)
    assert timelines.wake_ms() is None, "nothing is known to be missing"
    assert timelines.take("g-1", [item(9)], 5_000) == []
    assert timelines.due(5_000, 9) == []
    wake_ms = timelines.wake_ms()
    assert wake_ms == ANSWER_WITHIN_MS
    assert [(name, track.next_seq) for name, track in timelines.due(wake_ms, 9)] == [("g-1", 4)]
    timelines.asked("g-1", "t1", wake_ms)
    assert timelines.wake_ms() == 2 * ANSWER_WITHIN_MS
    ready, _ = timelines.take_page(Page("t1", "g-1", tuple(item(seq) for seq in range(4, 9)), 9, False), wake_ms)
    assert [event.seq for event in ready] == [4, 5, 6, 7, 8, 9]
    assert timelines.wake_ms() is None


def test_pages_that_bring_nothing_are_asked_for_ever_more_slowly() -> None:
    timelines = Timelines()
    timelines.start("g-1", 1)
    timelines.take("g-1", [item(5)], 0)
    waits = []
    now_ms = 0
    for number in range(4):
        [(name, track)] = timelines.due(now_ms, 9)
        timelines.asked(name, f"t{number}", now_ms)
        timelines.take_page(Page(f"t{number}", "g-1", (), 1, False), now_ms)
        waits.append(track.retry_at_ms - now_ms)
        now_ms = track.retry_at_ms
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert waits[-1] > waits[0]


def test_the_directory_counts_unread_and_follows_titles() -> None:
    directory = Directory()
    members = (FrameMember("u-a"),)
    for event in (
        item(1, "conversation_created", title="tea", conversation_kind="group", members=members),
        item(2, content=DeviceContent(text="hello")),
        item(3, content=DeviceContent(text="you")),
        item(4, "conversation_renamed", title="coffee"),
    ):
        directory.apply(TimelineEvent("g-1", event, False), "u-a")
    entry = directory["g-1"]
    assert (entry.title, entry.unread, entry.head_seq) == ("coffee", 2, 4)
    assert entry.last is not None
    assert entry.last.content == DeviceContent(text="you")
    directory.apply(TimelineEvent("g-1", item(5, user="u-a", content=DeviceContent(text="me")), True), "u-a")
    assert (directory["g-1"].unread, directory["g-1"].read_seq) == (0, 5)
    directory.apply(TimelineEvent("g-1", item(6, "member_removed", member="u-a"), False), "u-a")
    assert directory.get("g-1") is None


def test_who_joins_by_an_event_sees_the_conversation_at_once_and_its_name_with_a_page() -> None:
    directory = Directory()
    directory.apply(TimelineEvent("g-1", item(7, "member_added", member="u-a", role="admin"), False), "u-a")
    assert (directory["g-1"].role, directory["g-1"].title, directory.vague) == ("admin", "", {"g-1"})
    directory.apply(TimelineEvent("g-1", item(8, content=DeviceContent(text="welcome")), False), "u-a")
    page = DirectoryEntry(
        conversation="g-1", conversation_kind="channel", title="tea", role="admin",
        head_seq=7, head_ordinal=0, active_at_ms=0, read_seq=7, unread=0,
    )  # fmt: skip
    directory.add((page,))
    entry = directory["g-1"]
    assert (entry.title, entry.conversation_kind, entry.head_seq, entry.unread) == ("tea", "channel", 8, 1)
    assert directory.vague == set()
    directory.apply(TimelineEvent("g-1", item(9, "member_banned", member="u-a"), False), "u-a")
    assert directory.get("g-1") is None


def test_two_who_never_wrote_are_unspoken() -> None:
    directory = Directory()
    made = item(1, "conversation_created", conversation_kind="direct", members=(FrameMember("u-a"), FrameMember("u-b")))
    directory.apply(TimelineEvent("d-1", msgspec.structs.replace(made, ordinal=0), False), "u-a")
    assert is_unspoken(directory["d-1"])
    directory.apply(TimelineEvent("d-1", item(2, content=DeviceContent(text="hello")), False), "u-a")
    assert not is_unspoken(directory["d-1"])
