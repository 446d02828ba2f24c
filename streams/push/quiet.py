"""Whether it is quiet hours where a user is. Pure: the moment is an argument, the zone's rules are data (IANA).

Rule 1: what counts is what the clock on the user's wall shows. So an hour that is skipped in spring is never quiet, one that comes twice
in autumn is quiet twice, and a window over midnight begins on one day and ends on the next. Rule 2: a zone that is not known is UTC; the
door of the settings (`store.zones`) lets none in.
"""

from datetime import UTC, datetime

from store.zones import zone_of


def is_quiet(now_ms: int, time_zone: str, from_min: int, until_min: int) -> bool:
    """Whether the minute of the local day is within `from_min`..`until_min`; the last is not, and equal ones mean never."""
    return in_window(local_minute(now_ms, time_zone), from_min, until_min)


def in_window(minute: int, from_min: int, until_min: int) -> bool:
    if from_min <= until_min:
        return from_min <= minute < until_min
    return minute >= from_min or minute < until_min


def local_minute(now_ms: int, time_zone: str) -> int:
    """The minute of the day, 0 to 1439, that clocks in the zone show."""
    local = datetime.fromtimestamp(now_ms // 1000, zone_of(time_zone) or UTC)
    return local.hour * 60 + local.minute
