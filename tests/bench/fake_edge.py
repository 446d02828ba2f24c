"""An edge in memory on a real socket: answers hello, creates conversations, acks messages, delivers events, serves sync.

Small enough to be read at once; `every_nth_lost` makes it forget a command, `store_twice` makes it keep one twice, `pages_refused` counts
down the pages that it has not yet.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from edge import frames
from schemas.ids import direct_conversation_id

LIMITS = frames.Limits(65_536, 16_384, 1_000, 1_000, 500, 4, 10)


class FakeEdge:
    def __init__(self, delay_s: float = 0.0, every_nth_lost: int = 0, store_twice: bool = False) -> None:
        self.delay_s, self.every_nth_lost, self.store_twice = delay_s, every_nth_lost, store_twice
        self.members: dict[str, list[str]] = {}
        self.events: dict[str, list[frames.EventItem]] = defaultdict(list)
        self.sockets: dict[str, list[ServerConnection]] = defaultdict(list)
        self.commands = self.pages_refused = 0
        self.marks: list[tuple[str, frames.Mark]] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeEdge"]:
        async with serve(self._device, "127.0.0.1", 0, subprotocols=[frames.SUBPROTOCOL_JSON], compression=None) as server:  # type: ignore[list-item]
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield self

    async def _device(self, socket: ServerConnection) -> None:
        hello = frames.decode_json(_bytes(await socket.recv()))
        assert isinstance(hello, frames.Hello)
        user = hello.token
        self.sockets[user].append(socket)
        await _tell(socket, frames.Welcome("s", "n", user, "e", False, 0, 25_000, LIMITS, ()))
        for conversation, from_seq in hello.positions.items():
            await self._page(socket, frames.Sync("", conversation, from_seq))
        try:
            async for message in socket:
                await self._on_frame(socket, user, frames.decode_json(_bytes(message)))
        finally:
            self.sockets[user].remove(socket)

    async def _on_frame(self, socket: ServerConnection, user: str, frame: Any) -> None:
        if isinstance(frame, frames.Sync):
            await self._page(socket, frame)
        elif isinstance(frame, frames.Mark):
            self.marks.append((user, frame))
        elif isinstance(frame, frames.CreateConversation):
            others = [member.user for member in frame.members]
            direct = frame.conversation_kind == "direct"
            conversation = direct_conversation_id(user, others[0]) if direct else "g-" + frame.id.replace("-", "")
            self.members[conversation] = [user, *others]
            await self._accept(socket, user, frame.id, conversation, "conversation_created")
        elif isinstance(frame, frames.SendMessage):
            self.commands += 1
            if self.every_nth_lost and self.commands % self.every_nth_lost == 0:
                return
            await asyncio.sleep(self.delay_s)
            await self._accept(socket, user, frame.id, frame.conversation, "message_sent")

    async def _accept(self, socket: ServerConnection, user: str, command_id: str, conversation: str, kind: frames.EventKind) -> None:
        known = next((item for item in self.events[conversation] if item.id == command_id), None)
        if known is None or self.store_twice:
            seq = len(self.events[conversation]) + 1
            known = frames.EventItem(kind=kind, seq=seq, ordinal=seq, at_ms=1, user=user, device="d", id=command_id)
            self.events[conversation].append(known)
            for member in self.members[conversation]:
                for other in self.sockets[member]:
                    if other is not socket:
                        await _tell(other, frames.Events(conversation, (known,)))
        await _tell(socket, frames.Ack(command_id, conversation, known.seq, known.ordinal, 1))

    async def _page(self, socket: ServerConnection, sync: frames.Sync) -> None:
        if self.pages_refused:
            self.pages_refused -= 1
            await _tell(socket, frames.Failure(sync.request, "unavailable", "behind", True, 10, sync.conversation))
            return
        events = self.events[sync.conversation]
        taken = tuple(events[sync.from_seq - 1 :][: LIMITS.sync_events])
        next_seq = sync.from_seq + len(taken)
        await _tell(socket, frames.Page(sync.request, sync.conversation, taken, next_seq, next_seq <= len(events)))


async def _tell(socket: ServerConnection, frame: Any) -> None:
    with contextlib.suppress(ConnectionClosed):  # of a device that has just gone
        await socket.send(msgspec.json.encode(frame).decode())


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message
