"""How the phone makers' push channels write an alert down: lengths as they count them, ids as they take them, what the app gets. Pure."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from streams.push.alert import Alert
from streams.push.shorten import fit

Length = Callable[[str], int]
NOTHING_TO_SAY = "•"  # no maker shows an alert without any text
NOTIFY_KEY_CHARS = 8
APP_FIELD = "warbler"  # under which the app finds its part, where a maker hands over names and values
APP_TITLE_CHARS, APP_BODY_CHARS = 50, 100  # of texts that the app shows itself, those of a call
TITLE_PART = 4  # of a message's whole bytes, so much may be the title's: the body must not be crowded out
NEEDED = ("conversation", "seq", "purpose", "ref")  # what stays of the data where it is too long: enough to open the conversation


def utf16_units(text: str) -> int:
    """As Java counts: never less than the characters that a maker's pages speak of."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def half_widths(text: str) -> int:
    """ASCII is one, everything else two (vivo: a Chinese character equals two English ones)."""
    return sum(1 if char < "\x80" else 2 * utf16_units(char) for char in text)


def utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def json_bytes(text: str) -> int:
    return utf8_bytes(compact(text))


def compact(fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def cut(text: str, length: Length, limit: int) -> str:
    """The text, shortened between characters if it is too long by itself."""
    return fit("", text, lambda _, body: length(body), limit)[1]


def texts(alert: Alert, length: Length, title_limit: int, body_limit: int) -> tuple[str, str]:
    """Title and body where the maker limits each by itself; neither is blank, because no maker takes that."""
    title, body = spoken(alert)
    return cut(title, length, title_limit), cut(body, length, body_limit)


def spoken(alert: Alert) -> tuple[str, str]:
    """Title and body, one standing in for the other where it is blank."""
    title = alert.title if alert.title.strip() else alert.body
    body = alert.body if alert.body.strip() else alert.title
    return (title, body) if title.strip() else (NOTHING_TO_SAY, NOTHING_TO_SAY)


def within(alert: Alert, envelope_bytes: int, limit_bytes: int) -> tuple[str, str] | None:
    """Title and body where the maker limits the whole: with the `envelope_bytes` of all else. None: there is no room for a text."""
    title, body = spoken(alert)
    title = cut(title, json_bytes, limit_bytes // TITLE_PART)
    title, body = fit(title, body, lambda one, two: envelope_bytes + json_bytes(one) + json_bytes(two), limit_bytes)
    return (title, body) if title.strip() and body.strip() else None


def for_app(alert: Alert, limit: int, length: Length = utf16_units, shows: bool = False) -> str:
    """JSON for the app, at most `limit` long, by the names that all push channels use (docs/push.md).

    `shows`: the app shows it itself, so it gets the texts too. Of data that is too long only what the app cannot do without stays, whole.
    """
    fields: dict[str, Any] = {
        "kind": alert.kind,
        "tag": alert.collapse_key,
        "key": alert.send_key,
        "ticket": alert.ticket,
        "at_ms": alert.at_ms,
    }
    if alert.badge is not None:
        fields["badge"] = alert.badge
    if shows:
        fields["title"], fields["body"] = texts(alert, utf16_units, APP_TITLE_CHARS, APP_BODY_CHARS)
    text = compact({**fields, "data": alert.data})
    return text if length(text) <= limit else _with_needed(fields, alert.data, limit, length)


def for_app_named(alert: Alert, limit: int, length: Length = utf16_units, shows: bool = False) -> str:
    """The same as the text of one field, in an object as makers hand it over: of names and texts. `limit`: of the whole object."""
    return compact({APP_FIELD: for_app(alert, limit, lambda text: length(compact({APP_FIELD: text})), shows)})


def _with_needed(fields: Mapping[str, Any], data: Mapping[str, str], limit: int, length: Length) -> str:
    kept: dict[str, str] = {}
    for name in NEEDED:
        if name in data and length(compact({**fields, "data": {**kept, name: data[name]}})) <= limit:
            kept[name] = data[name]
    return compact({**fields, "data": kept})


def notify_id(collapse_key: str) -> int:
    """The number under which an alert replaces another. Range: 1..2^31-1. Two keys of one user meet with a chance of one in a billion."""
    return int.from_bytes(hashlib.sha256(collapse_key.encode()).digest()[:4], "big") & 0x7FFF_FFFF or 1


def notify_key(collapse_key: str) -> str:
    """The same as a text of NOTIFY_KEY_CHARS hex digits (Meizu)."""
    return hashlib.sha256(collapse_key.encode()).hexdigest()[:NOTIFY_KEY_CHARS]


def badge_of(alert: Alert) -> int | None:
    """As makers take it: two digits at most."""
    return None if alert.badge is None else max(0, min(alert.badge, 99))
