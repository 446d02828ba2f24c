"""Apple's push service: alerts and background pushes (`apns`), and rings by VoIP (`apns_voip`), over a few connections of HTTP/2.

Never a VoIP push for anything but a ring: an app that does not show a call for one is no longer woken by any. A call that ended is taken
back through `apns`. Which client of HTTP/2, and why: docs/decisions/0025.
"""

import asyncio
import re
import ssl
from dataclasses import replace
from typing import Annotated

from msgspec import Meta

from streams.push.alert import Alert
from streams.push.channels.answers import expired
from streams.push.channels.apns_request import fields_of, payload_within
from streams.push.channels.apns_token import ProviderToken, read_key
from streams.push.channels.http import Answer, no_fields
from streams.push.channels.http import fields_of as json_of
from streams.push.channels.port import Accepted, BadCredentials, Outcome, Refused, Traits
from streams.push.config import Common, Section
from streams.push.http2.client import Http2Client, Http2Limits, NoAnswer
from streams.push.http2.connection import Answered
from streams.push.http2.opening import Target, client_tls

PRODUCTION, SANDBOX = "https://api.push.apple.com", "https://api.sandbox.push.apple.com"
# 1,000 at once is what one connection usually may; where it is fewer, the rest waits here.
TRAITS = Traits(4_096, withdraws=True, badges=True, in_flight_limit=1_000)
VOIP_TRAITS = Traits(5_120, rings=True, in_flight_limit=1_000)
TOKEN = re.compile(r"(?:[0-9A-Fa-f]{2}){16,100}")  # 32 bytes today; Apple asks to assume no length
TEN = r"^[A-Z0-9]{10}$"


class ApnsForm(Common, frozen=True, kw_only=True):
    """`key`: the .p8 file, or env:NAME. `topic`: the app's bundle id, without .voip. `sandbox`: for apps that Xcode installed.

    `token_min`: how long one provider token is used. `ca_file`: PEM of authorities to trust beside the public ones.
    """

    key: str
    key_id: Annotated[str, Meta(pattern=TEN)]
    team_id: Annotated[str, Meta(pattern=TEN)]
    topic: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,128}$")]
    sandbox: bool = False
    token_min: Annotated[int, Meta(ge=20, le=55)] = 40
    connections: Annotated[int, Meta(ge=1, le=20)] = 2
    ca_file: str = ""


def from_section(section: Section) -> "ApnsChannel":
    form = section.read(ApnsForm)
    if form.url and not form.url.startswith("https://"):
        raise section.bad(f"`url` must be https, because HTTP/2 is agreed upon by TLS: {form.url}")
    if form.topic.endswith(".voip"):
        raise section.bad("`topic` is the app's bundle id; .voip is added to it where it is needed")
    return ApnsChannel(section, form)


class ApnsChannel:
    """One app of one team, in one of APNs' environments."""

    def __init__(self, section: Section, form: ApnsForm) -> None:
        self.name, self.form = section.channel, form
        self.voip = section.channel == "apns_voip"
        self.traits = form.traits(VOIP_TRAITS if self.voip else TRAITS)
        self.table = section.table(form)
        self.target = Target.of(form.url or (SANDBOX if form.sandbox else PRODUCTION), form.proxy)
        self.key = section.secret(form.key)
        self.ca_file = str(section.file.parent / form.ca_file) if form.ca_file else ""
        self.client: Http2Client | None = None
        self.token: ProviderToken | None = None
        self.proven = False  # a push was accepted, so it is the right environment and topic

    async def start(self) -> None:
        self.token = ProviderToken(read_key(self.key.read()), self.form.key_id, self.form.team_id, self.form.token_min * 60)
        try:
            tls = client_tls(self.ca_file)
        except (OSError, ssl.SSLError) as failed:
            raise BadCredentials(f"{self.ca_file}: {failed}") from None
        if self.client is None:
            self.client = Http2Client(self.target, tls, Http2Limits(connections=self.form.connections))
        else:  # started anew after it was off: APNs wants new connections for a new key
            self.client.renew(tls)

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()

    def check_token(self, token: str) -> str | None:
        return None if TOKEN.fullmatch(token) else "not an even number of 32 to 200 hexadecimal digits"

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome:
        if self.client is None or self.token is None:
            return Refused("retry", 0, "not_started")
        if (refused := self._refusal(token, alert, now_ms)) is not None:
            return refused
        payload = payload_within(alert, self.traits.payload_bytes_limit, self.voip)
        if payload is None:
            return Refused("give_up", 0, "too_large")
        loop = asyncio.get_running_loop()
        # A request that waits for room must not leave after the deadline.
        until_s = loop.time() + min(self.form.timeout_ms, alert.deadline_ms - now_ms) / 1000
        provider_token: str | None = self.token.current(now_ms // 1000)
        outcome: Outcome = Refused("retry", 0, "timeout")
        for _ in range(2):  # again where the provider token had expired
            assert provider_token is not None
            fields = fields_of(self.target.authority, self.form.topic, token, alert, provider_token, now_ms, self.voip)
            outcome = self._outcome(await self.client.request(fields, payload, until_s - loop.time()), now_ms)
            if isinstance(outcome, Accepted) or outcome.code != "ExpiredProviderToken":
                break
            if (provider_token := self.token.renewed(provider_token, now_ms // 1000)) is None:
                break
        return outcome

    def _refusal(self, token: str, alert: Alert, now_ms: int) -> Refused | None:
        """Why nothing is sent at all."""
        if late := expired(alert, now_ms):
            return late
        if (why := self.check_token(token)) is not None:
            return Refused("remove_token", 0, "bad_token", detail=why)
        if self.voip and alert.kind != "ring":
            return Refused("give_up", 0, "unsupported_kind", detail="a VoIP push can only ring")
        return None

    def _outcome(self, end: Answered | NoAnswer, now_ms: int) -> Outcome:
        if isinstance(end, NoAnswer):
            return Refused("retry", 0, end.code, detail=end.detail)
        answer = Answer(end.status, end.headers, end.body)
        if end.status == 200 and not end.body:
            self.proven = True
            return Accepted(200, end.headers.get("apns-id", "")[:64])
        if end.status == 200:
            return no_fields(answer, self.table, now_ms)
        fields = json_of(answer, self.table, now_ms)
        if isinstance(fields, Refused):
            return fields
        reason, since_ms = fields.get("reason"), fields.get("timestamp")
        code = reason if isinstance(reason, str) else ""
        dead_since_ms = since_ms if end.status == 410 and type(since_ms) is int else None
        refused = self.table.refused(end.status, code, answer.retry_after_ms(now_ms), dead_since_ms=dead_since_ms)
        if refused.verdict == "remove_token" and end.status == 400 and not self.proven:
            # APNs says the same of every token where `sandbox` or `topic` is wrong, and all would be lost.
            return replace(refused, verdict="give_up", detail="kept: nothing was accepted yet, look at `sandbox` and `topic`")
        return refused
