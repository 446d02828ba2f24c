"""How long a server asks to be left alone. Pure."""

from email.utils import parsedate_to_datetime

RETRY_AFTER_LIMIT_MS = 24 * 3_600_000  # no push's deadline is further away, and no webhook waits longer at once


def retry_after_ms(value: str | None, now_ms: int) -> int | None:
    """What Retry-After says, in seconds or as a date; None: nothing that can be understood. Range: 0..RETRY_AFTER_LIMIT_MS.

    Source: RFC 9110, 10.2.3.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:12]) * 1000, RETRY_AFTER_LIMIT_MS)
    try:
        at_ms = int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return max(0, min(at_ms - now_ms, RETRY_AFTER_LIMIT_MS))
