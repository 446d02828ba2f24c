"""What the fake phone makers share: access tokens that end, answers by inner code, what was shown, woken and taken back.

A maker's own file checks what that maker would check and speaks its codes.
"""

import json
import re
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.push.fakes.base import FakeVendor, Mood, Reply, Request, json_reply

CLOCK_WINDOW_MS = 10 * 60_000
SECRET = "s3cret-of-the-app"


@dataclass(frozen=True, slots=True)
class Push:
    """One request that was understood. `until_ms`: how long the maker may keep it; `shown` ones are seen by the user."""

    token: str
    send_key: str
    kind: Literal["shown", "silent", "withdraw"]
    title: str = ""
    body: str = ""
    until_ms: int = 0
    notify: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


class Wrong(Exception):
    """What the maker would refuse, with the code that it would answer."""

    def __init__(self, code: str | int, what: str) -> None:
        super().__init__(what)
        self.code = code


class FakeMaker(FakeVendor):
    """`grants`: until when each access token is good. `pushes`: everything accepted, in order. `withdrawn`: by token, the notify ids."""

    auth_path = ""
    grant_s = 24 * 3600
    content_type = "application/json"
    expired_code: str | int = ""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.secret = SECRET
        self.grants: dict[str, int] = {}
        self.grants_count = 0
        self.auth_replies: deque[Reply | Mood] = deque()
        self.replies: dict[str, deque[Reply]] = {}
        self.pushes: list[Push] = []
        self.woken: dict[str, list[str]] = defaultdict(list)
        self.withdrawn: dict[str, list[str]] = defaultdict(list)

    # -- what a maker's own file says

    def authorize(self, request: Request) -> Reply:
        """The answer to a request for an access token. Raises: Wrong."""
        raise NotImplementedError

    def understand(self, request: Request) -> Push | Reply:
        """Raises: Wrong. A Reply: refused without anybody's mistake (an access token that ended)."""
        raise NotImplementedError

    def accepted(self, push: Push) -> Reply:
        raise NotImplementedError

    def refused(self, code: str | int, what: str) -> Reply:
        raise NotImplementedError

    def dead_reply(self, token: str) -> Reply:
        raise NotImplementedError

    def busy_reply(self) -> Reply:
        raise NotImplementedError

    # -- what all do

    def say(self, token: str, replies: Iterable[Reply]) -> None:
        """The next answers to this token, word for word."""
        self.replies[token] = deque(replies)

    def end_grants(self) -> None:
        """All access tokens end now, whatever was said of their life."""
        self.grants.clear()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def grant(self) -> str:
        token = secrets.token_hex(16)
        self.grants[token] = self.now_ms() + self.grant_s * 1000
        self.grants_count += 1
        return token

    def holds(self, token: str) -> bool:
        return self.grants.get(token, 0) > self.now_ms()

    async def receive(self, request: Request) -> Reply | Mood:
        try:
            return self._receive(request)
        except Wrong as wrong:
            self.violation(f"{request.path}: {wrong}")
            return self.refused(wrong.code, str(wrong))

    def _receive(self, request: Request) -> Reply | Mood:
        if request.path == self.auth_path:
            return self.auth_replies.popleft() if self.auth_replies else self.authorize(request)
        needs(request.method == "POST", 12, "not a POST")
        needs(request.headers.get("content-type", "").startswith(self.content_type), 12, f"content-type is not {self.content_type}")
        push = self.understand(request)
        return push if isinstance(push, Reply) else self._take(push)

    def _take(self, push: Push) -> Reply | Mood:
        if self.replies.get(push.token):
            return self.replies[push.token].popleft()
        match mood := self.mood(push.token):
            case "ok" | "lost":
                self._note(push)
                return self.accepted(push) if mood == "ok" else mood
            case "dead":
                return self.dead_reply(push.token)
            case "busy":
                return self.busy_reply()
            case "error":
                return Reply(500, b"Internal server error", (("content-type", "text/plain"),))
            case _:
                return mood

    def _note(self, push: Push) -> None:
        self.pushes.append(push)
        match push.kind:
            case "shown":
                needs(push.until_ms == 0 or push.until_ms > self.now_ms(), 41, "kept past its end")
                self.shown[push.token].append(push.send_key)
            case "silent":
                self.woken[push.token].append(push.send_key)
            case "withdraw":
                self.withdrawn[push.token].append(push.notify)


def needs(holds: bool, code: str | int, what: str) -> None:
    if not holds:
        raise Wrong(code, what)


def text_of(fields: Mapping[str, Any], name: str, limit: int, code: str | int) -> str:
    """A text that must be there, must not be blank and must not be longer, in UTF-16 units. Raises: Wrong."""
    found = fields.get(name)
    needs(isinstance(found, str) and bool(found.strip()), code, f"{name} is missing or blank")
    assert isinstance(found, str)
    needs(len(found.encode("utf-16-le")) // 2 <= limit, code, f"{name} is longer than {limit}")
    return found


def object_of(raw: object, code: str | int, what: str) -> dict[str, Any]:
    """The JSON object in a text. Raises: Wrong."""
    try:
        found = json.loads(raw if isinstance(raw, str | bytes) else "")
    except ValueError:
        found = None
    needs(isinstance(found, dict), code, f"{what} is no JSON object")
    assert isinstance(found, dict)
    return found


def seconds(life: object, code: str | int) -> int:
    """A time to live as Huawei and Honor write it, 60s, of 15 days at most. Raises: Wrong."""
    found = re.fullmatch(r"(\d+)s", str(life))
    life_s = int(found[1]) if found else 0
    needs(0 < life_s <= 15 * 86_400, code, "ttl")
    return life_s


def near(timestamp: object, now_ms: int, code: str | int) -> int:
    """A time in milliseconds that is near the maker's clock. Raises: Wrong."""
    text = str(timestamp)
    needs(text.isdigit() and len(text) == 13, code, "timestamp is no time in milliseconds")
    needs(abs(int(text) - now_ms) <= CLOCK_WINDOW_MS, code, "timestamp is too far from this clock")
    return int(text)


def client_credentials(maker: FakeMaker, request: Request, client_id: str, life_s: int) -> Reply:
    """OAuth 2.0 with id and secret."""
    needs(request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"), "invalid_request", "no form")
    form = request.form
    needs(form.get("grant_type") == "client_credentials", "unsupported_grant_type", "grant_type")
    if (form.get("client_id"), form.get("client_secret")) != (client_id, maker.secret):
        maker.violation("client id or secret")
        return json_reply(400, {"error": "invalid_client", "error_description": "invalid client or client secret"})
    return json_reply(200, {"access_token": maker.grant(), "expires_in": life_s, "token_type": "Bearer"})
