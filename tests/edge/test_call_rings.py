"""What users hear of calls, on random histories: a session rings exactly while its user is rung, however late it came."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import call_frames as frames
from edge.calls.rings import greetings, shown, tellings
from rtc.choose import Engines
from rtc.live import LiveLines
from schemas import call_events as events
from tests.rtc.simulation import World
from tests.rtc.talking import ANA, BOB, BOB2, EVE, MOD, STRANGER, in_state

DEVICES = (ANA, "ana/2", BOB, BOB2, EVE, MOD, STRANGER)
KIND = Engines().kind


class Session:
    """What one session would make of its frames. `rings`, `inside`: the calls that it rings for, and knows that its user is in."""

    def __init__(self, who: str) -> None:
        self.user, self.device = who.split("/")
        self.rings: set[str] = set()
        self.inside: set[str] = set()

    def did(self, event: events.Event) -> None:
        """It knows what it did itself: it is answered, and not told."""
        answers = events.CallAccepted | events.ParticipantJoined | events.CallRejected | events.CallBusy
        if isinstance(event, answers) and (event.user, event.device) == (self.user, self.device):
            self.rings.discard(event.call_id)

    def hear(self, frame: frames.CallFromEdge) -> None:
        match frame:
            case frames.CallRing():
                assert frame.call not in self.rings, "rung twice"
                self.rings.add(frame.call)
            case frames.CallStop():
                assert frame.call in self.rings, "stopped without a ring"
                self.rings.discard(frame.call)
            case frames.CallChanged():
                (own,) = [party for party in frame.call.parties if party.user == self.user]
                if own.state in ("accepted", "joined"):
                    self.inside.add(frame.call.call)
                else:  # after a hello, of a group's call that it may still join
                    assert (frame.what, frame.call.call_kind) == ("now", "group")
                    assert frame.call.call not in self.rings
            case frames.CallOver():
                assert (frame.left is None) != (frame.reason is None)
                self.inside.discard(frame.call)
            case _:
                raise AssertionError(frame)


def tell(sessions: Iterable[Session], lines: LiveLines, event: events.Event) -> None:
    change = lines.take(event)
    if change is None:
        return
    for session in sessions:
        session.did(event)
    for telling in tellings(change, event.at_ms, KIND):
        for session in sessions:
            by = (event.user, telling.not_by) == (session.user, session.device)
            if session.user in telling.users and not (telling.not_by and by):
                session.hear(telling.frame)


def greet(session: Session, lines: LiveLines, now_ms: int) -> None:
    for line, call in lines.of_user(session.user):
        for frame in greetings(line.conversation_id, line.head_seq, call, session.user, False, now_ms, KIND):
            session.hear(frame)


@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=60, max_size=300), st.sampled_from(DEVICES), st.floats(0, 1))
def test_a_session_rings_exactly_while_its_user_is_rung(history: bytes, late: str, when: float) -> None:
    log = World(history).log
    lines, sessions = LiveLines(), [Session(who) for who in DEVICES]
    for number, event in enumerate(log):
        if number == int(when * len(log)):
            newcomer = Session(late)
            greet(newcomer, lines, 0)  # before every deadline: that of a ring that is over is the next test's
            sessions.append(newcomer)
        tell(sessions, lines, event)
        for session in sessions:
            parties = [(call.call_id, call.parties[session.user]) for _, call in lines.of_user(session.user)]
            assert session.rings == {call for call, party in parties if party.open}
            assert session.inside == {call for call, party in parties if party.in_call}


@pytest.mark.parametrize(("before_ms", "rings"), [(1, True), (0, False)], ids=["before", "after"])
def test_who_comes_after_the_deadline_does_not_ring_though_nobody_has_noticed_yet(before_ms: int, rings: bool) -> None:
    call = in_state("ringing").call
    deadline_ms = call.parties["bob"].ring_deadline_ms
    heard = list(greetings("d-1", 3, call, "bob", True, deadline_ms - before_ms, KIND))
    assert [type(frame) for frame in heard] == ([frames.CallRing] if rings else [])
    assert all(frame.knock for frame in heard if isinstance(frame, frames.CallRing))


def test_a_call_is_shown_whole() -> None:
    call = in_state("held").call
    told = shown("d-1", 9, call, KIND)
    assert (told.state, told.seq, told.engine_kind, told.epoch) == ("held", 9, "embedded", 1)
    assert [(party.user, party.device, party.state, party.held) for party in told.parties] == [
        ("ana", "1", "joined", True),
        ("bob", "1", "joined", False),
    ]
