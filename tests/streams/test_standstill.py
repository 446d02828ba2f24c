"""A consumer that gets nothing though there is something is noticed; one that works, waits or has nothing to do is not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from log.memory import MemoryLog
from log.port import Entry
from streams import standstill
from streams.standstill import Stands, Standstill, watch

PLACE = ("conversation-events", 0)


def test_it_counts_only_while_behind_idle_and_unmoved() -> None:
    still = Standstill()
    assert still.look({PLACE: 5}, {PLACE: 9}, False, 10) == 0
    assert still.look({PLACE: 5}, {PLACE: 9}, False, 50) == 40
    assert still.look({PLACE: 5}, {PLACE: 9}, True, 60) == 0
    assert still.look({PLACE: 5}, {PLACE: 9}, False, 70) == 10
    assert still.look({PLACE: 6}, {PLACE: 9}, False, 80) == 0
    assert still.look({PLACE: 6}, {PLACE: 6}, False, 90) == 0
    assert still.look({PLACE: 6}, {}, False, 100) == 0
    assert still.look({}, {PLACE: 9}, False, 110) == 0


class StuckRole:
    """A role whose consumer stays at `position`."""

    name = "timelines"

    def __init__(self, position: int, busy: bool) -> None:
        self.busy = busy
        state = SimpleNamespace(_position=position)
        assignment = SimpleNamespace(state_value=lambda _: state)
        place = SimpleNamespace(topic=PLACE[0], partition=PLACE[1])
        subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
        consumer = SimpleNamespace(_subscription=subscription, assignment=lambda: {place.topic: place}.values())
        self.app: Any = SimpleNamespace(consumer=SimpleNamespace(_thread=SimpleNamespace(_consumer=consumer)))


@pytest.mark.parametrize(("position", "busy", "ends"), [(0, False, True), (0, True, False), (1, False, False)])
def test_the_watch_ends_with_an_error_for_a_role_that_stands_still(
    monkeypatch: pytest.MonkeyPatch, position: int, busy: bool, ends: bool
) -> None:
    monkeypatch.setattr(standstill, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(standstill, "STANDSTILL_S", 0.05)

    async def work() -> None:
        log = MemoryLog()
        await log.start()
        await log.publish(*PLACE, [Entry(b"k", b"v")])
        async with asyncio.timeout(0.5):
            await watch(StuckRole(position, busy), log)

    with pytest.raises(Stands if ends else TimeoutError):
        asyncio.run(work())
