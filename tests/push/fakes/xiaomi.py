"""A Xiaomi Push that checks what the real one says it checks."""

from tests.push.fakes.base import Reply, Request, json_reply
from tests.push.fakes.makers import FakeMaker, Push, needs, object_of, text_of

PACKAGE = "com.example.chat"
TTL_LIMIT_MS = 10 * 86_400_000


class FakeXiaomi(FakeMaker):
    content_type = "application/x-www-form-urlencoded"

    def understand(self, request: Request) -> Push | Reply:
        needs(request.path in ("/v3/message/regid", "/v3/message/regid/revoke"), 10012, "no such address")
        needs(request.headers.get("authorization") == f"key={self.secret}", 21301, "the secret")
        form = request.form
        needs(form.get("restricted_package_name") == PACKAGE, 22022, "restricted_package_name")
        notify = form.get("notify_id", "")
        needs(notify.isdigit() and int(notify) < 2**31, 10017, "notify_id")
        if request.path.endswith("/revoke"):
            needs(bool(form.get("registration_ids")), 10016, "registration_ids")
            return Push(form["registration_ids"], "", "withdraw", notify=notify, fields=form)
        needs(bool(form.get("registration_id")), 10016, "registration_id")
        life = form.get("time_to_live", "")
        needs(life.isdigit() and 0 < int(life) <= TTL_LIMIT_MS, 10017, "time_to_live")
        needs(form.get("extra.jobkey", "").isalnum() and len(form["extra.jobkey"]) <= 20, 10017, "jobkey")
        needs(len(form.get("payload", "").encode()) <= 4_096, 65009, "payload")
        send_key = object_of(form.get("payload"), 10017, "payload")["key"]
        until_ms = self.now_ms() + int(life)
        needs(form.get("pass_through") in ("0", "1"), 10017, "pass_through")
        if form["pass_through"] == "1":
            return Push(form["registration_id"], send_key, "silent", until_ms=until_ms, fields=form)
        title, body = text_of(form, "title", 49, 65009), text_of(form, "description", 127, 65009)
        return Push(form["registration_id"], send_key, "shown", title, body, until_ms, notify, form)

    def accepted(self, push: Push) -> Reply:
        fields = {"result": "ok", "trace_id": "Xcm", "code": 0, "data": {"id": f"scm{len(self.pushes):06}"}, "description": "成功"}
        return json_reply(200, {**fields, "info": "Received push messages for 1 REGID"})

    def refused(self, code: str | int, what: str) -> Reply:
        return json_reply(401 if code == 21301 else 200, failed(code, what))

    def dead_reply(self, token: str) -> Reply:
        return json_reply(200, failed(20301, "No valid targets!"))

    def busy_reply(self) -> Reply:
        return json_reply(200, failed(10027, "too many calls"))


def failed(code: str | int, reason: str) -> dict[str, object]:
    return {"result": "error", "reason": reason, "trace_id": "Xcm", "code": code, "description": "发送消息失败"}
