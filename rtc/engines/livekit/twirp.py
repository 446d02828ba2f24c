"""LiveKit's RoomService: one request, one answer. Called by `engine`.

Source: the Twirp wire protocol (POST /twirp/package.Service/Method, errors as JSON with `code` and `msg`).
"""

import time
from typing import Any, TypeVar

import httpx
import msgspec

from rtc.engines.livekit.messages import Nothing, Participants, RoomInfo, Rooms, TwirpFailure, read
from rtc.engines.livekit.tokens import Signer, service_token
from rtc.engines.port import EngineUnavailable
from schemas.errors import WarblerError

SERVICE = "livekit.RoomService"
T = TypeVar("T")


class TwirpRefused(WarblerError):
    """`code`: Twirp's, such as not_found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"livekit {code}: {message}")
        self.code = code


class RoomService:
    """Raises, from every call: EngineUnavailable, TwirpRefused. Blocks: at most the client's own time limit."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer) -> None:
        self._client = client
        self._signer = signer

    async def create_room(self, name: str, empty_s: int, participants_limit: int) -> RoomInfo:
        """Repeatable: a room that is there stays as it is."""
        limits = {"empty_timeout": empty_s, "departure_timeout": empty_s, "max_participants": participants_limit}
        return await self._ask("CreateRoom", {"name": name, **limits}, "", RoomInfo)

    async def rooms(self, *names: str) -> tuple[RoomInfo, ...]:
        return (await self._ask("ListRooms", {"names": names}, "", Rooms)).rooms

    async def delete_room(self, name: str) -> None:
        await self._ask("DeleteRoom", {"room": name}, name, Nothing)

    async def participants(self, name: str) -> Participants:
        return await self._ask("ListParticipants", {"room": name}, name, Participants)

    async def remove(self, name: str, identity: str) -> None:
        await self._ask("RemoveParticipant", {"room": name, "identity": identity}, name, Nothing)

    async def mute(self, name: str, identity: str, track_sid: str, muted: bool) -> None:
        await self._ask("MutePublishedTrack", {"room": name, "identity": identity, "track_sid": track_sid, "muted": muted}, name, Nothing)

    async def _ask(self, method: str, body: dict[str, Any], room: str, answer: type[T]) -> T:
        headers = {
            "Authorization": f"Bearer {service_token(self._signer, room, int(time.time()))}",
            "Content-Type": "application/json",
        }
        try:
            response = await self._client.post(f"/twirp/{SERVICE}/{method}", content=msgspec.json.encode(body), headers=headers)
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"livekit is not reached: {error!r}") from error
        return _read(response, answer)


def _read(response: httpx.Response, answer: type[T]) -> T:
    try:
        if response.status_code == 200:
            return read(response.content, answer)
        failure = read(response.content, TwirpFailure)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EngineUnavailable(f"livekit answered {response.status_code} with no JSON of its own") from error
    if response.status_code >= 500 or failure.code in ("unauthenticated", "permission_denied", "resource_exhausted"):
        raise EngineUnavailable(f"livekit {failure.code}: {failure.msg}")
    raise TwirpRefused(failure.code, failure.msg)
