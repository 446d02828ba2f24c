"""What may be committed, and that Faust, mode and aiokafka still have the names that `streams.faust_consumer` touches."""

import asyncio
import importlib.metadata
import inspect

import pytest
from aiokafka.consumer import group_coordinator
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers import aiokafka as driver
from hypothesis import given
from hypothesis import strategies as st
from mode.threads import QueueServiceThread, ServiceThread

from log.port import Record
from streams import faust_consumer
from streams.faust_consumer import Chunk, ChunkedConsumer, Delivered, FetchSettings, InlineConsumerThread, transport_for


def chunk(first: int, last: int) -> Chunk:
    return Chunk([Record("t", 0, offset, 0, None, b"") for offset in range(first, last + 1)])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.data())
def test_only_the_contiguous_acked_prefix_is_committed(sizes: list[int], data: st.DataObject) -> None:
    chunks, first = [], 0
    delivered = Delivered()
    for size in sizes:
        chunks.append(chunk(first, first + size - 1))
        delivered.hand_out("p", chunks[-1])
        first += size
    acked: set[int] = set()
    for index in data.draw(st.permutations(range(len(chunks)))):
        chunks[index].acked = True
        acked.add(index)
        prefix = next((i for i in range(len(chunks)) if i not in acked), len(chunks))
        expected = {"p": sum(sizes[:prefix])} if prefix else {}
        assert delivered.committable() == expected


def test_a_settled_offset_is_not_committed_again_and_a_failed_one_is() -> None:
    delivered = Delivered()
    one = chunk(5, 9)
    delivered.hand_out("p", one)
    one.acked = True
    assert delivered.committable() == {"p": 10}
    assert delivered.committable() == {"p": 10}  # the first commit failed
    delivered.settled({"p": 10})
    assert delivered.committable() == {}


def test_a_late_ack_of_a_chunk_from_before_a_seek_commits_nothing() -> None:
    """Before the seek [1..5] was not acked and [6..10] was in flight; after it [1..10] is handed out as one chunk."""
    delivered = Delivered()
    early, late = chunk(1, 5), chunk(6, 10)
    delivered.hand_out("p", early)
    delivered.hand_out("p", late)
    delivered.forget()
    delivered.hand_out("p", chunk(1, 10))
    late.acked = True
    assert delivered.committable() == {}


def test_the_versions_are_those_that_were_read() -> None:
    found = {name: importlib.metadata.version(name) for name in ("faust-streaming", "aiokafka", "mode-streaming")}
    assert found == {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


def test_every_overridden_name_exists_in_the_libraries() -> None:
    for ours, theirs in ((ChunkedConsumer, driver.Consumer), (InlineConsumerThread, driver.AIOKafkaConsumerThread)):
        own = {"fetch", "force_commit", "hold", "_apply_hold"}
        for name, value in vars(ours).items():
            if inspect.isfunction(value) and not name.startswith("__") and name not in own:
                assert hasattr(theirs, name), f"{theirs.__name__}.{name} is gone"


def test_a_hold_changes_what_is_active_only_between_two_fetches() -> None:
    """Stock Faust looks at the set of active partitions for each record that it hands over, and drops those of others."""
    assert "tp in active_partitions" in inspect.getsource(Consumer.getmany)
    assert "self._get_active_partitions()" in inspect.getsource(Consumer._wait_next_records)
    assert "difference_update" in inspect.getsource(Consumer.pause_partitions)
    callers = [
        name for name, value in vars(ChunkedConsumer).items() if inspect.isfunction(value) and "_apply_hold()" in inspect.getsource(value)
    ]
    assert callers == ["_wait_next_records"]


def test_the_thread_is_asked_only_through_the_calls_that_run_inline() -> None:
    assert issubclass(driver.AIOKafkaConsumerThread, ConsumerThread)
    assert issubclass(ConsumerThread, QueueServiceThread)
    source = inspect.getsource(ServiceThread.start)
    assert "self.Worker(self)" in source, "the thread is started somewhere else now"
    assert "Worker" not in inspect.getsource(InlineConsumerThread)


def test_stock_commit_and_gap_are_called_by_the_names_we_replace() -> None:
    assert "self.force_commit(" in inspect.getsource(Consumer.commit)
    assert "self._add_gap(" in inspect.getsource(Consumer._drain_messages)
    assert "callback = self.callback" in inspect.getsource(Consumer._drain_messages)
    assert "self._wait_next_records(" in inspect.getsource(Consumer.getmany)


def test_aiokafka_reads_the_fetch_settings_when_it_starts() -> None:
    source = inspect.getsource(AIOKafkaConsumer.start)
    assert "fetch_min_bytes=self._fetch_min_bytes" in source
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source


def test_each_transport_fetches_as_its_application_asked() -> None:
    fast, patient = FetchSettings(500, 1), FetchSettings(150, 256 * 1024)
    assert transport_for(fast).Consumer.fetch == fast
    assert transport_for(patient).Consumer.fetch == patient
    assert ChunkedConsumer.fetch == FetchSettings()


class Coordinator:
    """What `assigning_what_is_known` touches of aiokafka's: its topics get their partitions with the update of that number."""

    def __init__(self, known_after: int) -> None:
        self._metadata_snapshot = {"events": 0, "receipts": 4}
        self._closing = asyncio.get_running_loop().create_future()
        self._client = self
        self.updates, self.known_after = 0, known_after

    async def _perform_assignment(self, response: str) -> str:
        self._metadata_snapshot["events"] = 4 if self.updates >= self.known_after else 0
        return f"{response} of {self._metadata_snapshot}"

    async def force_metadata_update(self) -> None:
        self.updates += 1


def test_nothing_is_assigned_before_every_topic_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_consumer, "METADATA_RETRY_S", 0.0)

    async def body() -> None:
        coordinator = Coordinator(known_after=3)
        assert await faust_consumer.assigning_what_is_known(coordinator)("parts") == "parts of {'events': 4, 'receipts': 4}"
        assert coordinator.updates == 3

    asyncio.run(body())


def test_a_coordinator_that_closes_waits_for_no_topic() -> None:
    async def body() -> None:
        coordinator = Coordinator(known_after=3)
        coordinator._closing.set_result(None)
        assert "'events': 0" in await faust_consumer.assigning_what_is_known(coordinator)("parts")

    asyncio.run(body())


def test_aiokafkas_group_leader_assigns_through_the_name_we_replace() -> None:
    assert "self._coordinator._perform_assignment(response)" in inspect.getsource(group_coordinator.CoordinatorGroupRebalance)
    source = inspect.getsource(GroupCoordinator._perform_assignment)
    assert source.index("assignor.assign(") < source.index("self._metadata_snapshot = "), "the snapshot is no longer that of the assignment"
