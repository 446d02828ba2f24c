"""An Honor Push that checks what the real one says it checks. That the timestamp must be near is this fake's own guess."""

from tests.push.fakes.base import Reply, Request, json_reply
from tests.push.fakes.makers import FakeMaker, Push, client_credentials, near, needs, object_of, seconds, text_of

APP = "104436001"
CLIENT = "honor-client"
BODY_BYTES_LIMIT = 4_096 + 600  # with the token


class FakeHonor(FakeMaker):
    auth_path = "/auth/token"
    grant_s = 3600

    def authorize(self, request: Request) -> Reply:
        return client_credentials(self, request, CLIENT, self.grant_s)

    def understand(self, request: Request) -> Push | Reply:
        needs(request.path == f"/api/v1/{APP}/sendMessage", 404, "no such address")
        scheme, _, access = request.headers.get("authorization", "").partition(" ")
        needs(scheme == "Bearer", 401, "no access token")
        near(request.headers.get("timestamp"), self.now_ms(), 400)
        if not self.holds(access):
            return self.refused(401, "access token expired")
        needs(len(request.body) <= BODY_BYTES_LIMIT, "80300008", f"{len(request.body)} bytes")
        body = object_of(request.body, 400, "the body")
        tokens, android = body.get("token"), body.get("android", {})
        needs(isinstance(tokens, list) and len(tokens) == 1, 400, "number of tokens")
        assert isinstance(tokens, list)
        life_s = seconds(android.get("ttl"), 400)
        needs(0 < len(android.get("biTag", "")) <= 64, 400, "biTag")
        until_ms = self.now_ms() + life_s * 1000
        notification = android.get("notification")
        if notification is None:
            needs(bool(body.get("data")), 400, "neither data nor notification")
            return Push(tokens[0], android["biTag"], "silent", until_ms=until_ms, fields=body)
        title, text = text_of(notification, "title", 4096, 400), text_of(notification, "body", 4096, 400)
        needs(notification.get("clickAction", {}).get("type") in (1, 3), 400, "clickAction")
        needs(notification.get("importance") in ("LOW", "NORMAL"), 400, "importance")
        badge = notification.get("badge")
        needs(badge is None or (0 <= badge["setNum"] < 100 and bool(badge["badgeClass"])), 400, "badge")
        return Push(tokens[0], android["biTag"], "shown", title, text, until_ms, str(notification.get("notifyId")), body)

    def accepted(self, push: Push) -> Reply:
        return json_reply(200, {"code": 200, "message": "success", "data": {"sendResult": True, "requestId": f"h-{len(self.pushes)}"}})

    def refused(self, code: str | int, what: str) -> Reply:
        return json_reply(401 if code == 401 else 400, {"code": code, "message": what})

    def dead_reply(self, token: str) -> Reply:
        data = {"sendResult": False, "requestId": "h-0", "failTokens": [], "expireTokens": ["another-token", token]}
        return json_reply(200, {"code": 200, "message": "success", "data": data})

    def busy_reply(self) -> Reply:
        return Reply(429, b'{"code": 429, "message": "too fast"}', (("retry-after", str(self.retry_after_s)),))
