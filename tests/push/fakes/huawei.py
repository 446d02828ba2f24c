"""A Huawei Push Kit (v1) that checks what the real one says it checks."""

import json
from typing import Any

from tests.push.fakes.base import Reply, Request, json_reply
from tests.push.fakes.makers import FakeMaker, Push, client_credentials, needs, object_of, seconds, text_of

APP = "104000001"
BODY_BYTES_LIMIT = 4_096


class FakeHuawei(FakeMaker):
    auth_path = "/oauth2/v3/token"
    grant_s = 3600

    def authorize(self, request: Request) -> Reply:
        return client_credentials(self, request, APP, self.grant_s)

    def understand(self, request: Request) -> Push | Reply:
        needs(request.path in (f"/v1/{APP}/messages:send", f"/v1/{APP}/messages:revoke"), 404, "no such address")
        scheme, _, access = request.headers.get("authorization", "").partition(" ")
        needs(scheme == "Bearer", "80200001", "no access token")
        if not self.holds(access):
            return self.refused("80200003", "access token expired")
        body = object_of(request.body, "80100003", "the body")
        return revoked(request, body) if request.path.endswith(":revoke") else self._sent(body)

    def _sent(self, body: dict[str, object]) -> Push:
        message = body.get("message")
        needs(isinstance(message, dict), "80100003", "no message")
        assert isinstance(message, dict)
        tokens = message.get("token")
        needs(isinstance(tokens, list) and len(tokens) == 1, "80300010", "number of tokens")
        assert isinstance(tokens, list)
        bare = json.dumps({**body, "message": {**message, "token": []}}, ensure_ascii=False, separators=(",", ":"))
        needs(len(bare.encode()) <= BODY_BYTES_LIMIT, "80300008", f"{len(bare.encode())} bytes")
        android: dict[str, Any] = message.get("android", {})
        life_s = seconds(android.get("ttl"), "80100004")
        needs(0 < len(android.get("bi_tag", "")) <= 64, "80100003", "bi_tag")
        until_ms = self.now_ms() + life_s * 1000
        notification = android.get("notification")
        if notification is None:
            needs(bool(message.get("data")), "80100003", "neither data nor notification")
            return Push(tokens[0], android["bi_tag"], "silent", until_ms=until_ms, fields=body)
        title, text = text_of(notification, "title", 4096, "80100003"), text_of(notification, "body", 4096, "80100003")
        needs(notification.get("click_action", {}).get("type") in (1, 3), "80100003", "click_action")
        badge = notification.get("badge")
        needs(badge is None or (0 <= badge["set_num"] < 100 and bool(badge["class"])), "80100003", "badge")
        notify = notification.get("notify_id")
        needs(isinstance(notify, int) and 0 < notify < 2**31, "80100003", "notify_id")
        return Push(tokens[0], android["bi_tag"], "shown", title, text, until_ms, str(notify), body)

    def accepted(self, push: Push) -> Reply:
        return json_reply(200, {"code": "80000000", "msg": "Success", "requestId": f"15{len(self.pushes):016}"})

    def refused(self, code: str | int, what: str) -> Reply:
        status = 401 if str(code).startswith("802") else 404 if code == 404 else 400
        return json_reply(status, {"code": str(code), "msg": what, "requestId": "1690"})

    def dead_reply(self, token: str) -> Reply:
        return json_reply(200, {"code": "80300007", "msg": "All the tokens are invalid", "requestId": "1690"})

    def busy_reply(self) -> Reply:
        return Reply(503, b"", (("retry-after", str(self.retry_after_s)),))


def revoked(request: Request, body: dict[str, object]) -> Push:
    needs(request.headers.get("push-type") == "0", "80100003", "push-type")
    tokens, notify = body.get("token"), body.get("notifyId")
    needs(isinstance(tokens, list) and len(tokens) == 1, "80300010", "number of tokens")
    needs(isinstance(notify, int), "80100003", "notifyId")
    assert isinstance(tokens, list)
    return Push(tokens[0], "", "withdraw", notify=str(notify), fields=body)
