"""Bursts of events and receipts as notifications: who is told of what equals a naive model, and what is settled at once costs nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from log.port import Entry, Record
from schemas import codec, events
from schemas.notices import DeliveriesSettled, MessagesNotified, Notification
from schemas.partition import partition_of
from schemas.records import WatermarkRaised
from schemas.values import Content, Member
from store.errors import StoreUnavailable
from store.views import Membership, fold_membership
from streams.notifier import notifier
from streams.notifier.burst import Notices
from streams.notifier.notifier import Notifier

PARTITIONS = 2
USERS = ("u-ana", "u-ben", "u-cleo", "u-dan")


class Story:
    """One group conversation and its receipts, as records of one partition each."""

    def __init__(self, conversation: str = "g-1", members: Sequence[str] = USERS[:3]) -> None:
        self.conversation = conversation
        self.history: list[events.Event] = []
        self.records: list[Record] = []
        self.receipts_count = 0
        self.add(
            events.ConversationCreated,
            members[0],
            conversation_kind="group",
            title="t",
            members=tuple(Member(user) for user in members[1:]),
        )

    def add(self, event_type: Any, user: str, **fields: Any) -> int:
        seq = len(self.history) + 1
        event = event_type(
            event_id=f"{self.conversation}:{seq}",
            tenant="default",
            conversation_id=self.conversation,
            seq=seq,
            ordinal=0,
            at_ms=seq,
            user=user,
            device="d-1",
            command_id="",
            trace_id="",
            **fields,
        )
        self.history.append(event)
        value = codec.encode("conversation-events", event)
        self.records.append(Record("conversation-events", 0, seq - 1, seq, self.conversation.encode(), value))
        return seq

    def say(self, user: str = USERS[0], **fields: Any) -> int:
        return self.add(events.MessageSent, user, content=Content("text/plain", b"x"), **fields)

    def mark(self, user: str, up_to_seq: int, state: Any = "delivered") -> None:
        mark = WatermarkRaised(
            tenant="default",
            conversation_id=self.conversation,
            user=user,
            device="d-1",
            state=state,
            up_to_seq=up_to_seq,
            at_ms=0,
        )
        self.records.append(Record("receipts", 0, self.receipts_count, 0, b"k", codec.encode("receipts", mark)))
        self.receipts_count += 1

    def members_at(self, seq: int) -> set[str]:
        """Who was a member when the event came, worked out from the whole history."""
        inside = set()
        for user in USERS:
            place: Membership | None = None
            for event in self.history[: seq - 1]:
                place = fold_membership(place, event, user)
            if place is not None and place.active:
                inside.add(user)
        return inside

    # the table, as `Notifier` asks for it: `projected` events are in it
    projected = 10_000
    away = 0

    async def members(self, conversation: str, after_user: str | None, limit: int) -> list[Membership]:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("injected")
        found = []
        for user in sorted(USERS):
            place: Membership | None = None
            for event in self.history[: self.projected]:
                place = fold_membership(place, event, user)
            if place is not None and place.active and user > (after_user or ""):
                found.append(place)
        return found[:limit]

    async def progress(self) -> dict[int, int]:
        return {0: min(self.projected, len(self.history))}


def notices(members_limit: int = 1_000, settled_limit: int = 1_000, notified_limit: int = 10_000) -> Notices:
    return Notices(PARTITIONS, members_limit, settled_limit, notified_limit)


async def told(log: MemoryLog) -> list[tuple[int, Notification]]:
    found = []
    for partition in range(PARTITIONS):
        found += [(partition, codec.decode_notification(row.value)) for row in await log.read("notifications", partition, 0, 100_000)]
    return found


async def tell(
    story: Story, bursts: Sequence[Sequence[Record]], remembered: Notices | None = None, moved: Sequence[bool] = ()
) -> list[tuple[int, Notification]]:
    """All that is told of the bursts; `moved`: before which of them everything remembered is forgotten."""
    log = MemoryLog(PARTITIONS)
    working = Notifier(log, story, remembered or notices())
    for number, burst in enumerate(bursts):
        if moved and moved[number % len(moved)]:
            working.reassigned()
        await working.handle(burst)
    return await told(log)


def undelivered(found: Sequence[tuple[int, Notification]]) -> dict[str, set[int]]:
    """What the inbox would hold in the end: user -> seqs notified and not settled, each partition in its order."""
    left: dict[str, set[int]] = {}
    marks: dict[str, int] = {}
    for partition, notification in found:
        if isinstance(notification, MessagesNotified):
            for user in notification.users:
                assert partition == partition_of(user.encode(), PARTITIONS)
                seqs = range(max(notification.from_seq, marks.get(user, 0) + 1), notification.to_seq + 1)
                left.setdefault(user, set()).update(seqs)
        elif isinstance(notification, DeliveriesSettled):
            for mark in notification.marks:
                assert partition == partition_of(mark.user.encode(), PARTITIONS)
                marks[mark.user] = max(mark.up_to_seq, marks.get(mark.user, 0))
                left[mark.user] = {seq for seq in left.get(mark.user, set()) if seq > mark.up_to_seq}
    return {user: seqs for user, seqs in left.items() if seqs}


def test_members_but_the_sender_are_told_and_runs_of_one_sender_are_one_record() -> None:
    story = Story()
    story.say(), story.say(), story.say("u-ben"), story.say()
    found = [each for _, each in asyncio.run(tell(story, [story.records])) if isinstance(each, MessagesNotified)]
    runs = {(each.sender, each.from_seq, each.to_seq): set[str]() for each in found}
    for each in found:
        runs[each.sender, each.from_seq, each.to_seq] |= set(each.users)
    assert runs == {
        ("u-ana", 2, 3): {"u-ben", "u-cleo"},
        ("u-ben", 4, 4): {"u-ana", "u-cleo"},
        ("u-ana", 5, 5): {"u-ben", "u-cleo"},
    }
    assert {each.conversation_kind for each in found} == {"group"}


def test_a_message_that_is_settled_within_its_burst_costs_nothing_once_the_inbox_is_known_to_hold_nothing() -> None:
    story = Story(members=USERS[:2])
    bursts = []
    for _ in range(4):
        begun = len(story.records)
        seq = story.say()
        story.mark("u-ben", seq)
        bursts.append(story.records[begun:])
    found = [each for _, each in asyncio.run(tell(story, [story.records[:1], *bursts]))]
    assert [type(each) for each in found] == [DeliveriesSettled], "the first mark of a user, and then silence"


def test_a_watermark_ahead_of_the_events_is_kept() -> None:
    story = Story(members=USERS[:2])
    first = story.say()
    story.mark("u-ben", first)
    second = story.say()
    story.mark("u-ben", second)
    created, one, mark_one, two, mark_two = story.records
    found = asyncio.run(tell(story, [[created, one, mark_one], [mark_two], [two]]))
    assert undelivered(found) == {}


def test_a_watermark_is_left_out_only_while_nothing_is_outstanding() -> None:
    story = Story(members=USERS[:2])
    first = story.say()
    story.mark("u-ben", first)
    one = story.records[:]
    second, third = story.say(), story.say()
    two = story.records[3:]
    story.mark("u-ben", second)
    three = story.records[5:]
    story.mark("u-ben", third)
    four = story.records[6:]
    story.mark("u-ben", third)  # from another device
    five = story.records[7:]
    found = [each for _, each in asyncio.run(tell(story, [one, two, three, four, five]))]
    marks = [each.marks[0].up_to_seq for each in found if isinstance(each, DeliveriesSettled)]
    assert marks == [first, second, third]


def test_a_message_is_told_to_those_of_its_time_also_when_the_tables_are_newer() -> None:
    story = Story()
    seq = story.say()
    story.add(events.MemberAdded, "u-ana", member="u-dan", role="member")
    story.add(events.MemberLeft, "u-ben")
    assert undelivered(asyncio.run(tell(story, [story.records[1:2]]))) == {"u-cleo": {seq}}


def test_who_left_is_not_told_and_needs_nothing_more_and_a_later_joiner_is_not_told_of_before() -> None:
    story = Story()
    story.say()
    story.add(events.MemberLeft, "u-ben")
    story.add(events.MemberBanned, "u-ana", member="u-cleo", until_ms=0, reason="")
    story.add(events.MemberAdded, "u-ana", member="u-dan", role="member")
    last = story.say()
    for cut in range(len(story.records)):
        found = asyncio.run(tell(story, [story.records[:cut], story.records[cut:]]))
        assert undelivered(found) == {"u-dan": {last}}, cut


def test_large_audiences_are_told_in_pages() -> None:
    users = [f"u-{number}" for number in range(2_501)]
    story = Story(members=users)
    story.say(users[0])
    found = [each for _, each in asyncio.run(tell(story, [story.records])) if isinstance(each, MessagesNotified)]
    assert sorted(user for each in found for user in each.users) == sorted(users[1:])
    assert max(len(each.users) for each in found) == 500
    assert len(found) <= 6


def test_a_preview_settles_nothing_and_reading_does() -> None:
    story = Story()
    seq = story.say()
    story.mark("u-ben", seq, "previewed")
    story.mark("u-ben", 0, "unread")
    story.add(events.ReadMarked, "u-cleo", up_to_seq=seq, up_to_ordinal=1)
    assert undelivered(asyncio.run(tell(story, [story.records]))) == {"u-ben": {seq}}


def test_poison_is_left_to_the_projector() -> None:
    story = Story(members=USERS[:2])
    seq = story.say()
    broken = [story.records[1]._replace(value=b"nonsense"), story.records[1]._replace(key=b"g-other"), story.records[0]._replace(key=None)]
    receipt = Record("receipts", 0, 0, 0, b"k", None)
    found = asyncio.run(tell(story, [[*broken, receipt, *story.records]]))
    assert undelivered(found) == {"u-ben": {seq}}


def test_members_are_loaded_only_when_the_tables_have_everything_before_the_message(monkeypatch: Any) -> None:
    monkeypatch.setattr(notifier, "PROGRESS_S", 0.001)
    monkeypatch.setattr(notifier, "RETRY_S_MIN", 0.001)
    story = Story()
    story.add(events.MemberAdded, "u-ana", member="u-dan", role="member")
    seq = story.say()
    story.projected, story.away = 1, 2

    async def body() -> None:
        log = MemoryLog(PARTITIONS)
        handling = asyncio.ensure_future(Notifier(log, story, notices()).handle(story.records[2:]))
        await asyncio.sleep(0.05)
        assert not handling.done(), "a member that joined just before would be forgotten"
        story.projected = 10_000
        await handling
        assert undelivered(await told(log)) == {user: {seq} for user in ("u-ben", "u-cleo", "u-dan")}

    asyncio.run(body())


def test_what_was_remembered_is_forgotten_when_partitions_move() -> None:
    story = Story()
    story.say()
    remembered = notices()

    async def body() -> None:
        log = MemoryLog(PARTITIONS)
        working = Notifier(log, story, remembered)
        await working.handle(story.records)
        story.add(events.MemberLeft, "u-ben")  # passes elsewhere
        seq = story.say()
        working.reassigned()
        await working.handle(story.records[-1:])
        found = [each for _, each in await told(log) if isinstance(each, MessagesNotified) and each.from_seq == seq]
        assert {user for each in found for user in each.users} == {"u-cleo"}

    asyncio.run(body())


def test_a_log_that_is_away_is_waited_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(notifier, "RETRY_S_MIN", 0.001)
    story = Story()
    seq = story.say()
    failures = 3

    async def fault(operation: str, moment: Moment) -> None:
        nonlocal failures
        if operation == "publish" and failures:
            failures -= 1
            raise LogUnavailable("injected")

    async def body() -> None:
        log = MemoryLog(PARTITIONS, fault=fault)
        await Notifier(log, story, notices()).handle(story.records)
        assert undelivered(await told(log)) == {user: {seq} for user in ("u-ben", "u-cleo")}

    asyncio.run(body())


STEP = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(USERS), st.integers(0, 3)),
    st.tuples(st.just("mark"), st.sampled_from(USERS), st.integers(0, 3)),
    st.tuples(st.sampled_from(["join", "leave"]), st.sampled_from(USERS), st.just(0)),
)


@given(
    st.lists(STEP, max_size=25),
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
    st.integers(0, 2),
    st.integers(1, 3),
    st.lists(st.booleans(), max_size=4),
)
def test_over_random_histories_cuts_and_repeats_the_inbox_holds_what_a_naive_model_says(
    drawn: list[tuple[str, str, int]], cuts: list[int], repeated: int, limit: int, moved: list[bool]
) -> None:
    story = Story()
    marks: dict[str, int] = {}
    for kind, user, amount in drawn:
        inside = story.members_at(len(story.history) + 1)
        match kind:
            case "say" if user in inside:
                story.say(user)
            case "mark" if user in inside:
                marks[user] = max(marks.get(user, 0), len(story.history) - amount)
                if marks[user] > 0:
                    story.mark(user, marks[user])
            case "join" if user not in inside:
                story.add(events.MemberAdded, "u-ana", member=user, role="member")
            case "leave" if user in inside and user != "u-ana":
                marks[user] = story.add(events.MemberLeft, user)
    expected: dict[str, set[int]] = {}
    for event in story.history:
        if isinstance(event, events.MessageSent):
            for user in story.members_at(event.seq) - {event.user}:
                if event.seq > marks.get(user, 0):
                    expected.setdefault(user, set()).add(event.seq)
    bursts, at, turn = [], 0, 0
    while at < len(story.records):
        size = cuts[turn % len(cuts)]
        bursts.append(story.records[max(0, at - repeated) : at + size])  # a restart says the last ones again
        at, turn = at + size, turn + 1
    found = asyncio.run(tell(story, bursts, notices(settled_limit=limit), moved))
    held = undelivered(found)
    for user, seqs in expected.items():
        if user in story.members_at(len(story.history) + 1):
            assert seqs <= held.get(user, set()), "nobody is forgotten"
    messages = {event.seq for event in story.history if isinstance(event, events.MessageSent)}
    for user, seqs in held.items():
        told_of = seqs & messages
        assert not {seq for seq in told_of if seq <= marks.get(user, 0)}, "what is settled stays settled"
        assert all(user in story.members_at(seq) for seq in told_of), "who was no member is not told"


def test_entries_of_a_burst_fit_their_topic() -> None:
    users = [f"u-{number:032d}" for number in range(5_000)]
    story = Story(members=users)
    story.say(users[0])
    remembered = notices()
    told_of = remembered.tell(remembered.read(story.records))
    sizes = [len(entry.value or b"") for entries in told_of.entries.values() for entry in entries if isinstance(entry, Entry)]
    assert max(sizes) < 100_000


def test_of_very_many_members_those_who_are_mentioned_are_told_and_all_of_announcements() -> None:
    story = Story()
    story.say()
    mentioned = story.say(mentions=(USERS[1], USERS[0], USERS[1], "u-stranger"))
    announced = story.say(announcement=True)
    found = asyncio.run(tell(story, [story.records], notices(notified_limit=2)))
    assert undelivered(found) == {USERS[1]: {mentioned, announced}, USERS[2]: {announced}}
    assert {*undelivered(asyncio.run(tell(story, [story.records], notices(notified_limit=3))))} == {USERS[1], USERS[2]}
