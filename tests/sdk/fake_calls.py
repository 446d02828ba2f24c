"""A switchboard in memory: sessions that call each other without a server, media between two without an engine.

It is no model of the owner's rules; it does what an edge does for a call between two where nothing goes wrong, and what a test tells it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace
from warbler import call_frames as cf
from warbler.call_values import PeerConnection
from warbler.calls import Calls
from warbler.errors import CallRefused
from warbler.happenings import Happening
from warbler.ids import uuid7

OTHER_SIDE: dict[PeerConnection, PeerConnection] = {"publish": "subscribe", "subscribe": "publish"}


@dataclass(eq=False)
class FakeSession:
    """As much of a client as calls need."""

    user: str
    device: str
    board: "Switchboard"
    observers: list[Callable[[Happening], None]] = field(default_factory=list)
    said: list[cf.CallFromDevice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calls = Calls(self)

    def submit_call(self, frame: cf.CallCommandFrames) -> "asyncio.Future[cf.CallAck]":
        answer: asyncio.Future[cf.CallAck] = asyncio.get_running_loop().create_future()
        self.said.append(frame)
        refusal = self.board.decide(self, frame)
        if refusal is None:
            answer.set_result(cf.CallAck(frame.id, frame.conversation, frame.call, self.board.seq))
        else:
            answer.set_exception(CallRefused(refusal))
        return answer

    def tell_call(self, frame: cf.CallSignalFrames) -> None:
        self.said.append(frame)
        self.board.signal(self, frame)

    def new_id(self) -> str:
        return self.board.new_id()

    def server_ms(self) -> int:
        return int(time.time() * 1000)

    def hear(self, frame: cf.CallFromEdge) -> None:
        asyncio.get_running_loop().call_soon(self.calls.take, frame)


class Switchboard:
    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.shown: cf.CallShown | None = None
        self.seq = 0
        self.ids = 0
        self.refuse: Callable[[cf.CallCommandFrames], cf.CallRefusal | None] = lambda frame: None
        self.lose: Callable[[cf.CallSignalFrames], bool] = lambda frame: False

    def session(self, user: str) -> FakeSession:
        session = FakeSession(user, f"{user}-1", self)
        self.sessions.append(session)
        return session

    def new_id(self) -> str:
        self.ids += 1
        return uuid7(1_000, self.ids)

    def decide(self, session: FakeSession, frame: cf.CallCommandFrames) -> cf.CallRefusal | None:
        if (refusal := self.refuse(frame)) is not None:
            return refusal
        self.seq += 1
        match frame:
            case cf.CallRequest():
                self._requested(session, frame)
            case cf.CallAccept():
                self._accepted(session, frame)
            case cf.CallHangUp() | cf.CallReject():
                self._over(frame)
            case cf.CallMediaFlow() if self.shown is not None:
                self._show(replace(self.shown, state="connected"), "media_changed")
            case _:
                pass
        return None

    def _requested(self, session: FakeSession, frame: cf.CallRequest) -> None:
        rung = [each for each in self.sessions if each.user in frame.callees]
        parties = [cf.CallParty(session.user, "accepted", session.device), *(cf.CallParty(each.user, "invited") for each in rung)]
        shown = cf.CallShown(
            frame.conversation, frame.call, self.seq, frame.call_kind, frame.media, "requested", session.user, "p2p", 1, 0, tuple(parties)
        )
        self._show(shown, "call_requested")
        for each in rung:
            each.hear(cf.CallRing(frame.conversation, frame.call, session.user, frame.call_kind, frame.media, "p2p", 60_000, 0))
        self._give_ticket(session, 1)

    def _accepted(self, session: FakeSession, frame: cf.CallAccept) -> None:
        assert self.shown is not None
        parties = (
            cf.CallParty(self.shown.caller, "accepted", f"{self.shown.caller}-1"),
            cf.CallParty(session.user, "accepted", session.device),
        )
        session.hear(cf.CallStop(frame.conversation, frame.call, "answered_elsewhere"))
        self._show(replace(self.shown, state="accepted", parties=parties), "call_accepted")
        self._give_ticket(session, 1)

    def _over(self, frame: cf.CallCommandFrame) -> None:
        self.shown = None
        for session in self.sessions:
            session.hear(cf.CallOver(frame.conversation, frame.call, self.seq, 0, "hung_up"))

    def _show(self, shown: cf.CallShown, what: str) -> None:
        self.shown = replace(shown, seq=self.seq)
        for session in self.sessions:
            session.hear(cf.CallChanged(what, "", "", 0, self.shown))

    def _give_ticket(self, session: FakeSession, generation: int) -> None:
        assert self.shown is not None
        session.hear(cf.CallTicket(self.shown.conversation, self.shown.call, 1, generation, "p2p", "", "", (), 10**13))

    def signal(self, session: FakeSession, frame: cf.CallSignalFrames) -> None:
        """What one publishes is what the other subscribes to."""
        if self.lose(frame) or self.shown is None:
            return
        if isinstance(frame, cf.CallTicketWanted):
            self._give_ticket(session, frame.generation)
        elif isinstance(frame, cf.CallDescription):
            described = cf.CallDescribed(
                frame.conversation, frame.call, frame.epoch, frame.generation, frame.seq,
                OTHER_SIDE[frame.pc], frame.sdp_type, frame.sdp, frame.tracks,
            )  # fmt: skip
            self._peer_of(session).hear(described)

    def _peer_of(self, session: FakeSession) -> FakeSession:
        [peer] = [each for each in self.sessions if each is not session]
        return peer
