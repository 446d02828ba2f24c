"""What a driver does about a call: in the engine's room, towards the owner, and when another engine dies."""

from msgspec.structs import replace

from rtc.choose import Engines, kind_of_name
from rtc.driving.plan import Close, LetIn, Mute, Open, PutOut, Served, Step, steps
from rtc.engines.port import Leg, LegSeen, Room, RoomSnapshot
from rtc.reconcile import Missing, reconcile
from rtc.reports import Place, Reports, leases, switch
from rtc.state import Call
from rtc.supervise import mourned, successor, taken_over
from schemas import call_commands as commands
from schemas.call_records import EngineAnnounced
from schemas.call_values import Holder
from tests.rtc.talking import ANA, BOB, CONVERSATION, ENGINE, MOD, TENANT, Talk

ROOM, NEXT = Room("c1", 1), Room("c1", 2)
PATIENCE_MS = 5_000


class Rooms:
    """Follows a talk as a driver does."""

    def __init__(self, talk: Talk, engine: str = ENGINE) -> None:
        self.talk, self.engine = talk, engine
        self.served: Served | None = None

    def step(self) -> list[Step]:
        self.served, made = steps(self.served, self.talk.line.live, self.engine)
        return made


def answered() -> Talk:
    talk = Talk()
    talk.request(ANA)
    talk.say(commands.AcceptCall, BOB)
    return talk


# ---- plan


def test_the_caller_gets_its_ticket_with_the_request_and_the_callee_with_its_answer() -> None:
    talk = Talk()
    rooms = Rooms(talk)
    talk.request(ANA)
    assert rooms.step() == [Open(ROOM, "audio"), LetIn(ROOM, "ana", "1")]
    talk.say(commands.ReportRinging, BOB)
    assert rooms.step() == []
    talk.say(commands.AcceptCall, BOB)
    assert rooms.step() == [LetIn(ROOM, "bob", "1")]


def test_a_room_is_closed_with_its_call() -> None:
    talk = answered()
    rooms = Rooms(talk)
    rooms.step()
    talk.say(commands.HangUp, BOB)
    assert rooms.step() == [Close(ROOM, later=False)]
    assert rooms.step() == []


def test_who_leaves_is_put_out_and_who_comes_back_gets_a_ticket() -> None:
    talk = Talk()
    rooms = Rooms(talk)
    talk.request(ANA, "bob", "mod", kind="group")
    talk.say(commands.AcceptCall, BOB)
    talk.say(commands.AcceptCall, MOD)
    rooms.step()
    talk.say(commands.LeaveCall, BOB)
    assert rooms.step() == [PutOut(ROOM, "bob", "1")]
    talk.say(commands.JoinCall, BOB)
    assert rooms.step() == [LetIn(ROOM, "bob", "1")]
    talk.say(commands.JoinCall, "bob/2")
    assert rooms.step() == [PutOut(ROOM, "bob", "1"), LetIn(ROOM, "bob", "2")]


def test_who_is_muted_stays_so_and_video_opens_the_room_again() -> None:
    talk = Talk()
    rooms = Rooms(talk)
    talk.request(ANA, "bob", "mod", kind="group")
    talk.say(commands.AcceptCall, BOB)
    talk.say(commands.AcceptCall, MOD)
    rooms.step()
    talk.say(commands.MuteParticipant, MOD, target="bob")
    assert rooms.step() == [Mute(ROOM, "bob", True)]
    talk.say(commands.UpgradeCall, ANA)
    assert rooms.step() == [Open(ROOM, "video")]
    talk.say(commands.MuteParticipant, MOD, target="bob", muted=False)
    assert rooms.step() == [Mute(ROOM, "bob", False)]


def test_a_switch_gives_tickets_there_and_closes_later_here() -> None:
    talk = answered()
    here, there = Rooms(talk), Rooms(talk, "janus-1")
    here.step()
    talk.say(commands.SwitchEngine, engine="janus-1", epoch=2)
    assert here.step() == [Close(ROOM, later=True)]
    assert there.step() == [Open(NEXT, "audio"), LetIn(NEXT, "ana", "1"), LetIn(NEXT, "bob", "1")]


