"""Identity providers that say what a test wants: OpenID Connect, and OAuth 2 as WeChat and QQ speak it. On loopback, in a thread."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "warbler", "a secret of the client"
CODE = "the-code"


class Idp:
    """`claims`, `header`, `key`, `token`, `metadata`: what a test makes hostile; `asked`: (path, parameters) of every request."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.key = self.published = ECKey.generate_key("P-256", {"kid": "k1"}, auto_kid=False)
        self.nonce = ""
        self.claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.header: dict[str, Any] = {"alg": "ES256", "kid": "k1"}
        self.sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(self.header, claims, self.key)
        self.metadata: dict[str, Any] = {}
        self.bodies: dict[str, tuple[int, str]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []

    def id_token(self) -> str:
        now_s = int(time.time())
        claims = {"iss": self.address, "sub": "s-1", "aud": CLIENT, "nonce": self.nonce, "iat": now_s, "exp": now_s + 60}
        return self.sign(self.claims(claims))

    def answer(self, path: str, params: dict[str, str]) -> tuple[int, str]:
        if path in self.bodies:
            return self.bodies[path]
        if path == "/.well-known/openid-configuration":
            urls = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/jwks", "userinfo_endpoint": "/me"}
            about = {"issuer": self.address, **{name: self.address + where for name, where in urls.items()}, **self.metadata}
            return 200, json.dumps(about)
        if path == "/jwks":
            return 200, json.dumps({"keys": [self.published.as_dict(private=False)]})
        if path == "/token":
            return 200, json.dumps({"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": self.id_token()})
        if path == "/me":
            return 200, json.dumps({"sub": "s-1", "name": "Ana"})
        return self._dialects(path, params)

    def _dialects(self, path: str, params: dict[str, str]) -> tuple[int, str]:
        if path == "/sns/oauth2/access_token":
            if (params.get("appid"), params.get("secret"), params.get("code")) != (CLIENT, SECRET, CODE):
                return 200, json.dumps({"errcode": 40029, "errmsg": "invalid code"})
            token = {"access_token": "wx-at", "expires_in": 7200, "openid": "o-1", "scope": "snsapi_login", "unionid": "un-1"}
            return 200, json.dumps(token)
        if path == "/sns/userinfo":
            good = (params.get("access_token"), params.get("openid")) == ("wx-at", "o-1")
            told = {"openid": "o-1", "nickname": "安娜", "unionid": "un-1"} if good else {"errcode": 40003, "errmsg": "invalid openid"}
            return 200, json.dumps(told)
        if path == "/oauth2.0/token":
            if (params.get("client_id"), params.get("client_secret"), params.get("code")) != (CLIENT, SECRET, CODE):
                return 200, 'callback( {"error":100016,"error_description":"access token check failed"} );'
            return 200, "access_token=qq-at&expires_in=7776000&refresh_token=rt"
        if path == "/oauth2.0/me":
            return 200, f'callback( {{"client_id":"{CLIENT}","openid":"QQ-{params.get("access_token")}"}} );\n'
        if path == "/user/get_user_info":
            good = params.get("oauth_consumer_key") == CLIENT and params.get("openid") == "QQ-qq-at"
            return 200, json.dumps({"ret": 0, "msg": "", "nickname": "阿宝"} if good else {"ret": 100030, "msg": "no"})
        return 404, "not found"


@contextlib.contextmanager
def serving() -> Iterator[Idp]:
    found: list[Idp] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            self._answer(dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())))

        def _answer(self, params: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            found[0].asked.append((path, params))
            found[0].headers.append(dict(self.headers))
            status, body = found[0].answer(path, params)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.append(Idp(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
