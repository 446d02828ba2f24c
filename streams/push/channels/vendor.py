"""The push channel that all phone makers are: their dialects (huawei, honor, xiaomi, oppo, vivo, meizu) write and read, this sends.

They share: one POST a push with JSON or a signed form; an answer that says by a code in its JSON what came of it, whatever its status;
most an access token that is asked for with id and secret and ends after hours.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from streams.push.alert import Alert
from streams.push.channels.access import Access, Grant
from streams.push.channels.answers import Table, expired
from streams.push.channels.http import Answer, PushHttp, fields_of
from streams.push.channels.port import BadCredentials, Outcome, Refused, Traits
from streams.push.channels.wording import compact
from streams.push.config import Common, Secret, Section, is_safe

TOKEN = re.compile(r"[A-Za-z0-9_.:=+/~-]{8,512}")
LIFE = re.compile(r"[0-9]{1,9}")
LIFE_S = 3_600  # of an access token that does not say how long it lives
VENDOR_ID_CHARS_LIMIT = 128
JSON_HEADERS = {"content-type": "application/json; charset=UTF-8"}
FORM_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
UNSUPPORTED = Refused("give_up", 0, "unsupported_kind")
EXPIRED = Refused("give_up", 0, "expired")
TOO_LARGE = Refused("give_up", 0, "too_large")


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that is not signed yet. `fields`: of the JSON or of the form."""

    url: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    url: str
    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the fields of an answer say. `code`: looked up in the error table."""

    code: str
    vendor_id: str = ""
    detail: str = ""


class Dialect(Protocol):
    """How one maker speaks. Everything here is a function of its arguments; nothing raises."""

    name: str
    stale: frozenset[str]  # codes that say: this access token ended

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused: ...

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        """`key`: the access token; the secret itself where the maker has none."""
        ...

    def read(self, fields: Mapping[str, Any], token: str) -> Heard: ...


class Grants(Protocol):
    """How one maker is asked for an access token."""

    def ask(self, secret: str, now_ms: int) -> Post: ...

    def granted(self, fields: Mapping[str, Any], now_ms: int) -> Grant | Heard: ...


class VendorForm(Common, frozen=True, kw_only=True):
    """Of a maker that gives access tokens. `auth_url`: another address for them; empty: the maker's."""

    auth_url: str = ""


