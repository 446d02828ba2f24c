"""A vivo Push that checks what the real one says it checks."""

import hashlib

from tests.push.fakes.base import Reply, Request, json_reply
from tests.push.fakes.makers import FakeMaker, Push, Wrong, near, needs, object_of

APP, KEY = 10004, "25509283-3767-4b9e-83fe-b6e55ac6243e"


class FakeVivo(FakeMaker):
    auth_path = "/message/auth"

    def authorize(self, request: Request) -> Reply:
        body = object_of(request.body, 10200, "the body")
        needs(body.get("appId") == APP, 10203, "appId")
        needs(body.get("appKey") == KEY, 10201, "appKey")
        needs(isinstance(body.get("timestamp"), int), 10205, "timestamp is no number")
        near(body["timestamp"], self.now_ms(), 10205)
        proof = hashlib.md5(f"{APP}{KEY}{body['timestamp']}{self.secret}".encode(), usedforsecurity=False).hexdigest()
        needs(body.get("sign") == proof, 10250, "sign")
        return json_reply(200, {"result": 0, "desc": "请求成功", "authToken": self.grant()})

    def understand(self, request: Request) -> Push | Reply:
        needs(request.path == "/message/send", 404, "no such address")
        if not self.holds(request.headers.get("authtoken", "")):
            return self.refused(10000, "权限认证失败")
        body = object_of(request.body, 10050, "the body")
        needs(body.get("appId") == APP, 10094, "appId")
        for name, kind in (("regId", str), ("notifyType", int), ("skipType", int), ("requestId", str), ("timeToLive", int)):
            needs(isinstance(body.get(name), kind), 10050, f"{name} is missing")
        needs(0 < len(body["requestId"]) <= 64, 10303, "requestId")
        needs(60 <= body["timeToLive"] <= 7 * 86_400, 10060, "timeToLive")
        needs(body["skipType"] == 1 or bool(body.get("skipContent")), 10060, "skipContent")
        needs(isinstance(body.get("notifyId"), int), 10060, "notifyId")
        custom = body.get("clientCustomMap", {})
        needs(len(custom) <= 10 and sum(len(name) + len(value) for name, value in custom.items()) <= 1_024, 10060, "clientCustomMap")
        title, content = wide_text(body, "title", 40, 10056), wide_text(body, "content", 100, 10058)
        until_ms = self.now_ms() + body["timeToLive"] * 1000
        return Push(body["regId"], body["requestId"], "shown", title, content, until_ms, str(body["notifyId"]), body)

    def accepted(self, push: Push) -> Reply:
        return json_reply(200, {"result": 0, "desc": "请求成功", "taskId": f"{len(self.pushes):09}"})

    def refused(self, code: str | int, what: str) -> Reply:
        return json_reply(200, {"result": code, "desc": what})

    def dead_reply(self, token: str) -> Reply:
        return self.refused(10302, "regId不合法")

    def busy_reply(self) -> Reply:
        return self.refused(10070, "发送总量超出限制")


def wide_text(body: dict[str, object], name: str, limit: int, code: int) -> str:
    """A Chinese character is as wide as two of ASCII; an emoji is taken as the same."""
    found = body.get(name)
    if not isinstance(found, str) or not found.strip():
        raise Wrong(code, f"{name} is missing or blank")
    needs(sum(1 if char < "\x80" else 2 for char in found) <= limit, code, f"{name} is wider than {limit}")
    return found
