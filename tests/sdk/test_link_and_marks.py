"""When to leave a connection and come back, what is acknowledged and told again, what holds over reconnects."""

from hypothesis import given
from hypothesis import strategies as st
from warbler import effects as fx
from warbler import frames
from warbler.backoff import backoff_ms
from warbler.core import Core
from warbler.directory import Directory
from warbler.errors import RequestFailed
from warbler.frames import DeviceContent, EventItem, Mark, MarkRead, SendMessage, SetPresence, WatchPresence, WatchReceipts
from warbler.happenings import Connected, CountsSeen, Moving, PresenceSeen, ReceiptSeen, Signalled, TimelineEvent
from warbler.link import Link
from warbler.marks import INTERVAL_MS, TOLD_AGAIN_MS, Marks

from tests.sdk.fake_edge import LIMITS

FIRST_MS = 1_000


def entry(head_seq: int = 0) -> frames.DirectoryEntry:
    return frames.DirectoryEntry(
        conversation="g-1", conversation_kind="group", title="tea", role="member", head_seq=head_seq, head_ordinal=head_seq,
        active_at_ms=0, read_seq=0, unread=head_seq,
    )  # fmt: skip


def welcome(head_seq: int = 0) -> frames.Welcome:
    return frames.Welcome("s", "n", "u-a", "e", False, FIRST_MS, 25_000, LIMITS, (entry(head_seq),))


def live(core: Core, now_ms: int = FIRST_MS, head_seq: int = 0) -> list[fx.Effect]:
    return core.on_open("token", now_ms) + core.on_frame(welcome(head_seq), now_ms)


def core_of(follow: bool = True) -> Core:
    return Core("d-a", lambda bits: 0, follow=follow, positions={"g-1": 1})


def sent(effects: list[fx.Effect]) -> list[frames.FromDevice]:
    return [effect.frame for effect in effects if isinstance(effect, fx.Send)]


def happened(effects: list[fx.Effect]) -> list[object]:
    return [effect.happening for effect in effects if isinstance(effect, fx.Emit)]


def item(seq: int, device: str = "d-b", user: str = "u-b") -> EventItem:
    return EventItem(kind="message_sent", seq=seq, ordinal=seq, at_ms=0, user=user, device=device, id=f"e{seq}")


def told(core: Core, now_ms: int) -> list[Mark]:
    return [frame for frame in sent(core.on_tick(now_ms)) if isinstance(frame, Mark)]


# ---- the link


@given(after_ms=st.integers(0, 60_000), chance=st.floats(0, 1), end_chance=st.floats(0, 1))
def test_a_move_is_left_within_its_time_and_counts_as_no_failure(after_ms: int, chance: float, end_chance: float) -> None:
    link = Link(attempt=7)
    link.opened(0)
    link.move(after_ms, 10, chance)
    assert link.leave_ms is not None
    assert 10 + after_ms * 0.79 - 1 <= link.leave_ms <= 10 + after_ms
    assert link.live_over(link.leave_ms - 1) == []
    [drop] = link.live_over(link.leave_ms)
    assert drop.close_code == 1001
    assert link.live_over(link.leave_ms + 1) == [], "once"
    assert link.lost(True, link.leave_ms, end_chance) == 0
    assert link.lost(False, link.leave_ms, end_chance) == backoff_ms(0, end_chance), "the back-off begins anew"


def test_a_node_that_goes_before_its_time_is_not_waited_for() -> None:
    link = Link()
    link.opened(0)
    link.move(30_000, 0, 0.0)
    assert link.lost(True, 10, 1.0) == backoff_ms(0, 1.0)


@given(stay_away_ms=st.integers(0, 120_000), chance=st.floats(0, 1))
def test_a_busy_node_is_left_alone_for_as_long_as_it_asked(stay_away_ms: int, chance: float) -> None:
    link = Link(attempt=3, stay_away_ms=stay_away_ms)
    assert stay_away_ms <= link.lost(False, 0, chance) <= stay_away_ms * 1.25
    assert link.attempt == 3