def test_an_engine_that_takes_its_own_call_anew_opens_before_it_closes() -> None:
    talk = answered()
    rooms = Rooms(talk)
    rooms.step()
    talk.say(commands.SwitchEngine, engine=ENGINE, epoch=2)
    assert rooms.step() == [Open(NEXT, "audio"), LetIn(NEXT, "ana", "1"), LetIn(NEXT, "bob", "1"), Close(ROOM, later=True)]


# ---- reports


def reports() -> Reports:
    return Reports(Place(TENANT, CONVERSATION, ROOM, ENGINE))


def test_a_fact_is_reported_once_and_every_change_is_another_command() -> None:
    mine, theirs = reports(), reports()
    first = mine.seen("ana", "1", "up", 0)
    assert isinstance(first, commands.ReportEngineMedia)
    assert (first.flow, first.epoch, first.engine) == ("up", 1, ENGINE)
    assert mine.seen("ana", "1", "up", 1) is None
    assert theirs.seen("ana", "1", "up", 99) == first  # who polls comes to the same command
    lost = mine.seen("ana", "1", "lost", 2)
    back = mine.seen("ana", "1", "up", 3)
    gone = mine.seen("ana", "1", "gone", 4)
    assert isinstance(gone, commands.ReportVanished)
    ids = {command.command_id for command in (first, lost, back, gone) if command is not None}
    assert len(ids) == 4


def test_an_engine_that_says_left_before_joined_is_not_passed_on() -> None:
    mine = reports()
    assert mine.seen("ana", "1", "gone", 0) is None
    assert mine.seen("ana", "1", "lost", 0) is None
    mine.seen("ana", "1", "up", 0)
    mine.seen("ana", "1", "gone", 0)
    assert mine.seen("ana", "1", "lost", 0) is None


# ---- reconciling


def seen(*legs: tuple[str, bool]) -> RoomSnapshot:
    return RoomSnapshot(ROOM, True, tuple(LegSeen(leg(who), flows) for who, flows in legs))


def leg(who: str, generation: int = 1) -> Leg:
    user, device = who.split("/")
    return Leg(user, device, generation)


def live(talk: Talk) -> Call:
    assert talk.line.live is not None
    return talk.line.live


def missing(talk: Talk, said: Reports, *legs: tuple[str, bool], now_ms: int = 0) -> Missing:
    return reconcile(live(talk), seen(*legs), said, now_ms, PATIENCE_MS)


def test_what_an_event_of_the_engine_did_not_say_is_found_by_asking() -> None:
    talk, said = answered(), reports()
    found = missing(talk, said, (ANA, True), (BOB, False))
    assert [type(command) for command in found.commands] == [commands.ReportEngineMedia]
    assert found.holders == (Holder("ana", "1"),)
    for command in found.commands:
        talk.hear(command)
    assert missing(talk, said, (ANA, True), (BOB, False)).commands == ()
    lost = missing(talk, said, (ANA, False)).commands
    assert [getattr(command, "flow", "") for command in lost] == ["lost"]
    talk.hear(lost[0])
    assert missing(talk, said).commands == ()


def test_a_leg_that_the_engine_has_no_more_has_vanished() -> None:
    talk, said = answered(), reports()
    talk.hear(missing(talk, said, (ANA, True)).commands[0])
    assert isinstance(missing(talk, said).commands[0], commands.ReportVanished)


def test_a_report_that_was_lost_is_said_again_after_a_while() -> None:
    talk, said = answered(), reports()
    first = missing(talk, said, (ANA, True), now_ms=0).commands
    assert len(first) == 1
    assert missing(talk, said, (ANA, True), now_ms=PATIENCE_MS - 1).commands == ()
    again = missing(talk, said, (ANA, True), now_ms=PATIENCE_MS).commands
    assert len(again) == 1
    assert again[0].command_id != first[0].command_id
    talk.hear(again[0])
    assert missing(talk, said, (ANA, True), now_ms=3 * PATIENCE_MS).commands == ()


