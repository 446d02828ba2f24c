"""Campaigns as a schedule: what is due, what is over, whom an audience holds."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from schemas.pushes import CampaignEvent, CampaignFinished, CampaignStarted
from store.audiences import Audiences, Place, place_text, read_place
from store.campaigns import Campaign, evolve
from store.pushing import PushLabels
from streams.push.campaigns.book import Book, requests_of
from tests.push.campaign_parts import MINUTE_MS, NOW_MS, People, cancelled, scheduled

STARTED = CampaignStarted(event_id="s", campaign_id="k-1", tenant="default", at_ms=NOW_MS + 2)
FINISHED = CampaignFinished(event_id="f", campaign_id="k-1", tenant="default", at_ms=NOW_MS + 3, users=7)


def book(*events: CampaignEvent) -> Book:
    made = Book()
    for event in events:
        made.on_event(event)
    return made


def names(campaigns: list[Campaign]) -> list[str]:
    return [each.campaign_id for each in campaigns]


def test_a_campaign_is_due_from_its_time_on_and_the_timer_waits_for_the_earliest() -> None:
    made = book(scheduled("k-late", at_ms=NOW_MS + 2_000), scheduled("k-soon", at_ms=NOW_MS + 1_000))
    assert made.next_ms == NOW_MS + 1_000
    assert names(made.due(NOW_MS)) == []
    assert names(made.due(NOW_MS + 1_000)) == ["k-soon"]
    assert names(made.due(NOW_MS + 5_000)) == ["k-soon", "k-late"]


def test_what_is_past_its_deadline_never_begins_and_what_began_is_finished() -> None:
    made = book(scheduled("k-1"), scheduled("k-2"), STARTED)
    assert names(made.due(NOW_MS + MINUTE_MS)) == ["k-1"]
    assert len(made) == 1


def test_what_is_cancelled_or_finished_is_over_also_when_it_is_told_again() -> None:
    for end in (cancelled(), FINISHED):
        made = book(scheduled(), STARTED, end, scheduled(), STARTED)
        assert (len(made), made.due(NOW_MS + 10), made.next_ms) == (0, [], None)


def test_an_event_of_a_campaign_that_nobody_scheduled_is_nothing() -> None:
    assert len(book(STARTED, cancelled(), FINISHED)) == 0


@given(st.permutations([STARTED, FINISHED, cancelled(), cancelled(at_ms=NOW_MS + 9), STARTED]))
def test_the_state_does_not_depend_on_the_order_of_what_follows(events: list[CampaignEvent]) -> None:
    campaign = evolve(None, scheduled())
    for event in events:
        campaign = evolve(campaign, event)
    assert campaign is not None
    assert (campaign.state(NOW_MS), campaign.users, campaign.started_at_ms) == ("cancelled", 7, NOW_MS + 2)


def test_the_states_in_their_order() -> None:
    campaign = evolve(None, scheduled())
    assert campaign is not None
    states = [campaign.state(NOW_MS), campaign.state(NOW_MS + MINUTE_MS)]
    for event in (STARTED, FINISHED, cancelled()):
        campaign = evolve(campaign, event)
        assert campaign is not None
        states.append(campaign.state(NOW_MS + MINUTE_MS))
    assert states == ["scheduled", "expired", "running", "finished", "cancelled"]


def test_the_same_user_gets_the_same_request_again() -> None:
    campaign = evolve(None, scheduled())
    assert campaign is not None
    once, again = requests_of(campaign, ["u-1", "u-2"]), requests_of(campaign, ["u-2"])
    assert [each.push_id for each in once] == ["u-1:k-1:0:1", "u-2:k-1:0:1"]
    assert once[1] == again[0]
    assert (once[0].purpose, once[0].ref, once[0].deadline_ms) == ("campaign", "k-1", NOW_MS + MINUTE_MS)


# ---- audiences

TAGS = ("news", "beta", "staff")
IDS = st.sampled_from([f"u-{number}" for number in range(30)])
LABELS = st.builds(PushLabels, st.lists(st.sampled_from(TAGS), unique=True).map(tuple), st.sampled_from(["", "ann", "ben"]))


async def gone_through(people: People, audience: str, of: tuple[str, ...], limit: int) -> tuple[list[str], int]:
    """All users of the audience in the order of its pages, each place written and read again; and how many the last place counted."""
    found: list[str] = []
    place: Place | None = Place()
    for _ in itertools.count():
        assert place is not None
        counted = place.users
        users, place = await Audiences(people).page("default", audience, of, place, limit)  # type: ignore[arg-type]
        found += users
        if place is None:
            return found, counted + len(users)
        place = read_place(place_text(place))
    raise AssertionError


@given(st.dictionaries(IDS, LABELS), st.lists(st.sampled_from(TAGS), min_size=1), st.integers(1, 7))
def test_who_has_any_of_the_tags_comes_once(labelled: dict[str, PushLabels], tags: list[str], limit: int) -> None:
    found, count = asyncio.run(gone_through(People(labels=labelled), "tags", tuple(tags), limit))
    assert sorted(found) == sorted(user for user, each in labelled.items() if set(each.tags) & set(tags))
    assert count == len(found)


@given(st.dictionaries(IDS, LABELS), st.integers(1, 7))
def test_aliases_users_and_all(labelled: dict[str, PushLabels], limit: int) -> None:
    people = People(sorted(labelled, reverse=True), labelled)
    users, _ = asyncio.run(gone_through(people, "alias", ("ann", "ben", "ann"), limit))
    assert sorted(users) == sorted(user for user, each in labelled.items() if each.alias)
    assert asyncio.run(gone_through(people, "users", ("u-2", "u-1", "u-2", "u-x"), limit)) == (["u-1", "u-2", "u-x"], 3)
    everybody, count = asyncio.run(gone_through(people, "all", (), limit))
    assert (everybody, count) == (sorted(labelled, reverse=True), len(labelled))


def test_an_audience_of_nobody_ends_at_once() -> None:
    assert asyncio.run(gone_through(People(), "all", (), 10)) == ([], 0)
    assert asyncio.run(gone_through(People(), "alias", ("nobody",), 10)) == ([], 0)


def test_a_hint_that_is_no_label_any_more_is_passed_over() -> None:
    class Stale(People):
        async def tagged(self, tenant: str, tag: str, bucket: int, after: str, limit: int) -> list[str]:
            return [user for user in ("u-1", "u-2") if user > after][:limit] if bucket == 0 else []

    people = Stale(labels={"u-2": PushLabels(("news",))})
    assert asyncio.run(gone_through(people, "tags", ("news",), 10)) == (["u-2"], 1)
