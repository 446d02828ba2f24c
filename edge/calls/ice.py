"""The ICE servers that calls without an engine are given: RTC_TURN_URLS, RTC_TURN_SECRET_FILE, RTC_TURN_TTL_MS, as engines read them."""

from collections.abc import Mapping
from pathlib import Path

from edge.settings import BadSetting
from rtc.turn import Turn, urls_of


def turn_of(env: Mapping[str, str]) -> Turn:
    """Raises: BadSetting that names the variable."""
    file, ttl = env.get("RTC_TURN_SECRET_FILE", ""), env.get("RTC_TURN_TTL_MS", "")
    try:
        secret = Path(file).read_bytes().strip() if file else b""
        urls = urls_of(env.get("RTC_TURN_URLS", ""))
        return Turn(urls, secret, int(ttl)) if ttl else Turn(urls, secret)
    except OSError as failed:
        raise BadSetting(f"RTC_TURN_SECRET_FILE={file}: {failed.strerror}") from None
    except ValueError as bad:
        raise BadSetting(str(bad) if "RTC_TURN" in str(bad) else f"RTC_TURN_TTL_MS={ttl}: a whole number") from None
