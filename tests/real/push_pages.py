"""What the tests of pushes to pages share: a Warbler that is quick to push, a push service in a thread, people who write by REST."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from tests.push.fakes.webpush import FakeWebPush
from tests.real import running, talking

T = TypeVar("T")
# Absent at once, and told of it at once: else a test waits for what protects phones in tunnels.
QUICK = {
    "STREAMS_PRESENCE_SETTLE_MS": "500",
    "STREAMS_DELIVERY_TIMEOUT_MS": "1500",
    "STREAMS_NOTIFIER_FETCH_WAIT_MS": "100",
    "EDGE_PUSH_INSECURE_ENDPOINTS": "1",
}
HTTP_S = 30.0


class PushService:
    """The fake in a thread: browsers drive the test's own."""

    def __init__(self, fake: FakeWebPush, loop: asyncio.AbstractEventLoop) -> None:
        self.fake = fake
        self.loop = loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def push_service() -> Iterator[PushService]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    service = PushService(FakeWebPush(), loop)
    service.run(service.fake.__aenter__())
    try:
        yield service
    finally:
        service.run(service.fake.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def quick_warbler(cassandra: str, data: Path) -> running.Running:
    """It sends to push services on this machine, which no installation should."""
    (data / "push.yaml").write_text(yaml.safe_dump({"webpush": {"hosts": ["127.0.0.1"]}}))
    return running.start_beside(cassandra, data, "--edges", "1", env=QUICK)


class Writer:
    """Somebody who writes without a page."""

    def __init__(self, warbler: running.Running) -> None:
        self.user = talking.registered(warbler)
        me = httpx.get(f"{warbler.page}/v1/me", headers={"Authorization": f"Bearer {self.user.token}"}, timeout=HTTP_S)
        self.name = str(me.json()["name"])
        self.http = httpx.Client(base_url=warbler.page, timeout=HTTP_S, headers={"Authorization": f"Bearer {self.user.token}"})

    def direct(self, other: str) -> str:
        body = {"conversation_kind": "direct", "title": "", "members": [{"user": other, "role": "member"}]}
        return str(self.done("POST", "/v1/conversations", body)["conversation"])

    def say(self, conversation: str, text: str) -> int:
        command = {"type": "send_message", "content": {"text": text}}
        return int(self.done("POST", f"/v1/conversations/{conversation}/commands", {"command": command})["seq"])

    def done(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}
