"""Presence of a user over all devices: equals a naive model, is coalesced, and costs O(N) when all reconnect."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import PresenceSet, SessionClosed, SessionEvent
from streams.inbox.sessions import Sessions
from tests.streams.inbox_parts import LEASE_MS, SETTLE_MS, START_MS, Fed, closed, opened, renewed, shown

SESSION = st.sampled_from(["s-1", "s-2", "s-3"])
STEP = st.tuples(st.sampled_from(["open", "renew", "away", "back", "close", "status"]), SESSION, st.integers(0, 60_000))


def history(steps: list[tuple[str, str, int]]) -> list[SessionEvent]:
    """The records of these steps, each so much later than the one before."""
    made: list[SessionEvent] = []
    at_ms = START_MS
    away: dict[str, bool] = {}
    for kind, session, later_ms in steps:
        at_ms += later_ms
        if kind in ("away", "back"):
            away[session] = kind == "away"
        match kind:
            case "open":
                away[session] = False
                made.append(opened(at_ms, session=session))
            case "renew":
                made.append(renewed(at_ms, session=session, away=away.get(session, False)))
            case "away" | "back":
                made.append(shown(at_ms, session=session, away=kind == "away"))
            case "status":
                made.append(shown(at_ms, session=session, away=away.get(session, False), status=f"status {len(made)}"))
            case _:
                made.append(closed(at_ms, session=session))
    return made


def naive(events: list[SessionEvent], now_ms: int) -> tuple[str, str]:
    """State and status, worked out from the whole history for every session anew."""
    status = ""
    counted: list[bool] = []
    for session in {event.session_id for event in events}:
        own = [event for event in events if event.session_id == session and event.at_ms <= now_ms]
        leases = [event for event in own if not isinstance(event, PresenceSet)]
        if not leases or isinstance(leases[-1], SessionClosed) or leases[-1].at_ms + LEASE_MS <= now_ms:
            continue
        away = False
        begun = max((at for at, event in enumerate(own) if isinstance(event, SessionClosed)), default=-1)
        for index, event in enumerate(own):
            if index > begun and hasattr(event, "away"):
                lives = any(not isinstance(each, PresenceSet) for each in own[begun + 1 : index]) or not isinstance(event, PresenceSet)
                away = event.away if lives else away
            elif index > begun:
                away = False
        counted.append(away)
    for event in events:
        if isinstance(event, PresenceSet) and event.status is not None:
            status = event.status
    state = "offline" if not counted else "away" if all(counted) else "online"
    return state, status


@given(st.lists(STEP, max_size=14), st.integers(0, 200_000))
def test_the_presence_of_a_user_is_that_of_a_naive_model_over_its_whole_history(steps: list[Any], later_ms: int) -> None:
    events = history(steps)
    sessions = Sessions()
    now_ms = START_MS
    for event in events:
        now_ms = event.at_ms
        sessions.expire(now_ms)
        sessions.fold(event)
    assert (sessions.state(now_ms), sessions.status) == naive(events, now_ms)
    now_ms += later_ms
    assert sessions.state(now_ms) == naive(events, now_ms)[0]
    sessions.expire(now_ms)
    assert sessions.state(now_ms) == naive(events, now_ms)[0]


@given(st.lists(STEP, max_size=20))
def test_what_is_published_ends_as_it_is_and_never_more_often_than_once_a_settle_time(steps: list[Any]) -> None:
    fed = Fed()
    events = history(steps)
    for event in events:
        fed.until(event.at_ms)
        fed.feed(event)
    fed.after(SETTLE_MS)
    state, status = naive(events, fed.now_ms)
    fed.after(SETTLE_MS)
    if fed.presences:
        last = fed.presences[-1]
        assert (last.state, last.status) == naive(events, fed.now_ms) or (state, status) != naive(events, fed.now_ms)
    else:
        assert naive(events, fed.now_ms) == ("offline", "")
    times = [at_ms for at_ms, _ in fed.effects]
    assert all(later - earlier >= SETTLE_MS for earlier, later in itertools.pairwise(times))
    assert all(earlier.at_ms < later.at_ms for earlier, later in itertools.pairwise(fed.presences))
    assert all((earlier.state, earlier.status) != (later.state, later.status) for earlier, later in itertools.pairwise(fed.presences))
    assert all(earlier.last_seen_ms <= later.last_seen_ms for earlier, later in itertools.pairwise(fed.presences))


def test_a_user_with_three_devices_is_one_user() -> None:
    fed = Fed()
    fed.feed(*(opened(fed.now_ms, session=f"s-{number}") for number in range(3)))
    fed.feed(closed(fed.now_ms, session="s-0"), shown(fed.now_ms, session="s-1", away=True))
    fed.after(10_000)
    assert [each.state for each in fed.presences] == ["online"]
    fed.feed(shown(fed.now_ms, session="s-2", away=True))
    fed.after(SETTLE_MS)
    fed.feed(closed(fed.now_ms, session="s-1"), closed(fed.now_ms, session="s-2"))
    fed.after(SETTLE_MS)
    assert [each.state for each in fed.presences] == ["online", "away", "offline"]


def test_a_flicker_is_not_told_and_coming_is_told_at_once() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms))
    assert [at_ms for at_ms, _ in fed.effects] == [START_MS], "at once"
    fed.after(60_000)
    fed.feed(closed(fed.now_ms))
    fed.after(SETTLE_MS - 1)
    fed.feed(opened(fed.now_ms, session="s-2"))
    fed.after(60_000)
    assert len(fed.presences) == 1
    fed.feed(closed(fed.now_ms, session="s-2"))
    gone_ms = fed.now_ms
    fed.after(60_000)
    assert [at_ms for at_ms, _ in fed.effects] == [START_MS, gone_ms + SETTLE_MS]
    assert fed.presences[-1].last_seen_ms == gone_ms, "when it was there last, not when that was told"


def test_the_sessions_of_a_dead_edge_end_with_their_lease() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms))
    fed.after(30_000)
    fed.feed(renewed(fed.now_ms))
    renewed_ms = fed.now_ms
    fed.after(LEASE_MS + SETTLE_MS - 1)
    assert [each.state for each in fed.presences] == ["online"]
    fed.after(1)
    assert [each.state for each in fed.presences] == ["online", "offline"]
    assert fed.presences[-1].last_seen_ms == START_MS or fed.presences[-1].last_seen_ms == renewed_ms
    assert len(fed.users) == 1
    fed.after(10 * SETTLE_MS)
    assert len(fed.users) == 0, "who is gone needs no memory"


def test_a_status_is_kept_while_its_user_is_away_from_everything() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms), shown(fed.now_ms, status="on holiday"))
    fed.after(60_000)
    fed.feed(closed(fed.now_ms))
    fed.after(60_000)
    assert [(each.state, each.status) for each in fed.presences] == [("online", ""), ("online", "on holiday"), ("offline", "on holiday")]
    fed.feed(opened(fed.now_ms))
    assert fed.presences[-1].status == "on holiday"


def test_a_mass_reconnect_of_n_users_costs_at_most_two_records_a_user_and_a_quick_one_none() -> None:
    users = [f"u-{number}" for number in range(2_000)]
    fed = Fed()
    fed.feed(*(opened(fed.now_ms, user=user) for user in users))
    assert len(fed.presences) == len(users)
    fed.after(60_000)
    fed.feed(*(renewed(fed.now_ms, user=user) for user in users))
    fed.feed(*(closed(fed.now_ms, user=user) for user in users))
    fed.after(SETTLE_MS // 2)
    fed.feed(*(opened(fed.now_ms, user=user, session="s-2") for user in users))
    fed.after(30_000)
    assert len(fed.presences) == len(users), "all back within the settle time"
    fed.feed(*(closed(fed.now_ms, user=user, session="s-2") for user in users))
    for attempt in range(20):  # a storm: every user comes and goes again and again within the settle time
        fed.after(SETTLE_MS // 10)
        fed.feed(*(opened(fed.now_ms, user=user, session=f"s-{attempt}") for user in users))
        fed.feed(*(closed(fed.now_ms, user=user, session=f"s-{attempt}") for user in users))
    fed.after(60_000)
    assert len(fed.presences) <= 2 * len(users)


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms))
    fed.after(10_000)
    fed.now_ms -= 3_600_000
    fed.feed(closed(fed.now_ms))
    fed.users.due(fed.now_ms)
    fed.after(SETTLE_MS)
    assert [each.state for each in fed.presences] == ["online", "offline"]
    assert fed.presences[-1].at_ms > fed.presences[0].at_ms, "or the older row would stay"
