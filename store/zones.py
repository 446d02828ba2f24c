"""Which time zones a user may choose: names of the IANA database. Pure: the zones' rules are data.

Used at the door of the settings by the edge, and by `streams.push.quiet`, for which an unknown zone is UTC.
"""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_ZONE_CHARS_LIMIT = 64
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory", "posix", "right"})  # files beside the zones; another machine has others


def zone_problem(time_zone: str) -> str | None:
    """Why this is no time zone that a user may choose; None: it is one."""
    return None if zone_of(time_zone) is not None else f"{time_zone[:_ZONE_CHARS_LIMIT]!r} is not the name of an IANA time zone"


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone of this name; None: there is none that every machine has."""
    if len(name) > _ZONE_CHARS_LIMIT or not _ZONE.fullmatch(name) or name.split("/")[0] in _OF_THE_MACHINE:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; not a zone's file; a folder of zones
        return None
