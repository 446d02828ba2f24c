"""A LiveKit for tests: its RoomService over Twirp with its checks of tokens, and its webhooks, sent in any order and how often one likes.

True to the protocol's public files (livekit_room, livekit_models, livekit_webhook; Twirp's wire protocol): which grant a method needs, the
JSON in the API's spelling and in the webhooks', errors as `code` and `msg`, webhooks signed over their body's hash. It carries no media:
`join` and `publish_track` stand for what a device does with its ticket.
"""

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

STATUS = {"bad_route": 404, "malformed": 400, "not_found": 404, "unauthenticated": 401, "failed_precondition": 412, "invalid_argument": 400}
GRANT = {"CreateRoom": "roomCreate", "ListRooms": "roomList", "DeleteRoom": "roomCreate"}
Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: str, msg: str) -> None:
        super().__init__(msg)
        self.answer = JSONResponse({"code": code, "msg": msg}, STATUS[code])


@dataclass
class Room:
    sid: str
    name: str
    participants: dict[str, Json] = field(default_factory=dict)  # by identity

    def info(self) -> Json:
        return {
            "sid": self.sid,
            "name": self.name,
            "empty_timeout": 300,
            "creation_time": "1700000000",
            "num_participants": len(self.participants),
        }


class LiveKitServer:
    """`webhooks`: what it has to tell, in the order in which it happened; a test sends them as it likes."""

    def __init__(self, key: str, secret: str, remote_unmute: bool = True) -> None:
        self.key, self.secret, self.remote_unmute = key, secret, remote_unmute
        self.rooms: dict[str, Room] = {}
        self.webhooks: list[Json] = []
        self.asked: list[str] = []
        self._numbers = itertools.count(1)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = 0

    # ---- the process

    async def start(self) -> None:
        app = Starlette(routes=[Route("/twirp/livekit.RoomService/{method}", self._twirp, methods=["GET", "POST"])])
        self._server = _Quiet(uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="warning", lifespan="off"))
        self._serving = asyncio.ensure_future(self._server.serve())
        while not self._server.started:  # uvicorn has no event for it  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # ---- what it is asked

    async def _twirp(self, request: Request) -> Response:
        method = request.path_params["method"]
        try:
            grants = self._grants(request.headers.get("authorization", ""))
            if request.method != "POST" or request.headers.get("content-type") != "application/json":
                raise Refused("bad_route", "unexpected method or Content-Type")
            body = self._body(await request.body())
            self._check(method, grants, body.get("room", ""))
            self.asked.append(method)
            return JSONResponse(self._answer(method, body))
        except PermissionError as wrong:
            return PlainTextResponse(str(wrong), 401)  # before Twirp: no JSON
        except Refused as refused:
            return refused.answer

    def _grants(self, header: str) -> Json:
        if not header.startswith("Bearer "):
            raise PermissionError("invalid authorization header. Must start with Bearer")
        return dict(self.claims(header.removeprefix("Bearer "))["video"])

    def claims(self, token: str) -> Json:
        try:
            claims = jwt.decode(token, OctKey.import_key(self.secret), algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            raise PermissionError("invalid authorization token") from error
        if claims.get("iss") != self.key or not claims["nbf"] <= time.time() < claims["exp"]:
            raise PermissionError("invalid authorization token")
        return claims

    def _body(self, raw: bytes) -> Json:
        try:
            return dict(json.loads(raw))
        except ValueError:
            raise Refused("malformed", "the json request could not be decoded") from None

    def _check(self, method: str, grants: Json, room: str) -> None:
        needed = GRANT.get(method, "roomAdmin")
        if not grants.get(needed) or (needed == "roomAdmin" and grants.get("room") != room):
            raise Refused("unauthenticated", "permissions denied")

    def _answer(self, method: str, body: Json) -> Json:
        match method:
            case "CreateRoom":
                return self._room(body["name"]).info()
            case "ListRooms":
                return {"rooms": [room.info() for name, room in self.rooms.items() if not body.get("names") or name in body["names"]]}
            case "DeleteRoom":
                self._delete(body["room"])
                return {}
            case "ListParticipants":
                found = self.rooms.get(body["room"])
                return {"participants": list(found.participants.values()) if found is not None else []}
            case "RemoveParticipant":
                self.leave(self._participant(body))
                return {}
            case "MutePublishedTrack":
                return {"track": self._mute(self._participant(body), body)}
            case _:
                raise Refused("bad_route", f"no handler for path {method}")

    def _room(self, name: str) -> Room:
        if name not in self.rooms:
            self.rooms[name] = Room(f"RM_{next(self._numbers)}", name)
            self._happened("room_started", name)
        return self.rooms[name]

    def _delete(self, name: str) -> None:
        if name not in self.rooms:
            raise Refused("not_found", "requested room does not exist")
        for participant in list(self.rooms[name].participants.values()):
            self.leave(participant)
        self._happened("room_finished", name)
        del self.rooms[name]

    def _participant(self, body: Json) -> Json:
        room = self.rooms.get(body["room"])
        if room is None or body["identity"] not in room.participants:
            raise Refused("not_found", "participant does not exist")
        return room.participants[body["identity"]]

    def _mute(self, participant: Json, body: Json) -> Json:
        for track in participant["tracks"]:
            if track["sid"] == body["track_sid"]:
                if not body.get("muted") and not self.remote_unmute:
                    raise Refused("failed_precondition", "remote unmute not enabled")
                track["muted"] = bool(body.get("muted"))
                return dict(track)
        raise Refused("not_found", "track does not exist")

    # ---- what a device does with its ticket

    def join(self, token: str) -> Json:
        """Raises: PermissionError, as its WebSocket's upgrade would answer 401."""
        claims = self.claims(token)
        if not claims["video"].get("roomJoin"):
            raise PermissionError("no permission to join")
        room = self._room(claims["video"]["room"])
        if claims["sub"] in room.participants:
            self.leave(room.participants[claims["sub"]])  # an identity is there once
        participant = {
            "sid": f"PA_{next(self._numbers)}",
            "identity": claims["sub"],
            "state": "ACTIVE",
            "joined_at": str(int(time.time())),
            "tracks": [],
            "room": room.name,
        }
        room.participants[claims["sub"]] = participant
        self._happened("participant_joined", room.name, participant)
        return participant

    def publish_track(self, participant: Json, source: str) -> Json:
        kind = "AUDIO" if source in ("MICROPHONE", "SCREEN_SHARE_AUDIO") else "VIDEO"
        track = {"sid": f"TR_{next(self._numbers)}", "type": kind, "source": source, "muted": False, "mime_type": "audio/opus"}
        participant["tracks"].append(track)
        self._happened("track_published", participant["room"], participant, track)
        return track

    def leave(self, participant: Json, event: str = "participant_left") -> None:
        del self.rooms[participant["room"]].participants[participant["identity"]]
        self._happened(event, participant["room"], {**participant, "state": "DISCONNECTED"})

    def _happened(self, event: str, room: str, participant: Json | None = None, track: Json | None = None) -> None:
        said: Json = {
            "event": event,
            "id": f"EV_{next(self._numbers)}",
            "created_at": str(int(time.time())),
            "room": self.rooms[room].info(),
        }
        if participant is not None:
            said["participant"] = {name: value for name, value in participant.items() if name != "room"}
        if track is not None:
            said["track"] = track
        self.webhooks.append(json.loads(json.dumps(camel(said))))

    # ---- its webhooks

    def signed(self, body: bytes, key: str = "", secret: str = "", ttl_s: int = 300) -> str:
        claims = {
            "iss": key or self.key,
            "nbf": int(time.time()) - 5,
            "exp": int(time.time()) + ttl_s,
            "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret or self.secret))

    async def send(self, port: int, *webhooks: Json) -> list[int]:
        """The statuses with which each was answered."""
        async with httpx.AsyncClient() as client:
            statuses = []
            for webhook in webhooks:
                body = json.dumps(webhook).encode()
                headers = {"Authorization": self.signed(body), "Content-Type": "application/webhook+json"}
                statuses.append((await client.post(f"http://127.0.0.1:{port}/webhook", content=body, headers=headers)).status_code)
            return statuses


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The test's process keeps its own."""
        yield


def camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel_name(name): camel(each) for name, each in value.items()}
    return [camel(each) for each in value] if isinstance(value, list) else value


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
