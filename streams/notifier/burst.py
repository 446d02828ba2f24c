"""A burst of events and receipts as notifications: who should get what, and what was got. Pure.

Rule 1: consecutive messages of one sender are one record, and records go to the partition of the users' inboxes.
Rule 2: a message and the watermark that settles it within one burst cancel out: nothing is written for that user.
Rule 3: a watermark is left out only if nothing is outstanding: the inbox of that user was told so by an earlier one, and of nothing since.
One that is ahead of the events that passed is never left out: the message it settles is still to come.
Rule 4: in a conversation of more than `notified_limit` members only who is mentioned is told, and all of announcements: 200 messages a
second to 100,000 members would be 20 million notices a second, which nobody would read.
Rule 5: who left a conversation needs nothing more of it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from log.port import Entry, Record
from schemas import codec
from schemas.errors import Undecodable
from schemas.events import ConversationCreated, Event, MemberBanned, MemberLeft, MemberRemoved, MessageSent, ReadMarked
from schemas.notices import DeliveriesSettled, Mark, MessagesNotified
from schemas.partition import partition_of
from schemas.records import WatermarkRaised
from schemas.values import ConversationKind, Qos
from streams.notifier.members import Conversations, Members, created
from streams.notifier.rosters import roster_entries

EVENTS_TOPIC = "conversation-events"
RECEIPTS_TOPIC = "receipts"
NOTIFICATIONS_TOPIC = "notifications"
PAGE_USERS = 500
SETTLES = frozenset({"delivered", "read", "played"})  # a preview was shown by the push itself: the device has not got the message

Place = tuple[str, str]  # user, conversation


@dataclass(slots=True)
class Run:
    """Consecutive messages of one sender to the same users."""

    tenant: str
    conversation_id: str
    kind: ConversationKind
    qos: Qos
    from_seq: int
    to_seq: int
    sender: str
    at_ms: int
    users: dict[int, list[str]]  # by partition


@dataclass(frozen=True, slots=True)
class Read:
    """A burst, decoded. `needed`: conversation -> (partition, offset) of its first message here, where its members are not known."""

    events: list[Event]
    watermarks: list[WatermarkRaised]
    needed: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be published, by partition, and what is settled once that is done."""

    entries: dict[int, list[Entry]]
    rosters: dict[int, list[Entry]]  # of the topic `rosters`
    settled: list[Place]
    outstanding: list[Place]