def test_busy_before_the_welcome_sets_the_wait() -> None:
    core = core_of()
    core.on_open("token", 0)
    assert core.on_frame(frames.Failure("", "busy", "later", True, 7_000), 5) == []
    effects = core.on_lost(4000, "busy", 10, 0.0)
    assert [effect.delay_ms for effect in effects if isinstance(effect, fx.Reconnect)] == [7_000]


def test_a_moving_session_tells_its_marks_leaves_and_goes_on_where_it_was() -> None:
    core = core_of()
    live(core)
    core.on_frame(frames.Events("g-1", (item(1),)), 2_000)
    core.on_tick(2_000)
    core.on_frame(frames.Events("g-1", (item(2),)), 2_100)
    assert happened(core.on_frame(frames.Move(200), 2_100)) == [Moving(200)]
    wake_ms = core.wake_ms(2_101)
    assert wake_ms is not None
    assert wake_ms <= 2_300
    core.submit(1, SendMessage(id="", conversation="g-1", content=DeviceContent(text="x")), 2_200)
    effects = core.on_tick(2_300)
    assert sent(effects) == [Mark("g-1", "delivered", 2)]
    assert isinstance(effects[-1], fx.Drop)
    [_, again] = core.on_lost(1006, "", 2_301, 0.9)
    assert again == fx.Reconnect(0, False)
    [hello] = sent(core.on_open("token", 2_310))
    assert isinstance(hello, frames.Hello)
    assert hello.positions == {"g-1": 3}
    assert [type(frame) for frame in sent(core.on_frame(welcome(2), 2_320))] == [SendMessage]


# ---- what is acknowledged


def test_own_events_pages_and_repeats_are_acknowledged_within_a_second() -> None:
    core = core_of()
    live(core)
    core.submit(1, SendMessage(id="01900000-0000-7000-8000-000000000000", conversation="g-1", content=DeviceContent(text="x")), 2_000)
    core.on_frame(frames.Ack("01900000-0000-7000-8000-000000000000", "g-1", 1, 1, 0), 2_010)
    assert told(core, 2_010) == [Mark("g-1", "delivered", 1)]
    core.on_frame(frames.Page("q", "g-1", (item(2), item(3)), 4, False), 2_020)
    assert told(core, 2_100) == [], "coalesced"
    assert told(core, 2_600) == [Mark("g-1", "delivered", 3)]
    effects = core.on_frame(frames.Events("g-1", (item(2), item(3))), 3_000)
    assert happened(effects) == [], "a repeat is not handed on"
    wake_ms = core.wake_ms(3_000)
    assert wake_ms is not None
    assert wake_ms <= 3_100
    assert told(core, 3_100) == [Mark("g-1", "delivered", 3)], "but its mark was lost, or it would not have come"


def test_a_damaged_place_at_the_end_of_a_page_is_acknowledged_too() -> None:
    core = core_of()
    live(core)
    core.on_frame(frames.Page("q", "g-1", (item(1),), 3, False, (2,)), 2_000)
    assert told(core, 2_000) == [Mark("g-1", "delivered", 2)]


def test_what_is_not_held_is_not_acknowledged() -> None:
    core = core_of()
    live(core)
    core.on_frame(frames.Events("g-1", (item(3),)), 2_000)
    assert told(core, 2_000) == []
    core.give_room(False, 2_000)
    core.on_frame(frames.Events("g-1", (item(1),)), 2_001)
    assert told(core, 3_000) == []


def test_who_does_not_follow_says_so_and_acknowledges_nothing() -> None:
    core = core_of(follow=False)
    [hello] = sent(core.on_open("token", 0))
    assert isinstance(hello, frames.Hello)
    assert not hello.follow
    core.on_frame(welcome(3), 0)
    core.on_frame(frames.Events("g-1", (item(4),)), 10)
    assert core.on_frame(frames.Resync("g-1", 4), 11) == []
    assert told(core, 5_000) == []


