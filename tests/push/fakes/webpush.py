"""A push service as RFC 8030 has it, with what services check (8291, 8292), and the WebSocket by which Firefox subscribes to it.

A subscription is the fake's own (`subscribe`), whose pushes it decrypts and shows, or a browser's, to which it hands them sealed.
"""

import base64
import json
import re
import ssl
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.push.fakes.base import FakeVendor, Mood, Reply, Request, json_reply

BODY_BYTES_LIMIT = 4_096
VAPID = re.compile(r"vapid t=([A-Za-z0-9_.-]+), ?k=([A-Za-z0-9_-]+)")


@dataclass
class Subscriber:
    """`key` None: a browser's, which alone can read its pushes. `vapid`: the key it was subscribed with; empty: any."""

    endpoint: str
    token: str  # what `shown` and `script` know it by: the JSON of `subscribe`, or a browser's endpoint
    vapid: str = ""
    key: ec.EllipticCurvePrivateKey | None = None
    auth: bytes = b""
    agent: str = ""
    channel: str = ""


@dataclass
class Agent:
    """A browser. `waiting`: pushes while it was away, by topic where they have one; (until, message)."""

    socket: ServerConnection | None = None
    waiting: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)


class FakeWebPush(FakeVendor):
    """`received`: the decrypted payloads, in order. `headers`: of the newest push. `acked`: by a browser's service worker being told."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(port, tls)
        self.subscribers: dict[str, Subscriber] = {}
        self.agents: dict[str, Agent] = {}
        self.received: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.acked: list[str] = []
        self.refuses_over = BODY_BYTES_LIMIT
        self.bodies: deque[bytes] = deque(maxlen=100)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.sockets: Server = await serve(self._browser, "127.0.0.1", 0, subprotocols=[Subprotocol("push-notification")])
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.sockets.close()
        await self.sockets.wait_closed()
        await super().__aexit__(kind, error, trace)

    @property
    def socket_url(self) -> str:
        """For Firefox's preference dom.push.serverURL."""
        return f"ws://127.0.0.1:{next(iter(self.sockets.sockets)).getsockname()[1]}/"

    def subscribe(self, name: str = "", vapid: str = "") -> str:
        """A subscription of the fake's own, as the JSON that a browser gives its page; of one name always the same."""
        if name in self.subscribers:
            return self.subscribers[name].token
        name = name or uuid.uuid4().hex
        key, auth = ec.generate_private_key(ec.SECP256R1()), uuid.uuid4().bytes
        endpoint = f"{self.url}/wpush/v2/{name}"
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        token = json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": b64(point), "auth": b64(auth)}})
        self.subscribers[name] = Subscriber(endpoint, token, vapid, key, auth)
        return token

    async def receive(self, request: Request) -> Reply | Mood:
        name = request.path.removeprefix("/wpush/v2/")
        found = self.subscribers.get(name)
        if found is None or request.method != "POST":
            return json_reply(404, {"errno": 102, "message": "no such subscription"})
        self.headers = dict(request.headers)
        if len(request.body) > self.refuses_over:
            return json_reply(413, {"errno": 104})
        problem = self._problem(request, found)
        if problem is not None:
            self.violation(problem[1])
            return json_reply(problem[0], {"errno": 109 if problem[0] in (401, 403) else 111, "message": problem[1]})
        mood = self.mood(found.token)
        match mood:
            case "ok" | "lost":
                reply = await self._take(request, found)
                return mood if mood == "lost" and reply.status == 201 else reply
            case "busy":
                return json_reply(429, {"errno": 201}, ("retry-after", str(self.retry_after_s)))
            case "error":
                return json_reply(500, {"errno": 999})
            case "dead":
                return json_reply(410, {"errno": 106})
            case _:
                return mood

    def _problem(self, request: Request, subscriber: Subscriber) -> tuple[int, str] | None:
        headers = request.headers
        if not re.fullmatch(r"[0-9]{1,8}", headers.get("ttl", "")):
            return 400, f"TTL is needed: {headers.get('ttl')!r}"
        if headers.get("urgency", "normal") not in ("very-low", "low", "normal", "high"):
            return 400, f"no urgency: {headers['urgency']}"
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers.get("topic", "x")):
            return 400, f"no topic: {headers['topic']}"
        if headers.get("content-encoding") != "aes128gcm":
            return 400, f"encoding {headers.get('content-encoding')!r}"
        return self._vapid_problem(headers.get("authorization", ""), subscriber)

    def _vapid_problem(self, header: str, subscriber: Subscriber) -> tuple[int, str] | None:
        parts = VAPID.fullmatch(header)
        if parts is None:
            return 401, "no VAPID"
        try:
            point = base64.urlsafe_b64decode(parts[2] + "==")
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
            claims = jwt.decode(parts[1], key, algorithms=["ES256"]).claims
        except (ValueError, JoseError) as bad:
            return 401, f"VAPID: {bad}"
        if public is None or claims.get("aud") != self.url:
            return 401, f"VAPID is for {claims.get('aud')}"
        if not time.time() < claims.get("exp", 0) <= time.time() + 86_400:
            return 401, "VAPID is over, or valid for more than a day"
        if subscriber.vapid and subscriber.vapid != parts[2]:
            return 403, "subscribed with another key"
        return None

    async def _take(self, request: Request, subscriber: Subscriber) -> Reply:
        self.bodies.append(request.body)
        version = uuid.uuid4().hex
        if subscriber.key is not None:
            try:
                fields = json.loads(http_ece.decrypt(request.body, private_key=subscriber.key, auth_secret=subscriber.auth))
            except (ValueError, http_ece.ECEException) as bad:
                self.violation(f"cannot be decrypted: {bad}")
                return json_reply(201, {})
            self.received.append(fields)
            self.shown[subscriber.token].append(fields["key"])
        else:
            self.shown[subscriber.token].append(version)
            await self._hand_over(request, subscriber, version)
        return Reply(201, b"", (("location", f"{self.url}/m/{version}"), ("ttl", request.headers["ttl"])))

    # -- Firefox's side

    async def hand_over_again(self) -> str:
        """The newest push once more to the browser it was for; `acked` has its version when the service worker was told of it."""
        (subscriber,) = [each for each in self.subscribers.values() if each.key is None]
        version = uuid.uuid4().hex
        await self._hand_over(Request("POST", "", {"ttl": "60"}, self.bodies[-1]), subscriber, version)
        return version

    async def _hand_over(self, request: Request, subscriber: Subscriber, version: str) -> None:
        message = {
            "messageType": "notification",
            "channelID": subscriber.channel,
            "version": version,
            "data": b64(request.body),
            "headers": {"encoding": "aes128gcm"},
        }
        agent = self.agents[subscriber.agent]
        if agent.socket is None:
            place = f"{subscriber.channel} {request.headers.get('topic', version)}"
            agent.waiting[place] = (time.monotonic() + int(request.headers["ttl"]), message)
            return
        await agent.socket.send(json.dumps(message))

    async def _browser(self, socket: ServerConnection) -> None:
        name = ""
        try:
            async for text in socket:
                message = json.loads(text)
                kind = message.get("messageType", "ping")
                if kind == "hello":
                    name = await self._hello(socket, message)
                elif kind == "register":
                    await self._register(socket, name, message)
                elif kind == "unregister":
                    gone = [each for each, found in self.subscribers.items() if found.channel == message["channelID"]]
                    for each in gone:
                        del self.subscribers[each]
                    await socket.send(json.dumps({"messageType": "unregister", "channelID": message["channelID"], "status": 200}))
                elif kind == "ack":
                    self.acked += [update["version"] for update in message["updates"]]
                elif kind == "ping":
                    await socket.send("{}")
        except ConnectionClosed:
            pass
        finally:
            if name and self.agents[name].socket is socket:
                self.agents[name].socket = None

    async def _hello(self, socket: ServerConnection, message: dict[str, Any]) -> str:
        name: str = message.get("uaid") or uuid.uuid4().hex
        agent = self.agents.setdefault(name, Agent())
        agent.socket = socket
        await socket.send(json.dumps({"messageType": "hello", "uaid": name, "status": 200, "use_webpush": True, "broadcasts": {}}))
        waiting, agent.waiting = agent.waiting, {}
        for until, kept in waiting.values():
            if until > time.monotonic():
                await socket.send(json.dumps(kept))
        return name

    async def _register(self, socket: ServerConnection, agent: str, message: dict[str, Any]) -> None:
        name = uuid.uuid4().hex
        endpoint = f"{self.url}/wpush/v2/{name}"
        key = (message.get("key") or "").rstrip("=").replace("+", "-").replace("/", "_")
        self.subscribers[name] = Subscriber(endpoint, endpoint, key, agent=agent, channel=message["channelID"])
        answer = {"messageType": "register", "channelID": message["channelID"], "status": 200, "pushEndpoint": endpoint}
        await socket.send(json.dumps(answer))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