class Notices:
    """What is remembered from one burst to the next."""

    def __init__(self, partitions_count: int, members_limit: int, settled_limit: int, notified_limit: int) -> None:
        self._partitions_count = partitions_count
        self._settled_limit, self._notified_limit = settled_limit, notified_limit
        self._settled: OrderedDict[Place, None] = OrderedDict()
        self.conversations = Conversations(members_limit)

    def clear(self) -> None:
        """Forget everything: other events may have passed elsewhere."""
        self._settled.clear()
        self.conversations.clear()

    def read(self, records: Iterable[Record]) -> Read:
        """The burst, decoded; what cannot be is left to the projector, which writes the dead letters of these topics."""
        read = Read([], [], {})
        known: set[str] = set()
        for record in records:
            if record.topic == RECEIPTS_TOPIC:
                watermark = _watermark(record)
                if watermark is not None:
                    read.watermarks.append(watermark)
            elif (event := _event(record)) is not None:
                read.events.append(event)
                conversation = event.conversation_id
                if isinstance(event, ConversationCreated):
                    known.add(conversation)
                elif isinstance(event, MessageSent) and conversation not in known:
                    known.add(conversation)
                    if self.conversations.get(conversation) is None:
                        read.needed[conversation] = (record.partition, record.offset)
        return read

    def tell(self, read: Read) -> Told:
        """What the burst comes to. Shape: the members of all it needs are known."""
        runs: list[Run] = []
        last: dict[str, Run] = {}
        marks: dict[Place, tuple[str, Mark]] = {}
        at_ms = 0
        for event in read.events:
            at_ms = max(at_ms, event.at_ms)
            self._take(event, runs, last)
            for mark in _marks_of(event):
                _raise(marks, event.tenant, mark)
        for watermark in read.watermarks:
            at_ms = max(at_ms, watermark.at_ms)
            mark = Mark(watermark.user, watermark.device, watermark.conversation_id, watermark.up_to_seq)
            _raise(marks, watermark.tenant, mark)
        return self._told(runs, marks, at_ms, roster_entries(read.events, self._partitions_count))

    def done(self, told: Told) -> None:
        """All of it is published."""
        for place in told.settled:
            self._settled.pop(place, None)
            self._settled[place] = None
        for place in told.outstanding:
            self._settled.pop(place, None)
        while len(self._settled) > self._settled_limit:
            self._settled.popitem(last=False)
        self.conversations.trim()

    def _take(self, event: Event, runs: list[Run], last: dict[str, Run]) -> None:
        conversation = event.conversation_id
        if isinstance(event, ConversationCreated):
            self.conversations.put(conversation, created(event))
            return
        members = self.conversations.get(conversation)
        if members is None:
            return
        members.fold(event)
        if not isinstance(event, MessageSent):
            if isinstance(event, MemberLeft | MemberRemoved | MemberBanned):
                last.pop(conversation, None)
            return
        users = self._users(members, event)
        run = last.get(conversation)
        if run is not None and (run.sender, run.qos, run.users) == (event.user, event.qos, users):
            run.to_seq = event.seq
            return
        place = (event.tenant, conversation, members.kind, event.qos, event.seq, event.seq, event.user, event.at_ms)
        last[conversation] = Run(*place, users)
        runs.append(last[conversation])

    def _users(self, members: Members, event: MessageSent) -> dict[int, list[str]]:
        """Who is told: all members; of very many those who are mentioned, and of an announcement all."""
        if len(members.joined) > self._notified_limit and not event.announcement:
            return members.chosen(event.mentions, event.user, event.seq, self._partitions_count)
        return members.audience(event.user, event.seq, self._partitions_count)

    def _told(self, runs: list[Run], marks: dict[Place, tuple[str, Mark]], at_ms: int, rosters: dict[int, list[Entry]]) -> Told:
        told = Told({}, rosters, [], [])
        for run in runs:
            for partition, users in run.users.items():
                left = [user for user in users if not _covered(marks.get((user, run.conversation_id)), run.to_seq)]
                told.outstanding.extend((user, run.conversation_id) for user in left)
                told.entries.setdefault(partition, []).extend(_notified(run, left))
        wanted: dict[tuple[int, str], list[Mark]] = {}
        for place, (tenant, mark) in marks.items():
            members = self.conversations.get(mark.conversation_id)
            if members is not None and 0 < members.head_seq <= mark.up_to_seq:
                told.settled.append(place)
                if place in self._settled and mark.up_to_seq <= members.seen_seq:
                    continue
            wanted.setdefault((partition_of(mark.user.encode(), self._partitions_count), tenant), []).append(mark)
        for (partition, tenant), some in wanted.items():
            told.entries.setdefault(partition, []).extend(_settled(tenant, some, at_ms))
        return told


def _covered(found: tuple[str, Mark] | None, to_seq: int) -> bool:
    return found is not None and found[1].up_to_seq >= to_seq


def _raise(marks: dict[Place, tuple[str, Mark]], tenant: str, mark: Mark) -> None:
    place = (mark.user, mark.conversation_id)
    if mark.up_to_seq > 0 and not _covered(marks.get(place), mark.up_to_seq):
        marks[place] = (tenant, mark)


def _marks_of(event: Event) -> Sequence[Mark]:
    match event:
        case ReadMarked():
            return (Mark(event.user, event.device, event.conversation_id, event.up_to_seq),)
        case MemberLeft():
            return (Mark(event.user, "", event.conversation_id, event.seq),)
        case MemberRemoved() | MemberBanned():
            return (Mark(event.member, "", event.conversation_id, event.seq),)
        case _:
            return ()


def _notified(run: Run, users: list[str]) -> Iterable[Entry]:
    for start in range(0, len(users), PAGE_USERS):
        notified = MessagesNotified(
            tenant=run.tenant,
            conversation_id=run.conversation_id,
            conversation_kind=run.kind,
            qos=run.qos,
            from_seq=run.from_seq,
            to_seq=run.to_seq,
            sender=run.sender,
            at_ms=run.at_ms,
            users=tuple(users[start : start + PAGE_USERS]),
        )
        yield Entry(run.conversation_id.encode(), codec.encode(NOTIFICATIONS_TOPIC, notified), run.at_ms)


def _settled(tenant: str, marks: list[Mark], at_ms: int) -> Iterable[Entry]:
    for start in range(0, len(marks), PAGE_USERS):
        settled = DeliveriesSettled(tenant=tenant, at_ms=at_ms, marks=tuple(marks[start : start + PAGE_USERS]))
        yield Entry(None, codec.encode(NOTIFICATIONS_TOPIC, settled), at_ms)


def _event(record: Record) -> Event | None:
    if record.key is None:
        return None  # a control record
    try:
        event = codec.decode_event(record.value)
    except Undecodable:
        return None
    return event if event.conversation_id.encode() == record.key and event.seq > 0 else None


def _watermark(record: Record) -> WatermarkRaised | None:
    try:
        watermark = codec.decode_receipt(record.value)
    except Undecodable:
        return None
    return watermark if watermark.state in SETTLES else None
