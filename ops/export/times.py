"""Moments as the forms of an export write them, always in UTC. Pure.

A moment outside the years 1970-9999 is written as the nearest one inside: no form can say it, and the NDJSON has the number itself.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_MS = (date(9999, 12, 31).toordinal() - _EPOCH_DAY + 1) * DAY_MS - 1
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def within(ms: int) -> int:
    return min(max(ms, 0), _LAST_MS)


@lru_cache(maxsize=4096)
def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DAY + day)


def day_of(ms: int) -> str:
    """The day, as in 2026-11-26."""
    return _date(within(ms) // DAY_MS).isoformat()


def _clock(ms: int) -> str:
    seconds = within(ms) % DAY_MS // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def iso(ms: int) -> str:
    """ISO 8601 with milliseconds, as in 2026-11-26T20:48:40.123Z."""
    return f"{day_of(ms)}T{_clock(ms)}.{within(ms) % 1000:03}Z"


def mail_date(ms: int) -> str:
    """RFC 5322 3.3, as in Thu, 26 Nov 2026 20:48:40 +0000."""
    when = _date(within(ms) // DAY_MS)
    return f"{_WEEKDAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]} {when.year:04} {_clock(ms)} +0000"
