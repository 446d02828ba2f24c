"""The other ends of signing in, real and local: a mail server, an SMS gateway, `oidc-provider` from npm. And a person's HTTP calls."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller

from ops.embedded.ports import next_free

IDP = Path(__file__).parent / "idp"
PATIENCE_S = 90.0
JSON = dict[str, Any]


class MailServer:
    """SMTP on loopback that keeps every mail. `refuse`: what it answers to a recipient instead of taking the mail, once each."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.refuse: list[str] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=next_free(18_925))
        self.port: int = self._controller.port

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuse:
            return self.refuse.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.rcpt_tos[0], mail))
        return "250 kept"

    @contextlib.contextmanager
    def running(self) -> Iterator[MailServer]:
        self._controller.start()
        try:
            yield self
        finally:
            self._controller.stop()

    def wait_for(self, to: str, count: int = 1) -> str:
        """The text of the newest mail to the address, once there are so many."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [body_of(mail) for address, mail in self.mails if address.casefold() == to.casefold()]
            return len(found) >= count

        wait(there)
        return found[-1]


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


class SmsGateway:
    """A gateway of its own dialect: JSON in, and 200 with a state in words. `states`: what it says next, each once."""

    def __init__(self) -> None:
        self.messages: list[JSON] = []
        self.states: list[tuple[int, str]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, state = gateway.states.pop(0) if gateway.states else (200, "queued")
                if (status, state) == (200, "queued") and self.headers["X-Api-Key"] == "k":
                    gateway.messages.append(asked)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps({"state": state}).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/messages"

    @contextlib.contextmanager
    def running(self) -> Iterator[SmsGateway]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def wait_for(self, to: str, count: int = 1) -> str:
        wait(lambda: len([message for message in self.messages if message["to"] == to]) >= count)
        return str([message for message in self.messages if message["to"] == to][-1]["code"])


def wait(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def settings_of(mail: MailServer, sms: SmsGateway) -> dict[str, str]:
    return {
        "EDGE_SMTP_HOST": "127.0.0.1",
        "EDGE_SMTP_PORT": str(mail.port),
        "EDGE_SMS_URL": sms.url,
        "EDGE_SMS_HEADERS": '{"Content-Type": "application/json", "X-Api-Key": "k"}',
        "EDGE_SMS_BODY": '{"to": $to, "text": $text, "code": $code}',
        "EDGE_SMS_SUCCESS": '"state": *"queued"',
    }


@contextlib.contextmanager
def identity_provider(callbacks: list[str], port: int = 0) -> Iterator[str]:
    """The address of a running oidc-provider, which takes any account name and knows our client."""
    if not (IDP / "node_modules" / "oidc-provider").is_dir():
        subprocess.run(
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], cwd=IDP, check=True, timeout=300
        )
    port = port or next_free(18_930)
    process = subprocess.Popen(["node", "idp.js", str(port), *callbacks], cwd=IDP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: process.poll() is not None or _answers(address))
        assert process.poll() is None, process.stdout.read().decode() if process.stdout else ""
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/.well-known/openid-configuration", timeout=2).is_success
    except httpx.HTTPError:
        return False


class Caller:
    """One person's client. `signed_in`: the last answer with tokens."""

    def __init__(self, http: httpx.Client, device: str = "") -> None:
        self.http, self.device = http, {"id": device or "d-" + secrets.token_hex(4), "name": "Test", "platform": "web"}
        self.signed_in: JSON = {}

    def post(self, path: str, authorization: str = "", **body: Any) -> httpx.Response:
        return self.call("POST", path, authorization, json=body)

    def call(self, method: str, path: str, authorization: str = "", **more: Any) -> httpx.Response:
        if not authorization and self.signed_in:
            authorization = f"Bearer {self.signed_in['access_token']}"
        headers = {"Authorization": authorization} if authorization else {}
        answer = self.http.request(method, f"/v1{path}", headers=headers, **more)
        if answer.status_code in (200, 201) and "access_token" in answer.text:
            self.signed_in = answer.json()
        return answer

    def register(self) -> JSON:
        answer = self.post("/register", name="t-" + secrets.token_hex(6), password="correct horse battery", device=self.device)
        assert answer.status_code == 201, answer.text
        return self.signed_in

    def log_in(self, **device: Any) -> httpx.Response:
        """As the same person, by the password."""
        return self.post("/login", name=self.signed_in["name"], password="correct horse battery", device={**self.device, **device})


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"code", "detail", "retryable"}, body
    return answer.status_code, body["code"]
