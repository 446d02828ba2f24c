"""Push over REST: where this device is reached while it is away, what the user wants of pushes, what became of them. A shell."""

from typing import Literal

from msgspec import Struct

from warbler.groups import PushMode
from warbler.http import Http, path_of

PushState = Literal["accepted", "rejected", "invalidated", "expired", "suppressed", "withdrawn", "retrying", "received"]


class PushChannel(Struct, frozen=True):
    """One that is open at this node. `application_server_key`: what a browser subscribes with."""

    channel: str
    application_server_key: str | None = None


class PushDevice(Struct, frozen=True):
    device: str
    channel: str
    app: str
    locale: str
    registered_at_ms: int
    this_device: bool


class PushSettings(Struct, frozen=True, omit_defaults=True):
    """Quiet from `quiet_from` until `quiet_until` ("22:00"), but for `quiet_lets`; the same twice: never. `locale` empty: the device's."""

    time_zone: str = "UTC"
    quiet_from: str = "00:00"
    quiet_until: str = "00:00"
    quiet_lets: tuple[Literal["mentions", "calls"], ...] = ("calls",)
    content_shown: bool = True
    badge: bool = True
    alert_on: Literal["all", "last_used"] = "all"
    locale: str = ""


class PushLabels(Struct, frozen=True):
    """What the user is called by where the app's owner pushes to an audience."""

    tags: tuple[str, ...] = ()
    alias: str = ""


class MyPush(Struct, frozen=True):
    settings: PushSettings
    labels: PushLabels
    devices: tuple[PushDevice, ...]


class PushOutcome(Struct, frozen=True):
    """What became of one push. `device` and `channel` empty: nothing was sent, `reason` says why."""

    push_id: str
    conversation: str
    from_seq: int
    to_seq: int
    purpose: Literal["message", "call", "campaign"]
    ref: str
    device: str
    channel: str
    state: PushState
    reason: str
    tries: int
    at_ms: int


class TakenToken(Struct, frozen=True):
    channel: str
    token_id: str


class _Channels(Struct, frozen=True):
    channels: list[PushChannel]


class _Outcomes(Struct, frozen=True):
    results: list[PushOutcome]


class PushCalls:
    """`device`: as in the session's hello; empty: the one that signed in. Raises, from every call, as `Http`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def channels(self) -> list[PushChannel]:
        """Which push channels may be registered here; without being signed in."""
        return (await self._http.call("GET", "/v1/push/channels", _Channels, token="")).channels

    async def mine(self, device: str = "") -> MyPush:
        return await self._http.call("GET", "/v1/me/push", MyPush, params={"device": device or None})

    async def register(self, channel: str, push_token: str, device: str = "", locale: str = "en", app: str = "") -> TakenToken:
        """The token is this device's and nobody else's. The same again changes nothing, so do it at every start."""
        body = {"token": push_token, "device": device, "locale": locale, "app": app}
        return await self._http.call("PUT", path_of("me", "push", "tokens", channel), TakenToken, body)

    async def remove(self, channel: str, device: str = "") -> None:
        path = path_of("me", "push", "tokens", channel)
        await self._http.call("DELETE", path, type(None), params={"device": device or None})

    async def set_settings(self, push_settings: PushSettings) -> PushSettings:
        """All of them at once."""
        body = {name: getattr(push_settings, name) for name in push_settings.__struct_fields__}
        return await self._http.call("PUT", "/v1/me/push/settings", PushSettings, body)

    async def set_labels(self, tags: list[str], alias: str = "") -> PushLabels:
        return await self._http.call("PUT", "/v1/me/push/labels", PushLabels, {"tags": tags, "alias": alias})

    async def mode(self) -> PushMode:
        """Everywhere; a conversation's own is `groups.push_mode`."""
        return await self._http.call("GET", "/v1/me/push/mode", PushMode)

    async def set_mode(self, mode: Literal["all", "mentions", "none"], until_ms: int = 0) -> PushMode:
        return await self._http.call("PUT", "/v1/me/push/mode", PushMode, {"mode": mode, "until_ms": until_ms})

    async def results(self, limit: int = 50) -> list[PushOutcome]:
        """The newest first, from the end of the log."""
        return (await self._http.call("GET", "/v1/me/push/results", _Outcomes, params={"limit": limit})).results

    async def received(self, ticket: str) -> None:
        """The device's own word that a push arrived; the ticket stands for a token."""
        await self._http.call("POST", "/v1/push/received", type(None), {"ticket": ticket}, token="")
