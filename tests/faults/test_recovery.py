"""Recovery times from small histories."""

from __future__ import annotations

from schemas.partition import partition_of
from tests.faults.history import Acked, Command, DeviceName, History, Sight
from tests.faults.recovery import Path, Recoveries, by_kind, recovery_s

ANA = DeviceName("ana", "phone")
BEN = DeviceName("ben", "phone")
G, H = "g-1", "g-4"


def talked() -> History:
    """One command a second in each of two conversations; G's is acked and shown half a second later, H's after 2 s."""
    history = History()
    for second in range(20):
        for conversation, late_s in ((G, 0.5), (H, 2.0)):
            digest = second * 10 + (conversation == H)
            history.invoke(Command(f"{conversation}-{second}", "send_message", "ana", "phone", conversation, digest, float(second)))
            history.answer(f"{conversation}-{second}", Acked(second + 1, second + late_s))
            history.track(BEN if conversation == G else ANA, conversation).add(Sight.EVENT, second + 1, digest, second + late_s)
    return history


def test_the_conversations_lie_in_different_partitions() -> None:
    assert partition_of(G.encode(), 2) != partition_of(H.encode(), 2)


def test_an_edge_works_when_one_of_its_devices_is_shown_something_new() -> None:
    assert recovery_s(Path("edge-1", frozenset({BEN})), 5.2, talked(), [], 2) == 6.5 - 5.2
    assert recovery_s(Path("edge-1", frozenset({ANA})), 5.2, talked(), [], 2) == 8.0 - 5.2
    assert recovery_s(Path("edge-1", frozenset({ANA, BEN})), 100.0, talked(), [], 2) is None


def test_an_owner_works_when_a_command_of_its_partitions_is_acked() -> None:
    mine = frozenset({partition_of(H.encode(), 2)})
    assert recovery_s(Path("owner-2", partitions=mine), 5.0, talked(), [], 2) == 2.0
    assert recovery_s(Path("kafka"), 5.0, talked(), [], 2) == 0.5


def test_a_projector_works_when_its_partitions_go_on() -> None:
    samples = [(1.0, {0: 10, 1: 10}), (2.0, {0: 11, 1: 10}), (3.0, {0: 12, 1: 10}), (4.0, {0: 13, 1: 11})]
    assert recovery_s(Path("projector-1", partitions=frozenset({1})), 1.0, History(), samples, 2) == 3.0
    assert recovery_s(Path("projector-1", partitions=frozenset({0})), 1.0, History(), samples, 2) == 1.0
    assert recovery_s(Path("cassandra"), 1.0, History(), samples, 2) == 3.0
    assert recovery_s(Path("cassandra"), 4.0, History(), samples, 2) is None


def test_kinds_have_their_median_and_worst() -> None:
    found = by_kind([("a", 3.0), ("b", None), ("a", 1.0), ("a", 2.0)])
    assert found["a"] == Recoveries((1.0, 2.0, 3.0))
    assert (found["a"].median_s, found["a"].worst_s) == (2.0, 3.0)
    assert found["b"] == Recoveries((), 1)
    assert found["b"].median_s is None
