"""The small parts: who takes part, what they say, and how a fault becomes weather or a full disk."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.cast import cast_of
from tests.faults.nemesis import Nemesis, fill, weather_of
from tests.faults.proxy import Corrupt, Delay, HalfOpen, Hold, Refuse, Slow
from tests.faults.schedule import Action, Fault
from tests.faults.system import System, mounted
from tests.faults.texts import texts


@given(st.integers(0, 2**32))
def test_a_cast_is_a_function_of_its_seed_and_has_forty_devices(seed: int) -> None:
    cast = cast_of(seed)
    assert cast == cast_of(seed)
    assert len(cast.seats) == 40
    assert sum(seat.wire for seat in cast.seats) >= 4
    assert {seat.home for seat in cast.seats} == {1, 2}
    for group in cast.groups:
        assert len({*group.members, *group.guests}) == len(group.members) + len(group.guests)
    assert all(a != b for a, b in cast.directs)


def test_texts_are_the_same_for_the_same_seed() -> None:
    first, second = (list(itertools.islice(texts(4), 50)) for _ in range(2))
    assert first == second
    assert all(first)


WEATHERS = {
    Action.REFUSE: Refuse(),
    Action.BLACK_HOLE: Hold(),
    Action.ONE_WAY: Hold(frozenset((1,))),
    Action.HALF_OPEN: HalfOpen(),
    Action.DELAY: Delay(1),
    Action.SLOW: Slow(1),
    Action.CORRUPT: Corrupt(1),
}


@pytest.mark.parametrize("action", WEATHERS)
def test_a_fault_of_the_network_is_a_weather(action: Action) -> None:
    assert weather_of(Fault(0, action, "kafka", 1, 1)) == WEATHERS[action]


def test_a_fault_that_is_none_is_refused() -> None:
    with pytest.raises(LookupError):
        weather_of(Fault(0, Action.KILL, "kafka", 0, 0))


def test_a_disk_is_filled_until_it_takes_no_more(tmp_path: Path) -> None:
    """Method: a limit on the size of files stands for the disk (Python ignores SIGXFSZ), so that no root is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))
    try:
        assert fill(tmp_path / "ballast") == 3 << 20
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_root_a_disk_is_not_made_and_it_is_said_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert mounted(tmp_path / "kafka") == "a tmpfs can be mounted only by root"


def test_a_fault_that_cannot_be_performed_is_recorded_with_its_reason() -> None:
    said: list[str] = []
    system = SimpleNamespace(disks=frozenset(), no_disks="no root", proxies={})
    nemesis = Nemesis(cast(System, system), said.append, {})
    faults = [Fault(0, Action.DISK_FULL, "kafka", 1, 0), Fault(0, Action.RESET, "cassandra", 0, 0)]
    asyncio.run(nemesis.run(faults, time.monotonic()))
    assert [each.skipped for each in nemesis.struck] == ["no root", "KeyError: 'cassandra'"]
    assert len(said) == 3, "both faults, and that the second was not performed"
