"""A device's exchange of signals with an engine or a peer in one call: tickets, epochs, generations, order. Pure.

Called by who holds the peer connections (`warbler.media`, or your own). It is fed with frames and with what the connections do, and
answers with steps. Rules of this file:
Rule 1: a later epoch or generation is made before the earlier one is broken: the earlier closes once the later carries media.
Rule 2: what went wrong with the newest generation (connection failed, a signal lost, a ticket refused) is mended by a new generation.
Rule 3: without a ticket nothing is opened; between two without an engine the peer's new generation counts as one, and nothing is
offered before the answer: who is only rung takes no offers.
Units: every `now_ms` is the shell's monotonic clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from msgspec.structs import replace

from warbler.call_frames import (
    CallCandidate,
    CallCandidateCame,
    CallDescribed,
    CallDescription,
    CallSignalRefusal,
    CallTicket,
    CallTicketWanted,
    FrameTrack,
)
from warbler.call_lane import EARLY_LIMIT, Incoming, Lane, LaneKey
from warbler.call_values import PeerConnection, SdpType

GAP_MS = 3_000  # a signal that is so late was lost while the session moved
TICKET_WITHIN_MS = 5_000  # from the wish for a ticket to asking again
SETTLE_MS = 5_000  # how long a new generation may take to get what the old one got, before the old one closes all the same
RENEWALS_LIMIT = 6
RENEWALS_WINDOW_MS = 60_000
RENEWED_BY = frozenset(
    {"ticket_needed", "ticket_expired", "ticket_used", "ticket_wrong_room", "engine_unavailable", "unknown_leg", "too_many", "rate_limited"}
)
# What passes by itself: the ticket for the new epoch is on its way, or the word that the call is over.
AWAITED = frozenset({"stale_epoch", "not_in_call", "unknown_call"})


@dataclass(frozen=True, slots=True)
class Open:
    """Make the two connections of this generation and offer what is published."""

    lane: LaneKey
    ticket: CallTicket


@dataclass(frozen=True, slots=True)
class Describe:
    """The other side's description of the connection `pc`; an offer wants an answer."""

    lane: LaneKey
    pc: PeerConnection
    sdp_type: SdpType
    sdp: str
    tracks: tuple[FrameTrack, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    lane: LaneKey
    pc: PeerConnection
    candidate: str
    mid: str


@dataclass(frozen=True, slots=True)
class Close:
    lane: LaneKey


@dataclass(frozen=True, slots=True)
class Tell:
    frame: CallDescription | CallCandidate | CallTicketWanted


@dataclass(frozen=True, slots=True)
class Broken:
    """This device's signals are not taken, and asking again would change nothing."""

    code: str
    detail: str


Step = Open | Describe | Candidate | Close | Tell | Broken


class Exchange:
    def __init__(self, conversation: str, call: str) -> None:
        self.conversation, self.call = conversation, call
        self.lanes: dict[LaneKey, Lane] = {}
        self._wanted: tuple[LaneKey, int] | None = None  # which generation was asked for, and when
        self._renewals_ms: list[int] = []
        self._wanted_at_ms: int | None = None  # when to ask for the next one, where that has to wait
        self._is_answered = False
        self._held: CallTicket | None = None  # of a call without an engine that is not answered yet
        self._ahead: list[Incoming] = []  # of generations that are not open here yet

    @property
    def newest(self) -> Lane | None:
        return self.lanes[max(self.lanes)] if self.lanes else None

    # ---- what comes

    def take(self, frame: CallTicket | CallDescribed | CallCandidateCame | CallSignalRefusal, now_ms: int) -> list[Step]:
        """Shape: frames of other calls are not given here."""
        match frame:
            case CallTicket():
                return self._ticket(frame, now_ms)
            case CallDescribed() | CallCandidateCame():
                return self._signal(frame, now_ms)
            case CallSignalRefusal():
                return self._refused(frame, now_ms)
            case _:
                assert_never(frame)

    def answered(self, now_ms: int) -> list[Step]:
        """The other side has accepted; may be said more than once."""
        self._is_answered = True
        held, self._held = self._held, None
        return [] if held is None else self._ticket(held, now_ms)

    def _ticket(self, ticket: CallTicket, now_ms: int) -> list[Step]:
        if ticket.engine_kind == "p2p" and not self._is_answered:
            self._held = ticket
            return []
        return self._open(LaneKey(ticket.epoch, max(1, ticket.generation)), ticket, now_ms)

    def _open(self, key: LaneKey, ticket: CallTicket, now_ms: int) -> list[Step]:
        if self.newest is not None and key <= self.newest.key:
            return []
        self.lanes[key] = Lane(key, ticket, token=ticket.ticket)
        self._wanted = self._wanted_at_ms = None
        early, self._ahead = self._ahead, []
        return [Open(key, ticket), *(step for signal in early for step in self._signal(signal, now_ms))]

    def _signal(self, signal: Incoming, now_ms: int) -> list[Step]:
        key, newest = LaneKey(signal.epoch, signal.generation), self.newest
        if newest is None or key > newest.key:
            return self._of_the_future(key, signal, now_ms)
        lane = self.lanes.get(key)
        return [] if lane is None else [_step_of(key, each) for each in lane.take(signal, now_ms)]

    def _of_the_future(self, key: LaneKey, signal: Incoming, now_ms: int) -> list[Step]:
        if len(self._ahead) < EARLY_LIMIT:
            self._ahead.append(signal)
        newest = self.newest
        if newest is None or newest.ticket.engine_kind != "p2p" or key.epoch != newest.key.epoch:
            return []
        return self._open(key, replace(newest.ticket, generation=key.generation), now_ms)

    def _refused(self, refusal: CallSignalRefusal, now_ms: int) -> list[Step]:
        if self.newest is None or refusal.epoch < self.newest.key.epoch or refusal.code in AWAITED:
            return []
        if refusal.code in RENEWED_BY:
            return self.renew(now_ms)
        return [Broken(refusal.code, refusal.detail)]

    # ---- what the connections do

    def describe(self, lane: LaneKey, pc: PeerConnection, sdp_type: SdpType, sdp: str, tracks: Sequence[FrameTrack] = ()) -> list[Step]:
        """This side's offer (publish) or answer (subscribe). Shape: nothing for a generation that is closed."""
        if lane not in self.lanes:
            return []
        here = self.lanes[lane]
        first_offer = pc == "publish" and sdp_type == "offer"
        frame = CallDescription(
            conversation=self.conversation,
            call=self.call,
            epoch=lane.epoch,
            pc=pc,
            generation=lane.generation,
            seq=here.number(),
            sdp_type=sdp_type,
            sdp=sdp,
            tracks=tuple(tracks),
            ticket=here.take_token() if first_offer else "",
        )
        return [Tell(frame)]

    def candidate(self, lane: LaneKey, pc: PeerConnection, candidate: str, mid: str) -> list[Step]:
        if lane not in self.lanes:
            return []
        frame = CallCandidate(
            conversation=self.conversation,
            call=self.call,
            epoch=lane.epoch,
            pc=pc,
            generation=lane.generation,
            seq=self.lanes[lane].number(),
            candidate=candidate,
            mid=mid,
        )
        return [Tell(frame)]

    def connected(self, lane: LaneKey, pc: PeerConnection, now_ms: int) -> list[Step]:
        here = self.lanes.get(lane)
        if here is None:
            return []
        here.connected.add(pc)
        if here.connected_ms is None:
            here.connected_ms = now_ms
        return self._break(now_ms)

    def failed(self, lane: LaneKey, now_ms: int) -> list[Step]:
        """A connection of this generation is over. What a later one replaces anyway is nobody's loss."""
        return self.renew(now_ms) if self.newest is not None and lane == self.newest.key else []

    def renew(self, now_ms: int) -> list[Step]:
        """Asks for a new generation: the network changed, the session is a new one, or something was lost."""
        if self.newest is None or self._wanted is not None or self._wanted_at_ms is not None:
            return []
        self._renewals_ms = [at_ms for at_ms in self._renewals_ms if at_ms > now_ms - RENEWALS_WINDOW_MS]
        if len(self._renewals_ms) < RENEWALS_LIMIT:
            return self._want(now_ms)
        self._wanted_at_ms = self._renewals_ms[0] + RENEWALS_WINDOW_MS
        return []

    def _want(self, now_ms: int) -> list[Step]:
        assert self.newest is not None
        key = LaneKey(self.newest.key.epoch, self.newest.key.generation + 1)
        self._wanted, self._wanted_at_ms = (key, now_ms), None
        self._renewals_ms.append(now_ms)
        return [Tell(CallTicketWanted(conversation=self.conversation, call=self.call, epoch=key.epoch, generation=key.generation))]

    def _break(self, now_ms: int) -> list[Step]:
        newest = self.newest
        older = [lane for key, lane in self.lanes.items() if newest is not None and key != newest.key]
        if newest is None or not older or newest.connected_ms is None:
            return []
        as_much = set[PeerConnection]().union(*(lane.connected for lane in older)) <= newest.connected
        if not as_much and now_ms < newest.connected_ms + SETTLE_MS:
            return []
        for lane in older:
            del self.lanes[lane.key]
        return [Close(lane.key) for lane in older]

    # ---- time

    def tick(self, now_ms: int) -> list[Step]:
        steps: list[Step] = list(self._break(now_ms))
        if self._wanted is not None and now_ms >= self._wanted[1] + TICKET_WITHIN_MS:
            self._wanted = None
            steps += self.renew(now_ms)
        if self._wanted_at_ms is not None and now_ms >= self._wanted_at_ms:
            self._wanted_at_ms = None
            steps += self.renew(now_ms)
        newest = self.newest
        if newest is not None and newest.gap_since_ms is not None and now_ms >= newest.gap_since_ms + GAP_MS:
            newest.gap_since_ms = None
            steps += self.renew(now_ms)
        return steps

    def wake_ms(self) -> int | None:
        """When `tick` has something to do at the latest."""
        newest = self.newest
        times = [
            self._wanted[1] + TICKET_WITHIN_MS if self._wanted is not None else None,
            self._wanted_at_ms,
            newest.gap_since_ms + GAP_MS if newest is not None and newest.gap_since_ms is not None else None,
            newest.connected_ms + SETTLE_MS if newest is not None and newest.connected_ms is not None and len(self.lanes) > 1 else None,
        ]
        return min((time for time in times if time is not None), default=None)

    def close(self) -> list[Step]:
        """The call is over, or this device left it."""
        keys = list(self.lanes)
        self.lanes.clear()
        self._wanted = self._wanted_at_ms = self._held = None
        return [Close(key) for key in keys]


def _step_of(lane: LaneKey, signal: Incoming) -> Describe | Candidate:
    if isinstance(signal, CallDescribed):
        return Describe(lane, signal.pc, signal.sdp_type, signal.sdp, signal.tracks)
    return Candidate(lane, signal.pc, signal.candidate, signal.mid)
