"""Could U do X: asked of an edge's own pages. What a page leaves out makes the answer unsure, and is said."""

import asyncio
from typing import cast

import pytest

from edge.merge import EventsPage
from edge.people import could
from edge.people.could import TooLong, explained
from edge.reader import Reader
from schemas import events
from store.errors import TimelineGap
from store.verdicts import Explained
from tests.edge.builders import ANA, GROUP, base, created, sent

EVENTS: tuple[events.Event, ...] = (created(1), sent(2), events.MemberRemoved(member=ANA, **base(3)), sent(4))


class Pages:
    """A conversation in pages of two events."""

    def __init__(self, *missing: int) -> None:
        self.missing = missing

    async def events(self, conversation: str, from_seq: int, limit: int) -> EventsPage:
        own = [event for event in EVENTS if from_seq <= event.seq < from_seq + 2]
        lost = tuple(event.seq for event in own if event.seq in self.missing)
        kept = tuple(event for event in own if event.seq not in self.missing)
        return EventsPage(kept, from_seq + 2, from_seq + 2 <= len(EVENTS), lost)


def asked(pages: Pages, at_ms: int) -> Explained:
    return asyncio.run(explained(cast(Reader, pages), ANA, "send", GROUP, at_ms))


def test_the_answer_is_that_of_the_time_and_names_its_event() -> None:
    late = asked(Pages(), EVENTS[-1].at_ms + 1)
    assert (late.verdict.allowed, late.by_seq) == (False, 3)
    early = asked(Pages(), EVENTS[2].at_ms - 1)
    assert (early.verdict.allowed, early.by_seq) == (True, 1)


def test_where_an_event_is_damaged_nothing_is_told_but_what_was_before_it() -> None:
    with pytest.raises(TimelineGap) as gap:
        asked(Pages(2), EVENTS[-1].at_ms + 1)
    assert gap.value.seq == 2
    assert asked(Pages(4), EVENTS[2].at_ms - 1).verdict.allowed


def test_of_a_very_long_conversation_it_says_where_to_ask_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(could, "EVENTS_LIMIT", 2)
    with pytest.raises(TooLong):
        asked(Pages(), EVENTS[-1].at_ms + 1)
