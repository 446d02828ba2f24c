"""A device that uses the Python SDK as an application does, and records what it is handed. Comes back on the other edge."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from warbler import (
    Ack,
    Client,
    ClientError,
    Closed,
    Connected,
    Disconnected,
    Rejected,
    Skipped,
    TimelineEvent,
    Unreadable,
)
from warbler.frames import CommandFrames

from tests.faults.history import DeviceName, Sight
from tests.faults.items import digest_of_item
from tests.faults.marks import sdk_mark, sdk_receipt
from tests.faults.recorder import Recorder

CONNECT_WITHIN_S = 600.0  # the client keeps trying by itself
PAUSE_S = 0.5


class SdkDevice:
    """`ports`: of the edges' proxies; `at`: the index of the one it uses. A client that ends is replaced, as by a restarted application."""

    def __init__(self, name: DeviceName, token: str, ports: Sequence[int], at: int, recorder: Recorder) -> None:
        self.name, self._token, self._ports, self._at = name, token, ports, at
        self._recorder = recorder
        self._client: Client | None = None
        self._allowed = asyncio.Event()
        self._positions: dict[str, int] = {}
        self._epoch: str | None = None
        self._followed: set[str] = set()
        self._heads: dict[str, tuple[int, int]] = {}
        self._unanswered: dict[str, CommandFrames] = {}

    # ---- what the workload asks

    def submit(self, frame: CommandFrames, conversation: str) -> None:
        self._recorder.invoked(self.name, conversation, frame)
        self._unanswered[frame.id] = frame
        if self._client is not None:
            self._hand_over(self._client, frame)

    def mark_all(self) -> None:
        if self._client is None or not self._client.live:
            return
        for conversation, next_seq in self._client.positions().items():
            if next_seq > 1 and conversation in self._heads:
                self._client.mark(sdk_mark(conversation, next_seq - 1))
                self._recorder.told(conversation, self.name.user, next_seq - 1)

    @property
    def waiting(self) -> int:
        return len(self._unanswered)

    @property
    def live(self) -> bool:
        return self._client is not None and self._client.live

    @property
    def settled(self) -> bool:
        """Connected, everything handed over, and nothing that it holds back or knows itself to lack."""
        client = self._client
        if client is None or not client.live or client.waiting:
            return False
        return not any(track.behind or track.ahead for track in client._core.timelines.tracks.values())

    def head_of(self, conversation: str) -> tuple[int, int]:
        """Seq and ordinal of the last event that it was handed."""
        return self._heads.get(conversation, (0, 0))

    def tell_where_it_stands(self) -> None:
        """Into the journal: what the client believes of every conversation."""
        if self._client is not None:
            core = self._client._core
            self._recorder.note(self.name, f"asked {core._asked}, wanting {core.timelines.wanting}")
            for conversation, track in core.timelines.tracks.items():
                ahead = f"{len(track.ahead)} ahead, behind {track.behind}, retry at {track.retry_at_ms}"
                self._recorder.note(self.name, f"{conversation}: next {track.next_seq}, asked {track.asked!r} at {track.asked_ms}, {ahead}")

    async def go_away(self) -> None:
        self._allowed.clear()
        if self._client is not None:
            await self._close(self._client)

    async def come_back(self, at: int) -> None:
        self._at = at
        self._allowed.set()

    # ---- life

    async def run(self) -> None:
        """Until cancelled."""
        self._allowed.set()
        try:
            while True:
                await self._allowed.wait()
                try:
                    await self._session()
                except ClientError as error:
                    self._recorder.count(f"client ended: {type(error).__name__}")
                await asyncio.sleep(PAUSE_S)
        finally:
            if self._client is not None:
                await self._close(self._client)

    async def _session(self) -> None:
        """One client, from its start to its end. Raises: ClientError when it ended by itself."""
        client = Client(
            [f"http://127.0.0.1:{port}" for port in (*self._ports[self._at :], *self._ports[: self._at])],
            token=self._token,
            device=self.name.device,
            positions=self._positions,
            epoch=self._epoch,
            paced=False,
            connect_within_s=CONNECT_WITHIN_S,
        )
        self._client = client
        entering = asyncio.create_task(client.__aenter__())
        try:
            for frame in list(self._unanswered.values()):
                self._hand_over(client, frame)
            async for happening in client.events():
                if self._client is not client:
                    break  # it was closed: its positions were taken, and what is still in its queue comes again
                self._take(client, happening)
        finally:
            entering.cancel()
            with contextlib.suppress(ClientError, asyncio.CancelledError):
                await entering
            await self._close(client)

    async def _close(self, client: Client) -> None:
        if self._client is client:
            self._client = None
            self._positions, self._epoch = client.positions(), client.epoch
            for conversation in self._followed - self._positions.keys():  # it said so, in what is dropped with its queue
                self._recorder.saw(self.name, conversation, Sight.START, 0)
            self._followed &= self._positions.keys()
            self._recorder.homes[self.name] = 0
        await client.close()

    def _hand_over(self, client: Client, frame: CommandFrames) -> None:
        client.submit(frame).add_done_callback(lambda done: self._answered(frame, done))

    def _answered(self, frame: CommandFrames, done: asyncio.Future[Ack]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._unanswered.pop(frame.id, None)
            self._recorder.acked(frame.id, done.result().seq)
        elif isinstance(error, Rejected):
            self._unanswered.pop(frame.id, None)
            self._recorder.refused(frame.id, error.code)
        elif not isinstance(error, Closed):
            self._recorder.count(f"command failed: {type(error).__name__}")  # the next client takes it

    # ---- what happens

    def _take(self, client: Client, happening: Any) -> None:
        record, name = self._recorder, self.name
        match happening:
            case TimelineEvent(conversation=conversation, event=event):
                self._followed.add(conversation)
                self._heads[conversation] = (event.seq, event.ordinal)
                record.saw(name, conversation, Sight.EVENT, event.seq, digest_of_item(event))
            case Skipped(conversation=conversation, seqs=seqs):
                for seq in seqs:
                    record.saw(name, conversation, Sight.MISSING, seq)
            case Unreadable(conversation=conversation):
                self._followed.discard(conversation)
                self._heads.pop(conversation, None)
                record.saw(name, conversation, Sight.START, 0)
                record.note(name, f"{conversation} is unreadable")
            case Connected(welcome=welcome):
                record.homes[name] = self._at + 1
                lacking = self._followed - {entry.conversation for entry in welcome.directory}
                record.note(
                    name, f"welcome of {welcome.node}, {len(welcome.directory)} conversations, not {', '.join(lacking) or 'one less'}"
                )
                if welcome.epoch_changed:
                    self._followed.clear()
                for entry in welcome.directory:
                    if entry.conversation not in self._followed:
                        self._followed.add(entry.conversation)
                        record.saw(name, entry.conversation, Sight.START, entry.head_seq + 1)
            case Disconnected(close_code=close_code):
                record.count(f"disconnected {close_code}")
                record.note(name, f"disconnected with {close_code}")
                record.homes[name] = 0
                self._at = (self._at + 1) % len(self._ports)
            case _:
                if (receipt := sdk_receipt(happening)) is not None:
                    record.delivered_seen(*receipt)
