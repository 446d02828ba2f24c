"""A Meizu Push that checks what the real one says it checks."""

import hashlib

from tests.push.fakes.base import Reply, Request, json_reply
from tests.push.fakes.makers import FakeMaker, Push, needs, object_of, text_of

APP = "3315055"
SHOWN, SILENT = "/garcia/api/server/push/varnished/pushByPushId", "/garcia/api/server/push/unvarnished/pushByPushId"


class FakeMeizu(FakeMaker):
    content_type = "application/x-www-form-urlencoded"

    def understand(self, request: Request) -> Push | Reply:
        needs(request.path in (SHOWN, SILENT), "500", "no such address")
        form = request.form
        for name in ("appId", "pushIds", "messageJson", "sign"):
            needs(bool(form.get(name)), "110004", f"{name} is missing")
        text = "".join(f"{name}={form[name]}" for name in sorted(form) if name != "sign")
        needs(form["sign"] == hashlib.md5((text + self.secret).encode(), usedforsecurity=False).hexdigest(), "1006", "sign")
        needs(form["appId"] == APP, "110000", "appId")
        needs("," not in form["pushIds"], "1005", "number of pushIds")
        message = object_of(form["messageJson"], "1005", "messageJson")
        life = message.get("pushTimeInfo", {})
        hours = life.get("validTime", 0)
        needs(life.get("offLine") == (1 if hours else 0) and 0 <= hours <= 72, "1005", "pushTimeInfo")
        until_ms = self.now_ms() + hours * 3_600_000 if hours else 0
        if request.path == SILENT:
            send_key = object_of(text_of(message, "content", 2_000, "1005"), "1005", "content")["key"]
            return Push(form["pushIds"], send_key, "silent", until_ms=until_ms, fields=message)
        bar, notify = message.get("noticeBarInfo", {}), message.get("advanceInfo", {}).get("notifyKey", "")
        title, body = text_of(bar, "title", 32, "1005"), text_of(bar, "content", 100, "1005")
        needs(notify.isalnum() and len(notify) <= 8, "1005", "notifyKey")
        click = message.get("clickTypeInfo", {})
        needs(click.get("clickType") == 0 or (click.get("clickType") == 1 and bool(click.get("activity"))), "1005", "clickType")
        send_key = object_of(click.get("parameters", {}).get("warbler"), "1005", "parameters")["key"]
        return Push(form["pushIds"], send_key, "shown", title, body, until_ms, notify, message)

    def accepted(self, push: Push) -> Reply:
        return json_reply(200, {"code": "200", "message": "", "value": {}, "msgId": f"{len(self.pushes):032x}"})

    def refused(self, code: str | int, what: str) -> Reply:
        return json_reply(200, {"code": str(code), "message": what, "value": "", "redirect": ""})

    def dead_reply(self, token: str) -> Reply:
        value = {"110002": ["J0476035d625e6c64567f71487e040e7d017f0558675b"], "110003": ["another-push-id", token]}
        return json_reply(200, {"code": "200", "message": "", "value": value, "msgId": f"{len(self.pushes):032x}"})

    def busy_reply(self) -> Reply:
        return self.refused("110010", "too fast")
