"""A checkpoint never claims more than the durable snapshots hold."""

from hypothesis import given
from hypothesis import strategies as st

from streams.owning.saving import Changes

INTERVAL_MS = 30_000


def test_a_busy_conversation_is_due_once_per_interval_and_not_before() -> None:
    changes = Changes(INTERVAL_MS)
    for offset in range(10):
        changes.note(b"a", offset, offset)
    assert changes.due(INTERVAL_MS - 1) is None
    assert changes.due(INTERVAL_MS) == b"a"
    changes.take(b"a")
    assert changes.due(10 * INTERVAL_MS) is None


def test_what_is_pinned_is_never_passed() -> None:
    changes = Changes(INTERVAL_MS)
    changes.pin(7)
    changes.pin(9)
    assert changes.events_next(100) == 7


STEP = st.one_of(
    st.tuples(st.just("change"), st.sampled_from([b"a", b"b", b"c"])),
    st.tuples(st.just("take"), st.none()),
    st.tuples(st.just("saved"), st.none()),
)


@given(st.lists(STEP, max_size=60))
def test_every_change_from_events_next_on_is_outside_the_durable_snapshots(steps: list[tuple[str, bytes | None]]) -> None:
    """A model with the truth: per conversation the offset up to which a durable snapshot holds it."""
    changes = Changes(0)
    head = 0
    events: list[tuple[int, bytes]] = []
    durable: dict[bytes, int] = {}
    in_flight: dict[bytes, int] = {}
    for step, key in steps:
        if step == "change" and key is not None:
            changes.note(key, head, 0)
            events.append((head, key))
            head += 1
        elif step == "take" and not in_flight and (due := changes.due(0)) is not None:
            changes.take(due)
            in_flight[due] = head
        elif step == "saved":
            changes.saved(list(in_flight))
            durable.update(in_flight)
            in_flight.clear()
        unsaved = [offset for offset, conversation in events if durable.get(conversation, 0) <= offset]
        assert changes.events_next(head) == min(unsaved, default=head)
