from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.zones import zone_problem
from streams.push.quiet import in_window, is_quiet, local_minute

DAY_MIN = 24 * 60
BERLIN = "Europe/Berlin"
ZONES = ("UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns")
minutes = st.integers(0, DAY_MIN - 1)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def clock(text: str) -> int:
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def quiet_minutes(start: str, hours: int, zone: str, window: str) -> list[str]:
    """The minutes of real time, by UTC, that are quiet; as stretches."""
    from_min, until_min = map(clock, window.split("-"))
    begin, found = datetime.fromisoformat(start).astimezone(UTC), []
    before = False
    for minute in range(hours * 60 + 1):
        at = begin + timedelta(minutes=minute)
        quiet = is_quiet(int(at.timestamp() * 1000), zone, from_min, until_min)
        if quiet != before:
            found.append(f"{'+' if quiet else '-'}{at:%dT%H:%M}")
        before = quiet
    return found


def test_a_window_over_midnight_begins_on_one_day_and_ends_on_the_next() -> None:
    assert quiet_minutes("2026-06-10T12:00+00:00", 24, BERLIN, "22:00-07:00") == ["+10T20:00", "-11T05:00"]


def test_the_night_in_which_an_hour_is_skipped_is_shorter() -> None:
    """29 March 2026, 02:00 CET becomes 03:00 CEST: from 22:00 (21:00 UTC) to 07:00 (05:00 UTC), eight hours."""
    assert quiet_minutes("2026-03-28T12:00+00:00", 24, BERLIN, "22:00-07:00") == ["+28T21:00", "-29T05:00"]


def test_the_night_in_which_an_hour_comes_twice_is_longer() -> None:
    """25 October 2026, 03:00 CEST becomes 02:00 CET: from 22:00 (20:00 UTC) to 07:00 (06:00 UTC), ten hours."""
    assert quiet_minutes("2026-10-24T12:00+00:00", 24, BERLIN, "22:00-07:00") == ["+24T20:00", "-25T06:00"]


def test_a_window_within_the_skipped_hour_does_not_happen() -> None:
    assert quiet_minutes("2026-03-28T23:00+00:00", 6, BERLIN, "02:10-02:50") == []


def test_a_window_that_ends_in_the_skipped_hour_ends_when_the_hour_is_skipped() -> None:
    assert quiet_minutes("2026-03-28T23:00+00:00", 6, BERLIN, "01:30-02:30") == ["+29T00:30", "-29T01:00"]


def test_a_window_that_begins_in_the_skipped_hour_begins_after_it() -> None:
    assert quiet_minutes("2026-03-28T23:00+00:00", 6, BERLIN, "02:30-03:30") == ["+29T01:00", "-29T01:30"]


def test_a_window_within_the_doubled_hour_happens_twice() -> None:
    """02:10 to 02:50 on the wall: 00:10 UTC, and again an hour later."""
    assert quiet_minutes("2026-10-24T23:00+00:00", 6, BERLIN, "02:10-02:50") == ["+25T00:10", "-25T00:50", "+25T01:10", "-25T01:50"]


def test_a_window_that_ends_in_the_doubled_hour_comes_back_with_it() -> None:
    assert quiet_minutes("2026-10-24T21:00+00:00", 8, BERLIN, "23:30-02:30") == ["+24T21:30", "-25T00:30", "+25T01:00", "-25T01:30"]


def test_half_an_hour_is_skipped_on_lord_howe() -> None:
    """4 October 2026, 02:00 becomes 02:30 there (UTC+10:30 becomes +11)."""
    assert quiet_minutes("2026-10-03T14:00+00:00", 4, "Australia/Lord_Howe", "02:00-02:30") == []
    assert quiet_minutes("2026-10-03T14:00+00:00", 4, "Australia/Lord_Howe", "01:45-02:45") == ["+03T15:15", "-03T15:45"]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), st.sampled_from(ZONES), minutes, minutes)
def test_it_is_quiet_exactly_in_the_minutes_that_one_counts(at: datetime, zone: str, from_min: int, until_min: int) -> None:
    """Counted: from `from_min` on, minute by minute round the clock face, until `until_min`."""
    window, minute = set(), from_min
    while minute != until_min:
        window.add(minute)
        minute = (minute + 1) % DAY_MIN
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    shown = local.hour * 60 + local.minute
    now_ms = int(at.replace(tzinfo=UTC).timestamp() * 1000)
    assert local_minute(now_ms, zone) == shown
    assert is_quiet(now_ms, zone, from_min, until_min) == (shown in window)


@given(st.sampled_from(ZONES), st.integers(0, 60 * 24 * 365 * 3), minutes, minutes)
def test_a_day_without_a_change_is_quiet_as_long_as_the_window(zone: str, start_min: int, from_min: int, until_min: int) -> None:
    begin_ms = ms("2025-01-01T00:00+00:00") + start_min * 60_000
    shown = [local_minute(begin_ms + minute * 60_000, zone) for minute in range(0, DAY_MIN + 1, 60)]
    if shown[0] == shown[-1]:  # no clock was changed within these 24 hours, or it was changed back
        quiet = sum(is_quiet(begin_ms + minute * 60_000, zone, from_min, until_min) for minute in range(DAY_MIN))
        assert quiet == (until_min - from_min) % DAY_MIN


@given(minutes, minutes)
def test_a_window_and_its_counterpart_share_the_day(from_min: int, until_min: int) -> None:
    for minute in range(DAY_MIN):
        both = in_window(minute, from_min, until_min), in_window(minute, until_min, from_min)
        assert sum(both) == (from_min != until_min)


def test_equal_ends_are_never() -> None:
    assert not any(in_window(minute, 300, 300) for minute in range(DAY_MIN))


# ---- bad input


@pytest.mark.parametrize(
    "name",
    [
        *("", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/../Berlin", "localtime", "posixrules", "right/UTC"),
        *("Factory", "Europe/Berlin\n", "Europe/Berlin\0", "x" * 10_000, "ÜTC", "zone.tab", "tzdata.zi", "leapseconds", "Europe//Berlin"),
    ],
)
def test_a_zone_that_nobody_knows_is_refused_and_counts_as_utc(name: str) -> None:
    assert zone_problem(name) is not None
    assert local_minute(ms("2026-06-10T12:34+00:00"), name) == clock("12:34")


@pytest.mark.parametrize("name", [*ZONES, "Etc/GMT+5", "America/Argentina/Buenos_Aires", "EST5EDT"])
def test_a_zone_of_the_world_may_be_chosen(name: str) -> None:
    assert zone_problem(name) is None
