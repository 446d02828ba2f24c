"""A vendor of the plainest kind and its push channel, for tests of the outbox: it matters what comes when, not how it is said."""

import json
import time
from dataclasses import dataclass, field

from streams.push.alert import Alert
from streams.push.channels.http import PushHttp
from streams.push.channels.port import Accepted, BadCredentials, Outcome, Refused, Traits
from streams.push.config import Common, Section
from tests.push.fakes.base import FakeVendor, Mood, Reply, Request

KINDS = ("alert", "ring", "silent", "withdraw")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that reached the vendor. `late_ms`: by how much after its deadline."""

    token: str
    send_key: str
    kind: str
    late_ms: int


@dataclass
class PlainVendor(FakeVendor):
    seen: list[Seen] = field(default_factory=list)

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.seen = []

    async def receive(self, request: Request) -> Reply | Mood:
        fields = json.loads(request.body)
        token, send_key = fields["token"], fields["send_key"]
        self.seen.append(Seen(token, send_key, fields["kind"], time.time_ns() // 1_000_000 - fields["deadline_ms"]))
        mood = self.mood(token)
        if mood in ("ok", "lost") and fields["kind"] == "alert":
            self.shown[token].append(send_key)
        match mood:
            case "ok":
                return Reply(200, b"{}")
            case "busy":
                return Reply(429, b"{}", (("retry-after", str(self.retry_after_s)),))
            case "error":
                return Reply(500, b"{}")
            case "dead":
                return Reply(410, b"{}")
            case _:
                return mood


class Key(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str = ""


class PlainChannel:
    traits = Traits(payload_bytes_limit=4_096, withdraws=True, in_flight_limit=40)

    def __init__(self, section: Section) -> None:
        self.name = section.channel
        self._section, self._form = section, section.read(Key)
        self._http: PushHttp | None = None

    async def start(self) -> None:
        if self._form.key and not self._section.secret(self._form.key).read():
            raise BadCredentials(f"{self._form.key}: nothing there")
        self._http = PushHttp(timeout_ms=self._form.timeout_ms, in_flight_limit=self.traits.in_flight_limit)

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome:
        if alert.deadline_ms <= now_ms:
            return Refused("give_up", 0, "expired")
        assert self._http is not None
        fields = {"token": token, "send_key": alert.send_key, "kind": alert.kind, "deadline_ms": alert.deadline_ms, "body": alert.body}
        answer = await self._http.post(f"{self._form.url}/send", json.dumps(fields).encode(), {})
        if isinstance(answer, Refused):
            return answer
        match answer.status:
            case 200:
                return Accepted(200)
            case 410:
                return Refused("remove_token", 410, "gone")
            case status:
                return Refused("retry", status, "", answer.retry_after_ms(now_ms))

    def check_token(self, token: str) -> str | None:
        return None if token else "empty"

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()


def from_section(section: Section) -> PlainChannel:
    return PlainChannel(section)
