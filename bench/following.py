"""A persistent device that also holds its one conversation completely: positions in hello, a sync for each gap, each message once."""

import asyncio
from collections.abc import Sequence

from bench.device import Device
from bench.fleet import Edge, User
from bench.frames import Ack, Codec, Events, Failure, FromEdge, Move, Page, Resync
from bench.persistent import Account, Persistent
from edge import frames

PAGE_AGAIN_S = 0.2  # where the edge says no time


class Following(Persistent):
    """`seen`: the ids of the messages it was given, with the time of the first; `doubled`: given more than once and not by seq."""

    def __init__(self, edges: Sequence[Edge], codec: Codec, user: User, account: Account) -> None:
        super().__init__(edges, codec, user, account)
        self.conversation = ""
        self.next_seq = 1
        self.seen: dict[str, float] = {}
        self.seqs: dict[str, int] = {}
        self.contradicted = 0  # the same message under two seqs
        self._ahead: set[int] = set()

    def follow(self, conversation: str, next_seq: int) -> None:
        self.conversation, self.next_seq = conversation, next_seq

    def hello(self) -> frames.Hello:
        positions = {self.conversation: self.next_seq} if self.conversation else {}
        return frames.Hello(token=self.user.token, device="bench", positions=positions, agent="warbler-bench")

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        match frame:
            case Events() | Page():
                for item in frame.events:
                    self._take(item.id, item.seq, at_s)
                if (isinstance(frame, Page) and frame.more) or self._ahead:
                    self._sync(device)
            case Ack():
                super().on_frame(device, frame, at_s)
                self._hold(frame.seq)
            case Resync():
                self._sync(device)
            case Failure() if frame.retryable:
                self.account.pages_refused += 1
                asyncio.get_running_loop().call_later(max(PAGE_AGAIN_S, frame.retry_after_ms / 1000), self._sync, device)
            case Move():
                asyncio.get_running_loop().call_later(frame.after_ms / 1000, device.close)
            case _:
                super().on_frame(device, frame, at_s)

    def _take(self, command_id: str, seq: int, at_s: float) -> None:
        self.seen.setdefault(command_id, at_s)
        self.contradicted += self.seqs.setdefault(command_id, seq) != seq
        self._hold(seq)

    def _hold(self, seq: int) -> None:
        if seq >= self.next_seq:
            self._ahead.add(seq)
        while self.next_seq in self._ahead:
            self._ahead.discard(self.next_seq)
            self.next_seq += 1

    def _sync(self, device: Device) -> None:
        device.send(frames.Sync(request="", conversation=self.conversation, from_seq=self.next_seq))
