"""Delivered watermarks: only what rose is published, nothing is lost, nothing is kept of devices that left."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from edge.receipts import Watermarks
from schemas.records import WatermarkRaised

STEPS = st.one_of(
    st.builds(
        lambda user, conversation, seq: mark(user, conversation, seq),
        st.sampled_from("ab"),
        st.sampled_from(("c1", "c2")),
        st.integers(1, 9),
    ),
    st.just("take"),
    st.sampled_from("ab").map(lambda user: ("forget", user)),
)


def mark(user: str, conversation: str, seq: int) -> WatermarkRaised:
    return WatermarkRaised(
        state="delivered", tenant="default", conversation_id=conversation, user=user, device="d", up_to_seq=seq, at_ms=seq
    )


@given(st.lists(STEPS))
def test_the_highest_mark_of_every_device_is_published_and_none_twice_in_a_session(
    steps: list[WatermarkRaised | str | tuple[str, str]],
) -> None:
    watermarks = Watermarks()
    wanted: dict[tuple[str, str], int] = {}
    published: dict[tuple[str, str], int] = {}
    marked: dict[tuple[str, str], int] = {}
    pending: set[tuple[str, str]] = set()
    known: dict[tuple[str, str], int] = {}  # published in the session that is open now
    for step in [*steps, "take"]:
        match step:
            case WatermarkRaised():
                key = (step.user, step.conversation_id)
                wanted[key] = max(step.up_to_seq, wanted.get(key, 0))
                if watermarks.mark(step):
                    marked[key] = step.up_to_seq
                    pending.add(key)
            case (_, user):
                watermarks.forget(user, "d")
                known = {key: seq for key, seq in known.items() if key[0] != user}
                pending = {key for key in pending if key[0] != user}
            case _:
                # two of one device where a session ended and another began in between
                marks = sorted(watermarks.take(), key=lambda each: each.up_to_seq)
                taken = {(each.user, each.conversation_id): each.up_to_seq for each in marks}
                assert all(seq > known.get(key, 0) for key, seq in taken.items()), "the node knew that already"
                published.update({key: max(seq, published.get(key, 0)) for key, seq in taken.items()})
                known.update({key: marked[key] for key in pending})
                pending = set()
    assert published == wanted


def test_a_mark_that_does_not_rise_is_not_taken() -> None:
    watermarks = Watermarks()
    assert watermarks.mark(mark("a", "c", 5))
    assert not watermarks.mark(mark("a", "c", 5))
    assert [each.up_to_seq for each in watermarks.take()] == [5]
    assert not watermarks.mark(mark("a", "c", 4))
    assert watermarks.take() == []


def test_nothing_is_kept_of_a_device_whose_session_ended_with_a_mark_pending() -> None:
    watermarks = Watermarks()
    watermarks.mark(mark("a", "c", 5))
    watermarks.forget("a", "d")
    assert [each.up_to_seq for each in watermarks.take()] == [5]
    assert (watermarks._published, watermarks._pending, watermarks._left_behind) == ({}, {}, [])


def test_marks_in_held_conversations_wait_and_only_their_last_one_is_published() -> None:
    watermarks = Watermarks()
    for each in (mark("a", "large", 1), mark("a", "small", 1), mark("b", "large", 2), mark("a", "large", 3)):
        watermarks.mark(each)
    held = watermarks.take(lambda conversation: conversation == "large")
    assert [(each.conversation_id, each.up_to_seq) for each in held] == [("small", 1)]
    watermarks.mark(mark("a", "large", 4))
    assert watermarks.take(lambda _: True) == []
    assert sorted((each.user, each.up_to_seq) for each in watermarks.take()) == [("a", 4), ("b", 2)]
    assert watermarks.take() == []


def test_unread_may_be_taken_back_and_said_again() -> None:
    watermarks, said = Watermarks(), []
    for seq in (4, 4, 0, 0, 3):
        watermarks.mark(structs.replace(mark("a", "c", seq), state="unread"))
        said.append([each.up_to_seq for each in watermarks.take()])
    assert said == [[4], [], [0], [], [3]]