@given(st.lists(st.tuples(st.sampled_from(["delivered", "played", "unread"]), st.integers(0, 9), st.integers(0, 700)), max_size=30))
def test_watermarks_rise_and_the_last_word_on_unread_counts(notes: list[tuple[frames.MarkState, int, int]]) -> None:
    marks = Marks()
    now_ms = 0
    heard: dict[frames.MarkState, int] = {}
    for state, seq, wait_ms in notes:
        marks.note("g-1", state, seq)
        now_ms += wait_ms
        heard |= {mark.state: max(mark.up_to_seq, heard.get(mark.state, 0)) for mark in marks.due(now_ms) if mark.state != "unread"}
        assert len(marks.due(now_ms)) == 0
    last = {mark.state: mark.up_to_seq for mark in marks.all(now_ms)}
    for state in ("delivered", "played"):
        expected = max((seq for named, seq, _ in notes if named == state), default=0)
        assert max(heard.get(state, 0), last.get(state, 0)) == expected
    unread = [seq for named, seq, _ in notes if named == "unread"]
    assert "unread" not in last or last["unread"] == unread[-1]


def test_marks_that_a_cut_may_have_swallowed_are_told_again_but_not_unread_and_not_old_ones() -> None:
    marks = Marks()
    marks.note("g-old", "delivered", 1)
    marks.due(0)
    marks.note("g-1", "delivered", 5)
    marks.note("g-1", "unread", 3)
    assert len(marks.due(TOLD_AGAIN_MS - 1)) == 2
    marks.connection_lost(TOLD_AGAIN_MS + INTERVAL_MS)
    assert marks.due(TOLD_AGAIN_MS + INTERVAL_MS) == [Mark("g-1", "delivered", 5)]
    assert marks.due(TOLD_AGAIN_MS * 2) == []


def test_a_mark_made_without_a_connection_waits_for_one() -> None:
    core = core_of()
    assert core.mark(Mark("g-1", "unread", 4), 0) == []
    live(core, 5_000)
    assert told(core, 5_001) == [Mark("g-1", "unread", 4)]


# ---- answers without an event


def test_an_ack_with_seq_0_settles_the_command_and_is_no_event() -> None:
    core = core_of()
    live(core)
    ids = ["01900000-0000-7000-8000-000000000000", "01900000-0000-7000-8000-000000000001"]
    core.submit(1, SendMessage(id=ids[0], conversation="g-1", content=DeviceContent(text="x"), qos="ephemeral"), 2_000)
    ack = frames.Ack(ids[0], "g-1", 0, 0, 9)
    assert core.on_frame(ack, 2_001) == [fx.Acked(1, ack)]
    core.submit(2, MarkRead(id=ids[1], conversation="g-1", up_to_seq=4, up_to_ordinal=3), 2_002)
    read = frames.Ack(ids[1], "g-1", 0, 0, 9)
    assert core.on_frame(read, 2_003) == [fx.Acked(2, read), fx.Emit(ReceiptSeen("g-1", "u-a", "read", 4, 3))]
    assert core.timelines.tracks["g-1"].next_seq == 1


def test_receipts_of_the_own_user_move_the_directory() -> None:
    directory = Directory()
    directory.apply(Connected(welcome(9)), "u-a")
    directory.apply(ReceiptSeen("g-1", "u-b", "read", 9, 9), "u-a")
    assert directory["g-1"].unread == 9
    directory.apply(ReceiptSeen("g-1", "u-a", "read", 4, 4), "u-a")
    assert (directory["g-1"].unread, directory["g-1"].read_seq) == (5, 4)
    directory.apply(ReceiptSeen("g-1", "u-a", "unread", 4), "u-a")
    assert directory["g-1"].marked_unread
    directory.apply(ReceiptSeen("g-1", "u-a", "unread", 0), "u-a")
    assert not directory["g-1"].marked_unread


# ---- what is told and watched


