"""Records from the log to sessions: who gets the event, who the ack, and in what frames."""

from edge import frames
from edge.delivery import Delivery
from edge.hub import ASKED_KEPT, Hub
from edge.recent import Recent
from edge.registry import SessionRegistry
from edge.session import Session
from edge.translate import ack_of, item_of
from log.port import Record
from schemas import events
from schemas.codec import encode
from schemas.records import CommandRefused, CommandRepeated, TypingSignalled
from tests.edge.builders import ANA, BEN, EVE, GROUP, ListSink, base, command_id, created, record, sent, session_of, topic_record


class Stage:
    """A hub with sessions and the delivery over it."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.recent = Recent(1 << 20)
        self.registry = SessionRegistry()
        self.buried: list[tuple[str, str]] = []
        self.delivery = Delivery(self.hub, self.recent, self.registry, self.bury)
        self.offset = 0

    def bury(self, record: Record, reason: str) -> None:
        self.buried.append((record.topic, reason))

    def session(self, user: str, device: str = "phone", *conversations: str) -> tuple[Session, ListSink]:
        session, sink = session_of(user, device)
        self.hub.open(session, conversations)
        return session, sink

    def feed(self, *fed: events.Event | Record) -> None:
        records = []
        for each in fed:
            records.append(each if isinstance(each, Record) else record(each, self.offset))
            self.offset += 1
        self.delivery.on_events(records)


def live(*fed: events.Event) -> frames.Events:
    return frames.Events(fed[0].conversation_id, tuple(item_of(event) for event in fed))


def poison(value: bytes | None) -> Record:
    return topic_record("conversation-events", value)


def test_the_authors_device_gets_the_ack_and_everybody_else_the_event() -> None:
    stage = Stage()
    _, phone = stage.session(ANA, "phone", GROUP)
    _, laptop = stage.session(ANA, "laptop", GROUP)
    _, ben = stage.session(BEN, "phone", GROUP)
    _, stranger = stage.session(EVE, "phone", "g-other")
    event = sent(3, user=ANA, device="phone")
    stage.feed(event)
    assert phone.frames == [ack_of(event)]
    assert laptop.frames == ben.frames == [live(event)]
    assert stranger.frames == []


def test_one_frame_is_shared_by_all_receivers() -> None:
    stage = Stage()
    sinks = [stage.session(f"u{number}", "phone", GROUP)[1] for number in range(3)]
    stage.feed(sent(1, user="u-author"))
    assert len({id(sink.shared[0]) for sink in sinks}) == 1


def test_consecutive_events_of_a_conversation_leave_as_one_frame() -> None:
    stage = Stage()
    _, sink = stage.session(ANA, "phone", GROUP, "g-2")
    other = sent(1, conversation="g-2")
    stage.feed(sent(1), sent(2), other, sent(3), sent(4))
    assert sink.frames == [live(sent(1), sent(2)), live(other), live(sent(3), sent(4))]


def test_an_author_in_a_run_gets_acks_for_its_own_and_events_for_the_others_in_order() -> None:
    stage = Stage()
    _, ana = stage.session(ANA, "phone", GROUP)
    _, eve = stage.session(EVE, "phone", GROUP)
    mine = [sent(1, user=ANA, device="phone"), sent(3, user=ANA, device="phone")]
    theirs = [sent(2), sent(4)]
    stage.feed(mine[0], theirs[0], mine[1], theirs[1])
    assert ana.frames == [ack_of(mine[0]), live(theirs[0]), ack_of(mine[1]), live(theirs[1])]
    assert eve.frames == [live(mine[0], theirs[0], mine[1], theirs[1])]


def test_an_ack_frees_the_command_that_waited_for_it() -> None:
    stage = Stage()
    session, _ = stage.session(ANA, "phone", GROUP)
    session.outstanding = {command_id(1), command_id(2)}
    stage.feed(sent(1, user=ANA, device="phone"))
    assert session.outstanding == {command_id(2)}


def test_a_conversation_that_is_catching_up_holds_live_events_back_but_not_acks() -> None:
    stage = Stage()
    session, sink = stage.session(ANA, "phone", GROUP, "g-2")
    session.catching_up.add(GROUP)
    other = sent(1, conversation="g-2")
    mine = sent(2, user=ANA, device="phone")
    stage.feed(sent(1), mine, other)
    assert sink.frames == [ack_of(mine), live(other)]
    session.catching_up.discard(GROUP)
    stage.feed(sent(3))
    assert sink.take()[-1] == live(sent(3))


def test_a_new_member_gets_its_joining_and_what_follows() -> None:
    stage = Stage()
    session, sink = stage.session(EVE, "phone")
    added = events.MemberAdded(member=EVE, role="member", **base(2))
    stage.feed(sent(1), added, sent(3))
    assert sink.frames == [live(added, sent(3))]
    assert session.conversations == {GROUP}


def test_members_and_the_creator_join_a_new_conversation() -> None:
    stage = Stage()
    _, member = stage.session(ANA)
    creator_session, creator = stage.session(BEN, "laptop")
    _, creators_phone = stage.session(BEN, "phone")
    event = created(members=(ANA,), user=BEN, device="laptop")
    stage.feed(event)
    assert member.frames == creators_phone.frames == [live(event)]
    assert creator.frames == [ack_of(event)]
    assert creator_session.conversations == {GROUP}


def test_who_leaves_still_sees_its_leaving_and_nothing_after() -> None:
    stage = Stage()
    session, sink = stage.session(ANA, "phone", GROUP)
    _, laptop = stage.session(ANA, "laptop", GROUP)
    _, ben = stage.session(BEN, "phone", GROUP)
    leaving = events.MemberLeft(**base(2, user=ANA, device="phone"))
    stage.feed(sent(1), leaving, sent(3))
    assert sink.frames == [live(sent(1)), ack_of(leaving)]
    assert laptop.frames == [live(sent(1)), live(leaving)]
    assert ben.frames == [live(sent(1)), live(leaving), live(sent(3))]
    assert session.conversations == set()


def test_who_is_removed_sees_its_removal_and_nothing_after() -> None:
    stage = Stage()
    _, sink = stage.session(ANA, "phone", GROUP)
    removal = events.MemberRemoved(member=ANA, **base(1))
    stage.feed(removal, sent(2))
    assert sink.frames == [live(removal)]


def test_a_device_that_waits_gets_its_ack_though_it_is_no_member() -> None:
    """A command over HTTP opens no conversation; nor does one of a member who was removed while it was under way."""
    stage = Stage()
    session, sink = stage.session(ANA, "rest-1")
    event = sent(5, user=ANA, device="rest-1")
    session.outstanding.add(event.command_id)
    _, ben = stage.session(BEN, "phone", GROUP)
    stage.feed(event)
    assert sink.frames == [ack_of(event)]
    assert ben.frames == [live(event)]


def test_an_ack_is_said_once() -> None:
    stage = Stage()
    session, sink = stage.session(ANA, "phone", GROUP)
    event = sent(1, user=ANA, device="phone")
    session.outstanding.add(event.command_id)
    stage.feed(event)
    assert sink.frames == [ack_of(event)]


def test_what_nobody_here_needs_is_remembered_and_not_delivered() -> None:
    stage = Stage()
    event = sent(1)
    stage.feed(event)
    assert stage.recent.of_conversation(GROUP) == (encode("conversation-events", event),)


def test_a_record_without_a_key_is_the_writers_and_is_passed_over() -> None:
    stage = Stage()
    stage.feed(topic_record("conversation-events", b"anything", key=None))
    assert (stage.recent.used_bytes, stage.recent.by_partition) == (0, {})


def test_poison_is_passed_over_and_the_next_event_arrives() -> None:
    stage = Stage()
    _, sink = stage.session(ANA, "phone", GROUP)
    whole = encode("conversation-events", sent(2))
    wrong_kind = encode("replies", refused(ANA, "phone"))
    stage.feed(
        sent(1), *(poison(value) for value in (None, b"", b"junk", b"\0\xff\xff\xff\xff", whole[:-3], whole + b"x", wrong_kind)), sent(3)
    )
    assert sink.frames == [live(sent(1), sent(3))]


def test_a_key_that_is_no_text_is_passed_over() -> None:
    stage = Stage()
    _, sink = stage.session(ANA, "phone", GROUP)
    stage.feed(topic_record("conversation-events", b"junk", key=b"\xff\xfe"), sent(1))
    assert sink.frames == [live(sent(1))]


def refused(user: str, device: str) -> CommandRefused:
    return CommandRefused(
        tenant="default",
        conversation_id=GROUP,
        command_id=command_id(7),
        user=user,
        device=device,
        trace_id="t",
        at_ms=1,
        code="not_member",
        detail="no",
        retry_after_ms=1_500,
    )


def test_a_refusal_reaches_the_device_that_asked_and_no_other() -> None:
    stage = Stage()
    session, sink = stage.session(ANA, "phone")
    _, laptop = stage.session(ANA, "laptop")
    session.outstanding.add(command_id(7))
    stage.delivery.on_replies([topic_record("replies", b"junk"), topic_record("replies", encode("replies", refused(ANA, "phone")))])
    assert sink.frames == [frames.Reject(command_id(7), GROUP, "not_member", "no", retryable=False, retry_after_ms=1_500)]
    assert laptop.frames == []
    assert not session.outstanding


def test_a_repeated_command_gets_the_ack_it_had() -> None:
    stage = Stage()
    _, sink = stage.session(ANA, "phone")
    common = {"tenant": "default", "conversation_id": GROUP, "command_id": command_id(7), "user": ANA, "device": "phone", "trace_id": "t"}
    reply = CommandRepeated(**common, at_ms=9, seq=4, ordinal=3, accepted_at_ms=5)
    stage.delivery.on_replies([topic_record("replies", encode("replies", reply))])
    assert sink.frames == [frames.Ack(command_id(7), GROUP, 4, 3, 5)]


def test_typing_goes_to_the_others_and_not_to_the_user_itself() -> None:
    stage = Stage()
    _, ana = stage.session(ANA, "phone", GROUP)
    _, laptop = stage.session(ANA, "laptop", GROUP)
    _, ben = stage.session(BEN, "phone", GROUP)
    signal = TypingSignalled(tenant="default", conversation_id=GROUP, user=ANA, device="phone", typing=True, at_ms=1)
    stage.delivery.on_signals([topic_record("signals", b"junk"), topic_record("signals", encode("signals", signal))])
    assert ben.frames == [frames.UserTyping(GROUP, ANA, True)]
    assert ana.frames == laptop.frames == []


def test_poison_in_a_topic_that_only_edges_read_is_buried_and_the_rest_is_not() -> None:
    stage = Stage()
    damaged = {topic: topic_record(topic, b"junk!") for topic in ("replies", "signals", "sessions")}
    stage.delivery.on_replies([damaged["replies"]])
    stage.delivery.on_signals([damaged["signals"]])
    stage.delivery.on_sessions([damaged["sessions"]])
    stage.feed(poison(b"junk!"))  # an event: the projector's as well
    assert stage.buried == [(topic, "not the wire format") for topic in ("replies", "signals", "sessions")]


def test_after_a_last_page_only_what_it_did_not_hold_is_given_and_then_shared_again() -> None:
    """The feed is behind the rows of the page: events 3 and 4 were in it."""
    stage = Stage()
    paged, phone = stage.session(ANA, "phone", GROUP)
    _, other = stage.session(BEN, "tablet", GROUP)
    paged.given[GROUP] = 5
    stage.feed(sent(3), sent(4))
    assert phone.frames == []
    stage.feed(sent(5), sent(6))
    assert phone.take() == [live(sent(5), sent(6))]
    assert phone.shared == other.shared[-1:]
    assert paged.given == {}


def test_a_block_is_hidden_to_everybody_but_its_actor_and_takes_its_place_in_the_order() -> None:
    stage = Stage()
    _, phone = stage.session(ANA, "phone", GROUP)
    _, laptop = stage.session(ANA, "laptop", GROUP)
    _, ben = stage.session(BEN, "phone", GROUP)
    _, bens_laptop = stage.session(BEN, "laptop", GROUP)
    block = events.UserBlocked(member=BEN, **base(2, user=ANA, device="phone"))
    stage.feed(sent(1, device="laptop"), block, sent(3, device="laptop"))
    hidden = frames.EventItem(kind="hidden", seq=2, ordinal=2, at_ms=block.at_ms, user="", device="", id="")
    assert laptop.frames == [live(sent(1, device="laptop"), block, sent(3, device="laptop"))]
    assert ben.frames == [frames.Events(GROUP, (item_of(sent(1, device="laptop")), hidden, item_of(sent(3, device="laptop"))))]
    assert phone.frames == [live(sent(1, device="laptop")), ack_of(block), live(sent(3, device="laptop"))]
    assert bens_laptop.frames == [ack_of(sent(1)), frames.Events(GROUP, (hidden,)), ack_of(sent(3))]
    for word in (ANA.encode(), b"blocked", block.command_id.encode()):
        assert word not in frames.encode_json(frames.Events(GROUP, (hidden,)))


def test_a_run_with_a_private_event_is_encoded_once_for_its_actor_and_once_for_all_others() -> None:
    stage = Stage()
    own = [stage.session(ANA, device)[1] for device in ("a", "b")]
    others = [stage.session(user)[1] for user in (BEN, EVE)]
    for session in stage.hub.sessions.values():
        stage.hub.join(session, GROUP)
    stage.feed(events.UserUnblocked(member=BEN, **base(1, user=ANA, device="rest")))
    assert own[0].shared == own[1].shared
    assert others[0].shared == others[1].shared
    assert own[0].shared != others[0].shared


def test_who_is_no_member_hears_what_became_of_its_command_and_nothing_else_of_the_conversation() -> None:
    stage = Stage()
    session, phone = stage.session(EVE, "phone")
    stage.feed(sent(1))
    stage.hub.ask(session, GROUP)
    applied = events.ApplicationMade(text="let me in", link_id="", **base(3, user=EVE, device="phone"))
    session.outstanding.add(applied.command_id)
    stage.feed(sent(2), applied, sent(4))
    assert phone.frames == [ack_of(applied)]
    assert not session.outstanding


def test_a_ban_is_delivered_to_who_is_banned_and_then_nothing_more() -> None:
    stage = Stage()
    _, ben = stage.session(BEN, "phone", GROUP)
    ban = events.MemberBanned(member=BEN, until_ms=0, reason="noise", **base(2, user=ANA, device="phone"))
    stage.feed(sent(1, user=ANA), ban, sent(3, user=ANA))
    assert ben.frames == [live(sent(1, user=ANA)), live(ban)]
    assert not stage.hub.of_conversation(GROUP)


def test_only_so_many_conversations_of_others_are_followed() -> None:
    stage = Stage()
    session, _ = stage.session(EVE, "phone")
    for number in range(ASKED_KEPT + 1):
        stage.hub.ask(session, f"g-{number}")
    assert not stage.hub.follows("g-0")
    assert stage.hub.follows("g-1")
