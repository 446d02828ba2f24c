"""The own account: who one is, where one is signed in, second factors, profile, settings; and finding other people. A shell."""

from collections.abc import AsyncIterator
from typing import Any, Literal

from msgspec import Struct

from warbler.http import Http, path_of

FactorKind = Literal["totp", "passkey", "recovery_codes"]
ContactKind = Literal["email", "phone"]
PresenceSeenBy = Literal["everyone", "contacts", "friends", "nobody"]
StepUpKind = Literal["password", "totp", "passkey", "recovery_codes"]


class CodeSent(Struct, frozen=True):
    """Whether one was sent, only its receiver knows. `retry_after_ms`: another one may be asked for then."""

    expires_at_ms: int
    retry_after_ms: int


class PasskeyOptions(Struct, frozen=True):
    """`challenge` names the question to the server; `options` is for the authenticator (Web Authentication Level 3, 5.4 and 5.5)."""

    challenge: str
    options: dict[str, Any]


class Identifier(Struct, frozen=True):
    """`shown`: as it may be shown, like "a…@example.org"."""

    identifier: str
    kind: Literal["name", "email", "phone", "external"]
    shown: str


class Me(Struct, frozen=True):
    """`role`: in the tenant; `password`: whether there is one."""

    user: str
    name: str
    state: Literal["active", "frozen", "deactivated", "deleted"]
    role: str
    identifiers: tuple[Identifier, ...]
    password: bool


class Ticket(Struct, frozen=True):
    """Opens one session, within seconds, in place of the access token."""

    ticket: str
    expires_at_ms: int


class SignIn(Struct, frozen=True):
    """A device that is signed in; `current`: it is this one."""

    sign_in: str
    device: str
    device_name: str
    platform: str
    method: str
    factors: tuple[str, ...]
    opened_at_ms: int
    seen_at_ms: int
    current: bool


class Factor(Struct, frozen=True):
    """`used_at_ms` 0: never."""

    factor: str
    kind: FactorKind
    name: str
    added_at_ms: int
    used_at_ms: int


class Factors(Struct, frozen=True):
    factors: tuple[Factor, ...]
    recovery_codes_left: int


class Totp(Struct, frozen=True):
    """`uri` and `qr_svg` say the same; `secret` is for typing. It counts once a code of it was confirmed."""

    factor: str
    secret: str
    uri: str
    qr_svg: str


class Profile(Struct, frozen=True):
    """`version`: counts the changes; `avatar`: a reference to the picture; empty: none."""

    display_name: str
    about: str
    avatar: str
    fields: dict[str, str]
    version: int


class Person(Struct, frozen=True):
    """As others see a user."""

    user: str
    name: str
    display_name: str = ""
    about: str = ""
    avatar: str = ""
    fields: dict[str, str] = {}


class PersonPage(Struct, frozen=True):
    users: tuple[Person, ...]
    next: str | None = None


class Settings(Struct, frozen=True):
    """The user's own, whatever its applications keep there."""

    settings: dict[str, Any]
    version: int


class Privacy(Struct, frozen=True):
    """What others may see of the user, and ask of it. `strangers`: who may write without being a friend."""

    receipts: bool = True
    presence: PresenceSeenBy = "contacts"
    strangers: Literal["everyone", "friends"] = "everyone"
    friend_requests: Literal["everyone", "question", "nobody"] = "everyone"
    friend_question: str = ""
    searchable: bool = True


class _SignIns(Struct, frozen=True):
    sign_ins: list[SignIn]


class _Ended(Struct, frozen=True):
    ended: int


class AddedFactor(Struct, frozen=True):
    """`recovery_codes`: shown this once, with the first factor; None later."""

    factor: str
    recovery_codes: list[str] | None = None


class _Forgotten(Struct, frozen=True):
    forgotten: int


class _Identifier(Struct, frozen=True):
    identifier: str


class _Codes(Struct, frozen=True):
    codes: list[str]


class _FirstCodes(Struct, frozen=True):
    recovery_codes: list[str] | None = None