def test_who_is_in_the_room_and_no_participant_is_kicked_and_holds_nothing() -> None:
    talk, said = answered(), reports()
    found = missing(talk, said, (ANA, False), ("bob/2", True), ("eve/1", True))
    assert found.kicks == (("bob", "2"), ("eve", "1"))
    assert found.holders == ()
    assert found.commands == ()


def test_of_two_generations_of_a_leg_one_that_flows_is_enough() -> None:
    talk = answered()
    legs = (LegSeen(leg(ANA, 1), False), LegSeen(leg(ANA, 2), True))
    found = reconcile(live(talk), RoomSnapshot(ROOM, True, legs), reports(), 0, PATIENCE_MS)
    assert found.holders == (Holder("ana", "1"),)


def test_leases_and_switches_have_ids_of_what_they_say() -> None:
    talk = answered()
    place = Place(TENANT, CONVERSATION, ROOM, ENGINE)
    assert leases(place, (), 7) == leases(place, (), 7)
    assert leases(place, (), 7).command_id != leases(place, (), 8).command_id
    moved = switch(TENANT, CONVERSATION, live(talk), "janus-1")
    assert moved == switch(TENANT, CONVERSATION, live(talk), "janus-1")
    assert (moved.epoch, moved.engine) == (2, "janus-1")
    talk.hear(moved)
    assert (live(talk).engine, live(talk).epoch) == ("janus-1", 2)


# ---- an engine dies

NOW = 1_000_000


def engines(**until_ms: int) -> Engines:
    known = Engines()
    for name, until in until_ms.items():
        said = EngineAnnounced(
            engine=name,
            engine_kind=kind_of_name(name),
            capabilities=("video",),
            rooms=0,
            participants=0,
            participants_limit=100,
            draining=False,
            at_ms=NOW,
            until_ms=until,
        )
        known.take(said)
    return known


def calls_of(engine: str, count: int) -> list[Call]:
    made = []
    for number in range(count):
        talk = Talk()
        talk.request(ANA, call=f"c{number}", engine=engine)
        made.append(live(talk))
    return made


def test_each_call_of_a_dead_engine_is_taken_over_by_exactly_one_and_they_share_them() -> None:
    known = engines(e1=NOW, e2=NOW + 1, e3=NOW + 1)
    calls = calls_of("e1", 40)
    second, third = (taken_over(calls, known, me, NOW) for me in ("e2", "e3"))
    assert len(second) + len(third) == 40
    assert not {call.call_id for call in second} & {call.call_id for call in third}
    assert len(second) > 5
    assert len(third) > 5


def test_of_a_living_engine_nobody_takes_a_call_and_p2p_has_none() -> None:
    known = engines(e1=NOW + 1, e2=NOW + 1)
    assert taken_over(calls_of("e1", 3), known, "e2", NOW) == []
    assert taken_over(calls_of("p2p", 3), known, "e2", NOW) == []


def test_what_nobody_can_take_over_is_told_by_one_of_those_that_live() -> None:
    known = engines(e1=NOW, e2=NOW + 1, e3=NOW + 1)
    for name in ("e2", "e3"):
        known.take(replace(known.all()[1], engine=name, draining=True))
    calls = calls_of("e1", 20)
    told = [call.call_id for me in ("e2", "e3") for call in mourned(calls, known, me, NOW)]
    assert sorted(told) == sorted(call.call_id for call in calls)
    assert mourned(calls, engines(e1=NOW, e2=NOW + 1), "e2", NOW) == []  # that one takes them
    assert mourned(calls_of("e2", 1), known, "e2", NOW) == []


def test_the_same_kind_goes_before_another() -> None:
    call = calls_of("janus-1", 1)[0]
    assert successor(call, engines(**{"janus-1": NOW, "janus-2": NOW + 1, "e1": NOW + 1, "e2": NOW + 1}), NOW) == "janus-2"
    assert successor(call, engines(**{"janus-1": NOW, "e1": NOW + 1}), NOW) == "e1"
    assert successor(call, engines(**{"janus-1": NOW + 1}), NOW) == ""
