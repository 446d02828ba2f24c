"""What the feed has seen and the projector may not have written: never forgotten while a reader needs it, unless it is said."""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.recent import Recent

PARTITIONS = (0, 1)
BYTES_LIMIT = 40


@dataclass
class Reader:
    """A read under way. `rows`: what Cassandra answered, once it has."""

    ticket: int
    rows: set[tuple[int, int]] | None = None


@dataclass
class Partition:
    log: list[bytes] = field(default_factory=list)
    written: int = 0  # the projector's true progress


class RecentMachine(RuleBasedStateMachine):
    """Feed, projector and readers at any order of steps; one conversation a partition. An event is (partition, offset)."""

    def __init__(self) -> None:
        super().__init__()
        self.recent = Recent(BYTES_LIMIT)
        self.partitions = {partition: Partition() for partition in PARTITIONS}
        self.readers: list[Reader] = []

    @rule(partition=st.sampled_from(PARTITIONS), size=st.integers(1, 16), touches_user=st.booleans())
    def feed(self, partition: int, size: int, touches_user: bool) -> None:
        log = self.partitions[partition].log
        value = f"{partition}:{len(log)}:".encode().ljust(size, b".")
        self.recent.add(partition, len(log), f"c{partition}", value, ("u",) if touches_user else ())
        log.append(value)

    @rule(partition=st.sampled_from(PARTITIONS), count=st.integers(1, 3))
    def project(self, partition: int, count: int) -> None:
        """The projector may be ahead of what the edge knows about it."""
        state = self.partitions[partition]
        state.written = min(len(state.log), state.written + count)

    @rule(partitions=st.sets(st.sampled_from(PARTITIONS), min_size=1))
    def hear_of_progress(self, partitions: set[int]) -> None:
        self.recent.advance({partition: self.partitions[partition].written for partition in partitions})

    @rule()
    def hear_of_old_progress(self) -> None:
        """Another replica answered: progress never goes back."""
        before = dict(self.recent.projected)
        self.recent.advance(dict.fromkeys(PARTITIONS, 0))
        assert all(self.recent.projected[partition] == before.get(partition, 0) for partition in PARTITIONS)

    @precondition(lambda self: len(self.readers) < 3)
    @rule()
    def begin(self) -> None:
        self.readers.append(Reader(self.recent.begin()))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def read_rows(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from(self.readers))
        if reader.rows is None:
            reader.rows = {(partition, offset) for partition, state in self.partitions.items() for offset in range(state.written)}

    @precondition(lambda self: any(reader.rows is not None for reader in self.readers))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from([reader for reader in self.readers if reader.rows is not None]))
        assert reader.rows is not None
        complete = self.recent.sees_everything(reader.ticket)
        remembered = {
            (int(value.split(b":")[0]), int(value.split(b":")[1]))
            for partition in PARTITIONS
            for value in self.recent.of_conversation(f"c{partition}")
        }
        everything = {(partition, offset) for partition, state in self.partitions.items() for offset in range(len(state.log))}
        if complete:
            assert reader.rows | remembered == everything
        self.recent.end(reader.ticket)
        self.readers.remove(reader)

    @invariant()
    def it_is_bounded_and_counts_right(self) -> None:
        held = [seen for queue in self.recent.by_partition.values() for seen in queue]
        assert self.recent.used_bytes == sum(len(seen.value) for seen in held) <= BYTES_LIMIT

    @invariant()
    def the_indexes_agree(self) -> None:
        held = [seen for queue in self.recent.by_partition.values() for seen in queue]
        by_conversation = [seen for queue in self.recent.by_conversation.values() for seen in queue]
        by_user = [seen for queue in self.recent.by_user.values() for seen in queue]
        assert sorted(held, key=str) == sorted(by_conversation, key=str)
        assert sorted((s for s in held if s.users), key=str) == sorted(by_user, key=str)
        for partition in PARTITIONS:
            offsets = [int(value.split(b":")[1]) for value in self.recent.of_conversation(f"c{partition}")]
            assert offsets == sorted(offsets)

    @invariant()
    def without_pressure_nothing_unprojected_is_missing(self) -> None:
        for partition, state in self.partitions.items():
            remembered = {int(value.split(b":")[1]) for value in self.recent.of_conversation(f"c{partition}")}
            floor = max(self.recent.projected.get(partition, 0), self.recent.lost_before.get(partition, 0))
            assert remembered >= set(range(floor, len(state.log)))


TestRecent = RecentMachine.TestCase


def test_an_event_dropped_after_a_reader_began_is_reported_though_it_was_projected_meanwhile() -> None:
    recent = Recent(20)
    recent.add(0, 0, "c", b"x" * 10)
    reader = recent.begin()  # its rows are read now: without the event
    recent.advance({0: 1})
    recent.add(0, 1, "c", b"y" * 10)
    recent.add(0, 2, "c", b"z" * 10)  # no room for the first any more
    assert not recent.sees_everything(reader)


def test_progress_that_arrives_later_does_not_make_an_older_reader_complete() -> None:
    recent = Recent(10)
    reader = recent.begin()
    recent.add(0, 0, "c", b"x" * 10)
    recent.add(0, 1, "c", b"y" * 10)
    recent.advance({0: 1})
    assert not recent.sees_everything(reader)
    assert recent.sees_everything(recent.begin())


def test_what_is_projected_is_forgotten_once_no_reader_needs_it() -> None:
    recent = Recent(1_000)
    recent.add(0, 0, "c", b"x", ("u",))
    reader = recent.begin()
    recent.advance({0: 1})
    assert recent.of_user("u") == recent.of_conversation("c") == (b"x",)
    recent.end(reader)
    recent.advance({0: 1})
    assert (recent.used_bytes, recent.by_conversation, recent.by_user) == (0, {}, {})


def test_an_event_longer_than_the_limit_is_reported_as_lost() -> None:
    recent = Recent(10)
    reader = recent.begin()
    recent.add(0, 0, "c", b"x" * 11)
    assert recent.used_bytes == 0
    assert not recent.sees_everything(reader)