class People:
    """Raises, from every call, as `Http`; StepUpNeeded where noted: `step_up`, then the same call again."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def me(self) -> Me:
        return await self._http.call("GET", "/v1/me", Me)

    async def ticket(self) -> Ticket:
        return await self._http.call("POST", "/v1/ticket", Ticket, {})

    # ---- where one is signed in

    async def sign_ins(self) -> list[SignIn]:
        return (await self._http.call("GET", "/v1/me/sign-ins", _SignIns)).sign_ins

    async def end_sign_in(self, sign_in: str) -> None:
        """Signs out there: its sockets close at once."""
        await self._http.call("DELETE", path_of("me", "sign-ins", sign_in), type(None))

    async def end_other_sign_ins(self) -> int:
        """All but this one; how many they were."""
        return (await self._http.call("DELETE", "/v1/me/sign-ins", _Ended)).ended

    async def change_password(self, old: str, new: str) -> None:
        await self._http.call("PUT", "/v1/me/password", type(None), {"old": old, "new": new})

    async def deactivate(self) -> None:
        """Until the next sign-in."""
        await self._http.call("POST", "/v1/me/deactivate", type(None), {})

    async def delete_account(self) -> None:
        """For good. Raises: StepUpNeeded."""
        await self._http.call("DELETE", "/v1/me", type(None))

    async def request_identifier_code(self, kind: ContactKind, to: str) -> CodeSent:
        """Sends a code to an address or number that is to be the user's."""
        return await self._http.call("POST", "/v1/me/identifiers/code", CodeSent, {"kind": kind, "to": to})

    async def add_identifier(self, kind: ContactKind, to: str, code: str) -> str:
        body = {"kind": kind, "to": to, "code": code}
        return (await self._http.call("POST", "/v1/me/identifiers", _Identifier, body)).identifier

    async def remove_identifier(self, identifier: str) -> None:
        await self._http.call("DELETE", path_of("me", "identifiers", identifier), type(None))

    # ---- second factors

    async def factors(self) -> Factors:
        return await self._http.call("GET", "/v1/me/factors", Factors)

    async def enrol_totp(self, name: str = "") -> Totp:
        return await self._http.call("POST", "/v1/me/factors/totp", Totp, {"name": name})

    async def confirm_totp(self, factor: str, code: str) -> list[str] | None:
        """The recovery codes, shown this once, with the first factor; None later."""
        path = path_of("me", "factors", "totp", factor, "confirm")
        return (await self._http.call("POST", path, _FirstCodes, {"code": code})).recovery_codes

    async def passkey_options(self) -> PasskeyOptions:
        """What to ask the authenticator, for a new passkey."""
        return await self._http.call("POST", "/v1/me/passkeys/options", PasskeyOptions, {})

    async def add_passkey(self, challenge: str, credential: dict[str, Any], name: str = "") -> AddedFactor:
        body = {"challenge": challenge, "credential": credential, "name": name}
        return await self._http.call("POST", "/v1/me/passkeys", AddedFactor, body)

    async def remove_factor(self, factor: str) -> None:
        """Raises: StepUpNeeded."""
        await self._http.call("DELETE", path_of("me", "factors", factor), type(None))

    async def new_recovery_codes(self) -> list[str]:
        """The old ones are void. Raises: StepUpNeeded."""
        return (await self._http.call("POST", "/v1/me/recovery-codes", _Codes, {})).codes

    async def step_up_options(self) -> PasskeyOptions:
        return await self._http.call("POST", "/v1/me/step-up/options", PasskeyOptions, {})

    async def step_up(
        self,
        kind: StepUpKind,
        secret: str | None = None,
        *,
        challenge: str | None = None,
        credential: dict[str, Any] | None = None,
    ) -> None:
        """Shows a factor once more, for what raised StepUpNeeded; good for some minutes. `secret`: the password or code."""
        shown = {"password" if kind == "password" else "code": secret, "challenge": challenge, "credential": credential}
        body = {"kind": kind, **{name: value for name, value in shown.items() if value is not None}}
        await self._http.call("POST", "/v1/me/step-up", type(None), body)

    async def forget_devices(self, device: str | None = None) -> int:
        """This device of the user, or all, must show a second factor again; how many they were."""
        path = "/v1/me/remembered-devices" if device is None else path_of("me", "remembered-devices", device)
        return (await self._http.call("DELETE", path, _Forgotten)).forgotten

    async def add_provider(self, handoff: str) -> str:
        """The account at a provider signs in as well from now on. Raises: StepUpNeeded."""
        return (await self._http.call("POST", "/v1/me/identifiers/external", _Identifier, {"handoff": handoff})).identifier

    # ---- profile, settings, privacy

    async def profile(self) -> Profile:
        return await self._http.call("GET", "/v1/me/profile", Profile)

    async def change_profile(
        self,
        *,
        display_name: str | None = None,
        about: str | None = None,
        fields: dict[str, str] | None = None,
        avatar: Literal[""] | None = None,
        version: int | None = None,
    ) -> Profile:
        """Only what is given changes; an empty `avatar` takes the picture away.

        `version`: of the profile that was read, so that nobody's change is lost.
        """
        change = {"display_name": display_name, "about": about, "fields": fields, "avatar": avatar, "version": version}
        body = {name: value for name, value in change.items() if value is not None}
        return await self._http.call("PATCH", "/v1/me/profile", Profile, body)

    async def set_avatar(self, picture: bytes, media_type: str) -> None:
        """PNG, JPEG or WebP of at most 64 KiB."""
        await self._http.response("PUT", "/v1/me/avatar", {"content": picture, "headers": {"content-type": media_type}})

    async def settings(self) -> Settings:
        return await self._http.call("GET", "/v1/me/settings", Settings)

    async def set_settings(self, settings: Settings) -> Settings:
        return await self._http.call("PUT", "/v1/me/settings", Settings, settings)

    async def privacy(self) -> Privacy:
        return await self._http.call("GET", "/v1/me/privacy", Privacy)

    async def set_privacy(self, privacy: Privacy) -> Privacy:
        return await self._http.call("PUT", "/v1/me/privacy", Privacy, privacy)

    # ---- others

    async def person(self, user: str) -> Person:
        return await self._http.call("GET", path_of("users", user), Person)

    async def search(self, q: str) -> AsyncIterator[PersonPage]:
        """Pages of people whose name begins so, and who want to be found."""
        async for page in self._http.pages("/v1/users/search", PersonPage, {"q": q}):
            yield page

    async def avatar(self, user: str) -> bytes:
        return (await self._http.response("GET", path_of("users", user, "avatar"), {})).content
