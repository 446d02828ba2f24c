"""A receiver of webhooks that can be down, slow and rude, and that checks what it gets with a library nobody here wrote."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook as Checker

Mood = Callable[["Hit"], int]


@dataclass(frozen=True)
class Hit:
    """One request whose signature was right. `status`: what was answered."""

    delivery: str
    headers: dict[str, str]
    body: dict[str, Any]
    status: int = 0

    @property
    def conversation(self) -> str:
        return str(self.body["data"]["value"]["conversation_id"])

    @property
    def seq(self) -> int:
        return int(self.body["data"]["value"]["seq"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that was killed leaves its requests; that is no fault of the receiver's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        content = self.rfile.read(length)
        if len(content) < length:  # who sent it was killed in the middle of it: that is no request
            self.close_connection = True
            return
        status, extra = self.server.receiver.on_post({name.lower(): value for name, value in self.headers.items()}, content)
        self.send_response(status)
        for name, value in {"content-length": "0", **extra}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Into no output."""


@dataclass
class Receiver:
    """`mood`: what is answered. `secret`: whsec_…; requests that it does not fit are `forged`."""

    secret: str = ""
    mood: Mood = lambda hit: 204
    extra: dict[str, str] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    port: int = 0
    _server: _Server | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Listens, at the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.receiver = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def on_post(self, headers: dict[str, str], content: bytes) -> tuple[int, dict[str, str]]:
        try:
            body = Checker(self.secret).verify(content, headers)
        except Exception as bad:  # noqa: BLE001  the library raises several kinds, and each is a forgery here
            self.forged.append(repr(bad))
            return 401, {}
        hit = Hit(headers["webhook-id"], headers, body if isinstance(body, dict) else json.loads(content))
        status = self.mood(hit)
        with self._lock:
            self.hits.append(Hit(hit.delivery, hit.headers, hit.body, status))
        return status, self.extra if status >= 400 else {}

    @property
    def taken(self) -> list[Hit]:
        """What was answered with success, in order."""
        with self._lock:
            return [each for each in self.hits if 200 <= each.status < 300]

    def seqs(self, conversation: str) -> list[int]:
        """Of one conversation, each event once, in the order in which they were first taken."""
        return list(dict.fromkeys(each.seq for each in self.taken if each.conversation == conversation))
