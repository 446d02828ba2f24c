"""Devices that always come back: reconnect with back-off, and send again, with the same id, what was not answered."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any

from bench.device import Device, DeviceLost, clock_s, open_device
from bench.fleet import Edge, User, hello_of
from bench.frames import Ack, Codec, FromEdge, Reject
from bench.ledger import Place
from edge import frames

BACKOFF_FIRST_S, BACKOFF_LIMIT_S = 0.1, 1.0
RESEND_AFTER_S = 5.0


class Account:
    """What all devices of one run were promised. `acked_at_s`: when acks came, for the longest pause between two."""

    def __init__(self) -> None:
        self.acked: dict[str, Place] = {}
        self.acked_at_s: list[float] = []
        self.contradicted: set[str] = set()  # acked again with another seq
        self.resent: set[str] = set()
        self.refused: dict[str, int] = {}
        self.repeats_answered: set[str] = set()
        self.reconnects = self.pages_refused = 0

    def on_ack(self, ack: Ack, at_s: float) -> None:
        place = Place(ack.conversation, ack.seq)
        before = self.acked.setdefault(ack.id, place)
        if before is place:
            self.acked_at_s.append(at_s)
        else:
            self.repeats_answered.add(ack.id)
        if before != place:
            self.contradicted.add(ack.id)

    @property
    def longest_pause_s(self) -> float:
        return max((later - earlier for earlier, later in zip(self.acked_at_s, self.acked_at_s[1:], strict=False)), default=0.0)


class Persistent:
    """One user's device. A `bench.device.Listener`."""

    def __init__(self, edges: Sequence[Edge], codec: Codec, user: User, account: Account) -> None:
        self.edges, self.codec, self.user, self.account = edges, codec, user, account
        self._turn = 0
        self.device: Device | None = None
        self.waiting: dict[str, tuple[frames.SendMessage, float]] = {}  # not answered: the command, when it was last sent
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    async def start(self, first_edge: int = 0) -> None:
        self._turn = first_edge
        self.device = await self._open()
        self._spawn_resending()

    def hello(self) -> frames.Hello:
        return hello_of(self.user)

    async def _open(self) -> Device:
        """On the edge whose turn it is: after a loss that is the next one."""
        return await open_device(self.edges[self._turn % len(self.edges)].address, self.codec, self.hello(), self)

    async def end(self) -> None:
        self._ended = True
        for task in self._tasks:
            task.cancel()
        if self.device is not None:
            self.device.close()

    def send(self, command: frames.SendMessage) -> None:
        self.waiting[command.id] = (command, clock_s())
        if self.device is not None:
            self.device.send(command)

    def send_again(self, command: frames.SendMessage) -> None:
        """A retry of a command that was answered already: the answer must be the same."""
        self.account.resent.add(command.id)
        self.send(command)

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if isinstance(frame, Ack):
            self.waiting.pop(frame.id, None)
            self.account.on_ack(frame, at_s)
        elif isinstance(frame, Reject):
            self.account.refused[frame.code] = self.account.refused.get(frame.code, 0) + 1
            if frame.retryable and frame.id in self.waiting:
                asyncio.get_running_loop().call_later(max(0.05, frame.retry_after_ms / 1000), self._resend, frame.id)
            else:
                self.waiting.pop(frame.id, None)

    def on_lost(self, device: Device) -> None:
        if device is self.device and not self._ended:
            self.device = None
            self._spawn(self._come_back())

    async def _come_back(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while True:
            await asyncio.sleep(pause_s * (0.5 + random.random() / 2))
            pause_s = min(BACKOFF_LIMIT_S, pause_s * 2)
            self._turn += 1
            try:
                self.device = await self._open()
                break
            except (OSError, DeviceLost, TimeoutError):
                continue
        self.account.reconnects += 1
        for command_id in list(self.waiting):
            self._resend(command_id)

    def _resend(self, command_id: str) -> None:
        waiting = self.waiting.get(command_id)
        if waiting is None or self.device is None:
            return
        self.waiting[command_id] = (waiting[0], clock_s())
        self.account.resent.add(command_id)
        self.device.send(waiting[0])

    def _spawn_resending(self) -> None:
        async def resend() -> None:
            while True:
                await asyncio.sleep(RESEND_AFTER_S / 5)
                old_s = clock_s() - RESEND_AFTER_S
                for command_id, (_, sent_s) in list(self.waiting.items()):
                    if sent_s < old_s:
                        self._resend(command_id)

        self._spawn(resend())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