def test_what_the_edge_tells_is_yielded() -> None:
    core = core_of()
    live(core)
    for frame, happening in (
        (frames.ReceiptCounts("g-1", 4, 9, 8, 7, 0), CountsSeen("g-1", 4, 9, 8, 7, 0)),
        (frames.Signalled("g-1", "u-b", "i", DeviceContent(text="!"), 5), Signalled("g-1", "u-b", "i", DeviceContent(text="!"), 5)),
        (frames.Presence("", (frames.PresenceEntry("u-b", "online"),)), PresenceSeen((frames.PresenceEntry("u-b", "online"),))),
    ):
        assert happened(core.on_frame(frame, 2_000)) == [happening]


def test_watches_hold_over_reconnects_and_a_status_line_is_said_once() -> None:
    core = core_of()
    core.watch(SetPresence(True, "at lunch"), 0)
    effects = live(core)
    assert sent(effects)[1:] == [SetPresence(True, "at lunch")]
    [asked] = sent(core.read(1, WatchPresence("", ("u-b",)), 2_000))
    assert isinstance(asked, WatchPresence)
    answer = frames.Presence(asked.request, (frames.PresenceEntry("u-b", "away", "tea", 3),))
    assert core.on_frame(answer, 2_001) == [fx.Answered(1, answer), fx.Emit(PresenceSeen(answer.users))]
    core.watch(WatchReceipts("g-1", 4), 2_002)
    core.watch(WatchReceipts("g-2", 4), 2_002)
    core.watch(WatchReceipts("g-2", 0), 2_003)
    core.on_lost(1006, "", 3_000, 0.5)
    again = sent(live(core, 4_000))[1:]
    assert again[0] == WatchReceipts("g-1", 4)
    assert isinstance(again[1], WatchPresence)
    assert again[1].users == ("u-b",)
    assert again[1].request not in ("", asked.request)
    assert again[2] == SetPresence(True, None)
    assert len(again) == 3


def test_a_watch_that_is_refused_is_not_asked_for_again() -> None:
    core = core_of()
    live(core)
    [asked] = sent(core.read(1, WatchPresence("", ("u-b",)), 2_000))
    assert isinstance(asked, WatchPresence)
    [failed] = core.on_frame(frames.Failure(asked.request, "too_many", "", False), 2_001)
    assert isinstance(failed, fx.Failed)
    assert isinstance(failed.error, RequestFailed)
    core.on_lost(1006, "", 3_000, 0.5)
    assert [type(frame) for frame in sent(live(core, 4_000))] == [frames.Hello]


def test_a_newer_watch_takes_the_place_of_one_that_is_not_answered() -> None:
    core = core_of()
    live(core)
    core.read(1, WatchPresence("", ("u-b",)), 2_000)
    [failed, *_] = core.read(2, WatchPresence("", ("u-c",)), 2_001)
    assert isinstance(failed, fx.Failed)
    assert failed.key == 1
    core.on_lost(1006, "", 3_000, 0.5)
    asked = [frame for frame in sent(live(core, 4_000)) if isinstance(frame, WatchPresence)]
    assert {frame.users for frame in asked} == {("u-c",)}


def test_a_resync_is_asked_for_at_once_also_where_nothing_was_followed_or_a_page_is_under_way() -> None:
    core = core_of()
    live(core)
    [sync] = sent(core.on_frame(frames.Resync("g-9", 7), 2_000))
    assert isinstance(sync, frames.Sync)
    assert (sync.conversation, sync.from_seq) == ("g-9", 7)
    [again] = sent(core.on_frame(frames.Resync("g-9", 8), 2_001))
    assert isinstance(again, frames.Sync)
    assert (again.conversation, again.from_seq) == ("g-9", 7)
    effects = core.on_frame(frames.Page(again.request, "g-9", (item(7), item(8)), 9, False), 2_002)
    assert [h.event.seq for h in happened(effects) if isinstance(h, TimelineEvent)] == [7, 8]
    assert sent(effects) == []
