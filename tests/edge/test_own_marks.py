"""The user's own marks: the newest of the tables and of what the feed saw, laid over a directory."""

from edge import frames
from edge.own_marks import OwnMarks, laid_over, reads_of, unread_of
from log.port import Record
from schemas.codec import encode
from schemas.keys import receipt_key
from schemas.records import WatermarkRaised
from schemas.values import WatermarkState
from store.views import ReadMark
from tests.edge.builders import ANA, BEN, GROUP


def mark(state: WatermarkState, seq: int, at_ms: int = 5, user: str = ANA, device: str = "phone", ordinal: int = 0) -> WatermarkRaised:
    return WatermarkRaised(
        tenant="default", conversation_id=GROUP, user=user, device=device, state=state, up_to_seq=seq, up_to_ordinal=ordinal, at_ms=at_ms
    )


def record(raised: WatermarkRaised) -> Record:
    return Record("receipts", 0, 0, 0, receipt_key(raised), encode("receipts", raised))


def entry(read_seq: int = 2, unread: int = 8) -> frames.DirectoryEntry:
    return frames.DirectoryEntry(
        conversation=GROUP,
        conversation_kind="group",
        title="t",
        role="member",
        head_seq=12,
        head_ordinal=10,
        active_at_ms=1,
        read_seq=read_seq,
        unread=unread,
    )


def test_only_read_and_unread_marks_are_kept_and_of_each_key_the_newest() -> None:
    own = OwnMarks()
    for each in (mark("read", 3), mark("read", 4), mark("delivered", 9), mark("unread", 2), mark("read", 7, user=BEN)):
        own.on_record(record(each))
    own.on_record(record(mark("read", 8))._replace(value=b"junk"))
    assert {(each.state, each.up_to_seq) for each in own.of_user(ANA)} == {("unread", 2)}
    assert [each.up_to_seq for each in own.of_user(BEN)] == [7]
    assert own.of_user("u-nobody") == []


def test_the_oldest_are_forgotten_and_nothing_is_left_of_them() -> None:
    own = OwnMarks(records_kept=2)
    for number in range(5):
        own.on_record(record(mark("read", number + 1, user=f"u{number}")))
    assert [len(own.of_user(f"u{number}")) for number in range(5)] == [0, 0, 0, 1, 1]
    assert len(own._by_user) == len(own._order) == 2


def test_the_last_word_on_unread_is_that_with_the_latest_time() -> None:
    assert unread_of({GROUP: (4, 5)}, []) == {GROUP}
    assert unread_of({GROUP: (4, 5)}, [mark("unread", 0, at_ms=6)]) == set()
    assert unread_of({GROUP: (4, 7)}, [mark("unread", 0, at_ms=6)]) == {GROUP}
    assert unread_of({GROUP: (0, 5)}, []) == set()
    assert unread_of({}, [mark("unread", 3)]) == {GROUP}


def test_of_read_marks_the_furthest_counts() -> None:
    rows = {GROUP: ReadMark(5, 4)}
    assert reads_of(rows, [mark("read", 3, ordinal=2)]) == rows
    assert reads_of(rows, [mark("read", 7, ordinal=6)]) == {GROUP: ReadMark(7, 6)}


def test_a_directory_entry_counts_what_was_read_without_an_event() -> None:
    [plain] = laid_over((entry(),), {}, set())
    assert plain == entry()
    [read] = laid_over((entry(),), {GROUP: ReadMark(9, 7)}, {GROUP})
    assert (read.read_seq, read.unread, read.marked_unread) == (9, 3, True)
    [older] = laid_over((entry(read_seq=11, unread=1),), {GROUP: ReadMark(9, 7)}, set())
    assert (older.read_seq, older.unread) == (11, 1)
