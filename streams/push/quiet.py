"""Whether it is quiet hours where a user is. Pure: the moment is an argument, the zone's rules are data (IANA).

Rule 1: what counts is what the clock on the user's wall shows. So an hour that is skipped in spring is never quiet, one that comes twice
in autumn is quiet twice, and a window over midnight begins on one day and ends on the next. Rule 2: a zone that is not known is UTC; the
door of the settings (`zone_problem`) lets none in.
"""

import re
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MIN = 24 * 60

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_ZONE_CHARS_LIMIT = 64
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory", "posix", "right"})  # files beside the zones; another machine has others


def is_quiet(now_ms: int, time_zone: str, from_min: int, until_min: int) -> bool:
    """Whether the minute of the local day is within `from_min`..`until_min`; the last is not, and equal ones mean never."""
    return in_window(local_minute(now_ms, time_zone), from_min, until_min)


def in_window(minute: int, from_min: int, until_min: int) -> bool:
    if from_min <= until_min:
        return from_min <= minute < until_min
    return minute >= from_min or minute < until_min


def local_minute(now_ms: int, time_zone: str) -> int:
    """The minute of the day, 0 to 1439, that clocks in the zone show."""
    local = datetime.fromtimestamp(now_ms // 1000, _zone(time_zone) or ZoneInfo("UTC"))
    return local.hour * 60 + local.minute


def zone_problem(time_zone: str) -> str | None:
    """Why this is no time zone that a user may choose; None: it is one."""
    return None if _zone(time_zone) is not None else f"{time_zone[:_ZONE_CHARS_LIMIT]!r} is not the name of an IANA time zone"


def window_problem(from_min: int, until_min: int) -> str | None:
    """Why these are no minutes of a day; None: they are."""
    outside = [minute for minute in (from_min, until_min) if not 0 <= minute < DAY_MIN]
    return f"{outside[0]} is no minute of a day: 0 to {DAY_MIN - 1}" if outside else None


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    if len(name) > _ZONE_CHARS_LIMIT or not _ZONE.fullmatch(name) or name.split("/")[0] in _OF_THE_MACHINE:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; not a zone's file; a folder of zones
        return None