class VendorChannel:
    """One app at one phone maker; see `PushChannel`."""

    def __init__(
        self, section: Section, form: Common, secret: Secret, traits: Traits, dialect: Dialect, grants: Grants | None = None
    ) -> None:
        self.name = dialect.name
        self.traits = form.traits(traits)
        self.table: Table = section.table(form)
        self.form, self.secret, self.dialect, self.grants = form, secret, dialect, grants
        self.access = Access(self._ask)
        self.key = ""
        self.http: PushHttp | None = None

    async def start(self) -> None:
        self.key = self.secret.read()
        if not is_header_text(self.key):
            raise BadCredentials(f"{self.secret.place}: no secret of {self.name}: letters, digits and signs of ASCII are")
        # A request gives up a little before the send that made it, so the one for an access token ends before those who wait for it.
        if self.http is None:  # else it is started anew after it was off, and sends may be on their way
            timeout_ms, proxy = self.form.timeout_ms * 9 // 10, self.form.proxy
            self.http = PushHttp(timeout_ms=timeout_ms, in_flight_limit=self.traits.in_flight_limit, proxy=proxy)

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome:
        if late := expired(alert, now_ms):
            return late
        if why := self.check_token(token):
            return Refused("remove_token", 0, "bad_token", detail=why)
        draft = self.dialect.write(token, alert, now_ms)
        if isinstance(draft, Refused):
            return draft
        try:
            async with asyncio.timeout(self.form.timeout_ms / 1000):  # over all: the access token, the push, and both once more
                return await self._deliver(draft, token, now_ms)
        except TimeoutError:
            return Refused("retry", 0, "timeout")

    async def _deliver(self, draft: Draft, token: str, now_ms: int) -> Outcome:
        key = await self._key(now_ms)
        if isinstance(key, Refused):
            return key
        outcome = await self._post(self.dialect.sign(draft, key, now_ms), token, now_ms)
        if not self._is_stale(outcome) or not self.access.renew(key, now_ms):
            return outcome
        key = await self._key(now_ms)
        return key if isinstance(key, Refused) else await self._post(self.dialect.sign(draft, key, now_ms), token, now_ms)

    async def _key(self, now_ms: int) -> str | Refused:
        return self.key if self.grants is None else await self.access.token(now_ms)

    def _is_stale(self, outcome: Outcome) -> bool:
        """401 too: what stands between us and the maker's application may say it without a code."""
        return self.grants is not None and isinstance(outcome, Refused) and (outcome.status == 401 or outcome.code in self.dialect.stale)

    async def _post(self, post: Post, token: str, now_ms: int) -> Outcome:
        found = await self._fields(post, now_ms)
        if isinstance(found, Refused):
            return found
        answer, fields = found
        heard, after_ms = self.dialect.read(fields, token), answer.retry_after_ms(now_ms)
        if not heard.code and answer.status < 400:
            return Refused("retry", answer.status, "no_code", after_ms)  # JSON, but not the maker's
        return self.table.outcome(answer.status, heard.code, heard.vendor_id[:VENDOR_ID_CHARS_LIMIT], after_ms, heard.detail)

    async def _ask(self, now_ms: int) -> Grant | Refused:
        assert self.grants is not None
        found = await self._fields(self.grants.ask(self.key, now_ms), now_ms)
        if isinstance(found, Refused):
            return blameless(found)
        answer, fields = found
        granted = self.grants.granted(fields, now_ms)
        if isinstance(granted, Grant) and answer.status < 300:
            return granted if is_header_text(granted.token) else Refused("retry", answer.status, "bad_access_token")
        heard = granted if isinstance(granted, Heard) else Heard("")
        return blameless(self.table.refused(answer.status, heard.code, answer.retry_after_ms(now_ms), heard.detail))

    async def _fields(self, post: Post, now_ms: int) -> tuple[Answer, Mapping[str, Any]] | Refused:
        if self.http is None:
            return Refused("retry", 0, "not_started")
        answer = await self.http.post(post.url, post.content, post.headers)
        if isinstance(answer, Refused):
            return answer
        fields = fields_of(answer, self.table, now_ms)
        return fields if isinstance(fields, Refused) else (answer, fields)

    def check_token(self, token: str) -> str | None:
        return None if TOKEN.fullmatch(token) else f"no token of {self.name}: 8 to 512 letters, digits and _.:=+/~-"

    async def close(self) -> None:
        await self.access.close()
        if self.http is not None:
            await self.http.close()


def blameless(refused: Refused) -> Refused:
    """Of a request for an access token: whoever gets none has wrong credentials; no push and no token of a device is to blame."""
    if refused.verdict in ("retry", "misconfigured"):
        return refused
    return Refused("misconfigured", refused.status, refused.code, detail=refused.detail)


def is_header_text(text: str) -> bool:
    """Whether it can stand in a header: no control characters, nothing but ASCII."""
    return text.isascii() and text.isprintable()


def base_url(section: Section, own: str, named: str, field: str = "url") -> str:
    """The maker's address, or the one that the section names instead, without a slash at its end. Raises: BadPushConfig."""
    if named and not is_safe(named):
        raise section.bad(f"`{field}` must be https (or http on loopback): {named}")
    return (named or own).rstrip("/")


def json_post(draft: Draft, **headers: str) -> Post:
    return Post(draft.url, compact(draft.fields).encode("utf-8", "replace"), {**JSON_HEADERS, **headers})


def form_post(url: str, fields: Mapping[str, str], **headers: str) -> Post:
    return Post(url, urlencode(fields, errors="replace").encode(), {**FORM_HEADERS, **headers})


def word(fields: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that is a text or a number, as text; "" if none is."""
    for name in names:
        found = fields.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool):
            return str(found)
    return ""


def part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object in this field; empty if there is none."""
    found = fields.get(name)
    return found if isinstance(found, dict) else {}


def listed(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts of the list in this field."""
    found = fields.get(name)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


class ClientCredentials:
    """OAuth 2.0 with id and secret (Huawei, Honor). Source: RFC 6749, 4.4."""

    def __init__(self, url: str, client_id: str) -> None:
        self.url, self.client_id = url, client_id

    def ask(self, secret: str, now_ms: int) -> Post:
        return form_post(self.url, {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": secret})

    def granted(self, fields: Mapping[str, Any], now_ms: int) -> Grant | Heard:
        token = word(fields, "access_token")
        if not token:
            return Heard(word(fields, "error", "code"), detail=word(fields, "error_description", "msg", "message"))
        life_s = word(fields, "expires_in")
        return Grant(token, now_ms + 1000 * (int(life_s) if LIFE.fullmatch(life_s) else LIFE_S))
