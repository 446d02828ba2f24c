"""The checker is checked: each planted bug is found in the small world, and without one nothing is."""

from __future__ import annotations

import asyncio

import pytest

from streams.owning import lane
from tests.faults.plants import PLANTS
from tests.faults.small_play import Play


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "RETRY_S_MIN", 0.0)


def test_without_a_bug_nothing_is_found() -> None:
    assert [str(violation) for violation in asyncio.run(Play().run())] == []


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[name].put(monkeypatch.setattr)
    kinds = {violation.kind for violation in asyncio.run(Play().run())}
    assert kinds & PLANTS[name].found_as, f"found {kinds or 'nothing'}"


def test_there_are_at_least_twelve() -> None:
    assert len(PLANTS) >= 12
