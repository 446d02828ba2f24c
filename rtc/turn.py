"""Short-lived TURN credentials by the shared-secret scheme, and the ICE servers in a ticket. Pure; the secret and the time are arguments.

The TURN server has the same secret and no list of users: the name says until when it holds, and the password is its HMAC.
Source: draft-uberti-behave-turn-rest-00, as coturn's `use-auth-secret` has it.
"""

import base64
import hashlib
import hmac

from msgspec import Struct

from schemas.call_signals import IceServer

SCHEMES = ("stun:", "stuns:", "turn:", "turns:")
RELAYING = ("turn:", "turns:")


class Turn(Struct, frozen=True):
    """`urls`: STUN and TURN servers, as ICE writes them. `secret`: empty where none of them relays."""

    urls: tuple[str, ...] = ()
    secret: bytes = b""
    ttl_ms: int = 600_000

    def __post_init__(self) -> None:
        for url in self.urls:
            if not url.startswith(SCHEMES):
                raise ValueError(f"RTC_TURN_URLS: {url!r} begins with none of {', '.join(SCHEMES)}")
        if not self.secret and any(url.startswith(RELAYING) for url in self.urls):
            raise ValueError("RTC_TURN_SECRET_FILE is needed for the TURN servers in RTC_TURN_URLS")

    def ice_servers(self, call_id: str, user: str, now_ms: int) -> tuple[IceServer, ...]:
        """What one participant of one call may use. Shape: STUN servers first; credentials for what relays only."""
        plain = tuple(url for url in self.urls if not url.startswith(RELAYING))
        relaying = tuple(url for url in self.urls if url.startswith(RELAYING))
        servers: tuple[IceServer, ...] = (IceServer(plain),) if plain else ()
        if relaying:
            name, password = credentials(self.secret, call_id, user, (now_ms + self.ttl_ms) // 1000)
            servers += (IceServer(relaying, name, password),)
        return servers


def urls_of(setting: str) -> tuple[str, ...]:
    """The addresses in RTC_TURN_URLS, separated by commas."""
    return tuple(url for part in setting.split(",") if (url := part.strip()))


def credentials(secret: bytes, call_id: str, user: str, until_s: int) -> tuple[str, str]:
    """Name and password that hold until then, for who has the call and the user in its name."""
    name = f"{until_s}:{call_id}:{user}"
    return name, base64.b64encode(hmac.new(secret, name.encode(), hashlib.sha1).digest()).decode()
