"""What waits comes back in the order of its time, all of it, once; and of one send only the newest record counts."""

from hypothesis import given
from hypothesis import strategies as st

from log.port import Record
from streams.push.remembered import Remembered
from streams.push.waiting import Waiting
from streams.push.work import Item, Newest, Work


async def nothing() -> None:
    return None


def item(send_key: bytes, due_ms: int) -> Item:
    record = Record("push-retry-10s", 0, 0, 0, b"u", b"")
    return Item(record, Work.of("push-retry-10s", [record], nothing), 0, send_key, due_ms)


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["a", "b"])), max_size=50), st.lists(st.integers(0, 120), max_size=10))
def test_all_comes_back_once_by_its_time(put: list[tuple[int, str]], looks: list[int]) -> None:
    waiting: Waiting[int] = Waiting()
    for number, (due_ms, kind) in enumerate(put):
        waiting.put(due_ms, kind, number)
    taken: list[int] = []
    for now_ms in sorted(looks):
        due = waiting.take_due(now_ms)
        assert all(put[number][0] <= now_ms for number in due)
        taken += due
        assert waiting.next_ms is None or waiting.next_ms > now_ms
        left = [number for number in range(len(put)) if number not in taken]
        assert len(waiting) == len(left)
        assert {kind: waiting.counts[kind] for kind in "ab"} == {kind: sum(put[number][1] == kind for number in left) for kind in "ab"}
    taken += waiting.take_due(1_000)
    assert sorted(taken) == list(range(len(put)))
    assert [put[number][0] for number in taken] == sorted(due_ms for due_ms, _ in put)


def test_of_one_send_the_record_with_the_latest_time_counts() -> None:
    newest = Newest()
    first, second = item(b"a", 10), item(b"a", 20)
    assert newest.takes(first)
    assert newest.takes(second), "later, so newer"
    assert not newest.takes(item(b"a", 20)), "the same once more"
    assert not newest.takes(item(b"a", 15)), "older"
    assert newest.takes(item(b"b", 15)), "another send"
    assert not newest.is_newest(first)
    assert newest.is_newest(second)
    newest.settled(first)
    assert newest.is_newest(second)
    newest.settled(second)
    assert newest.takes(item(b"a", 5)), "nothing of it waits any more"


def test_what_is_remembered_ends_by_time_and_by_number() -> None:
    names: Remembered[str] = Remembered(2, 100)
    for at, key in enumerate("abc"):
        names.put(key, key.upper(), at)
    assert [names.get(key, 50) for key in "abc"] == [None, "B", "C"]
    assert names.get("b", 101) is None
    names.forget("c")
    assert names.get("c", 50) is None
