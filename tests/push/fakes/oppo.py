"""An OPPO Push that checks what the real one says it checks."""

import hashlib

from tests.push.fakes.base import Reply, Request, json_reply
from tests.push.fakes.makers import FakeMaker, Push, near, needs, object_of, text_of

KEY = "oppo-app-key"
TTL_LIMIT_S = 10 * 86_400


class FakeOppo(FakeMaker):
    auth_path = "/server/v1/auth"
    content_type = "application/x-www-form-urlencoded"

    def authorize(self, request: Request) -> Reply:
        form = request.form
        needs(form.get("app_key") == KEY, 14, "app_key")
        near(form.get("timestamp"), self.now_ms(), 19)
        proof = hashlib.sha256((KEY + form["timestamp"] + self.secret).encode()).hexdigest()
        needs(form.get("sign") == proof, 16, "sign")
        return json_reply(200, {"code": 0, "message": "Success", "data": {"auth_token": self.grant(), "create_time": self.now_ms()}})

    def understand(self, request: Request) -> Push | Reply:
        needs(request.path == "/server/v1/message/notification/unicast", 20, "no such address")
        form = request.form
        needs(bool(form.get("auth_token")), 29, "no auth_token")
        if not self.holds(form["auth_token"]):
            return self.refused(11, "Invalid AuthToken")
        message = object_of(form.get("message"), 41, "message")
        needs(message.get("target_type") == 2, 41, "target_type")
        needs(isinstance(message.get("target_value"), str) and ";" not in message["target_value"], 10000, "target_value")
        found = message.get("notification", {})
        needs(found.get("style") in (1, 2), 41, "style")
        title, body = text_of(found, "title", 50, 41), text_of(found, "content", {1: 50, 2: 128}[found["style"]], 41)
        text_of(found, "action_parameters", 4000, 41)
        object_of(found["action_parameters"], 41, "action_parameters")
        needs("notify_level" not in found or bool(found.get("category")), 67, "notify_level without category")
        needs(found.get("click_action_type") in (0, 4), 41, "click_action_type")
        life_s = found.get("off_line_ttl", 0)
        needs(isinstance(life_s, int) and 0 <= life_s <= TTL_LIMIT_S and found.get("off_line") is (life_s > 0), 41, "off_line_ttl")
        until_ms = self.now_ms() + life_s * 1000 if life_s else 0
        key = found.get("app_message_id", "")
        needs(0 < len(key) <= 64, 41, "app_message_id")
        return Push(message["target_value"], key, "shown", title, body, until_ms, str(found.get("notify_id")), message)

    def accepted(self, push: Push) -> Reply:
        return json_reply(200, {"code": 0, "message": "Success", "data": {"messageId": f"app-1-1-{len(self.pushes):06}"}})

    def refused(self, code: str | int, what: str) -> Reply:
        return json_reply(200, {"code": code, "message": what})

    def dead_reply(self, token: str) -> Reply:
        return self.refused(10000, "Invalid Registration_id")

    def busy_reply(self) -> Reply:
        return self.refused(13, "App Call Limited")
