"""A call's media at this device, and a bot that plays a file into calls and records what it gets. Needs the extra `media` (aiortc).

Works through an engine (embedded, janus) and between two without one; livekit is spoken to by its own clients.
"""

try:
    from warbler.media_call import MediaCall
    from warbler.media_file import Player, Recorder, Recording
    from warbler.media_peer import use_addresses
except ImportError as error:
    raise ImportError("warbler.media needs aiortc: pip install 'warbler[media]'") from error

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warbler import call_frames as cf
from warbler.call_values import CallKind, CallMedia
from warbler.calls import AskedEngine, OfCall
from warbler.client import Client

__all__ = ["Bot", "MediaCall", "Player", "Recorder", "Recording", "Talked", "use_addresses"]

LEAVE_WITHIN_S = 10.0  # from hanging up until the log says so


@dataclass(frozen=True, slots=True)
class Talked:
    """A call that the bot was in. `recordings`: one for every stream that came."""

    call: str
    over: cf.CallOver
    recordings: tuple[Recording, ...]


class Bot:
    """Plays `play` over and over into each call it is in, and records everybody else's streams into `record`.

    `play` None: silence. `record` None: frames are counted, nothing is written. `encoded`: the file is sent as it is (VP8, H.264, Opus).
    Raises, from every call: CallRefused; MediaBroken when the engine does not take what the bot sends.
    """

    def __init__(self, client: Client, *, play: str | Path | None = None, record: str | Path | None = None, encoded: bool = False) -> None:
        self.client = client
        self._play, self._record, self._encoded = play, record, encoded

    async def call(
        self,
        conversation: str,
        callees: Sequence[str] = (),
        *,
        call_kind: CallKind = "one_to_one",
        media: CallMedia = "video",
        engine: AskedEngine = "",
        seconds: float | None = None,
    ) -> Talked:
        """Calls, talks for `seconds` from the first frame on (None: until somebody ends it), and hangs up."""
        placed = await self.client.calls.request(conversation, callees, call_kind=call_kind, media=media, engine=engine)
        return await self.talk(placed, seconds)

    async def answer(self, ring: OfCall | None = None, *, seconds: float | None = None) -> Talked:
        """Answers this ring, or the next one."""
        calls = self.client.calls
        ring = ring or await calls.next_ring()
        await calls.ringing(ring)
        await calls.accept(ring)
        return await self.talk(ring, seconds)

    async def join(self, call: OfCall, *, seconds: float | None = None) -> Talked:
        """Joins a group's call that is going on."""
        await self.client.calls.join(call)
        return await self.talk(call, seconds)

    async def talk(self, call: OfCall, seconds: float | None = None) -> Talked:
        """In a call that this device has asked for, answered or joined."""
        began = asyncio.Event()
        recorder = Recorder(self._record, lambda recording: began.set())
        player = None if self._play is None else Player(self._play, encoded=self._encoded)
        try:
            async with MediaCall(self.client, call, player, recorder) as media:
                over = await self._until_over(media, began, seconds)
        finally:
            if player is not None:
                player.close()
        return Talked(call.call, over, tuple(recorder.recordings))

    async def _until_over(self, media: MediaCall, began: asyncio.Event, seconds: float | None) -> cf.CallOver:
        if seconds is None:
            return await media.over
        talking = asyncio.create_task(_talk_for(began, seconds))
        try:
            either: list[asyncio.Future[Any]] = [talking, media.over]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not media.over.done():
                await self.client.calls.hang_up(media, quality=await media.quality())
            async with asyncio.timeout(LEAVE_WITHIN_S):
                return await media.over
        finally:
            talking.cancel()


async def _talk_for(began: asyncio.Event, seconds: float) -> None:
    await began.wait()
    await asyncio.sleep(seconds)
