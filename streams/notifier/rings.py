"""What follows for users from the events of calls: whom a call rings and whom it rings no more, and the call's note. Pure.

Called by `streams.notifier.calls` for every event of call-events.
Rule 1: an event says all that is needed, so nothing is remembered here: that a call's end stops what still rang stands in its record.
Rule 2: the same event always comes to the same records; who reads them tells repeats by `seq`.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from log.port import Entry
from rtc.record import call_record, timeline_entry
from schemas import call_events as events
from schemas import codec
from schemas.commands import NoteCall
from schemas.ids import UUID7_RANDOM_BITS, uuid7
from schemas.notices import RingNotified, RingOutcome, RingSettled
from schemas.partition import partition_of

CALL_EVENTS_TOPIC = "call-events"
COMMANDS_TOPIC = "conversation-commands"
NOTIFICATIONS_TOPIC = "notifications"
PAGE_USERS = 500

Ring = RingNotified | RingSettled


def rings_of(event: events.Event) -> Iterator[Ring]:
    """What the event is to those it rings or rang. Shape: users of any partition."""
    match event:
        case events.CallRequested() | events.PartiesInvited():
            yield _rung(event)
        case events.RingDelivered():
            yield _settled(event, "delivered", event.user)
        case events.CallAccepted() | events.ParticipantJoined() | events.CallRejected() | events.CallBusy():
            yield _settled(event, "stopped", event.user)
        case events.RingTimedOut() | events.InviteCancelled():
            yield _settled(event, "missed", event.party)
        case events.CallRecorded():
            yield from _ended(event)
        case _:
            pass


def _rung(event: events.CallRequested | events.PartiesInvited) -> RingNotified:
    one_to_one = isinstance(event, events.CallRequested) and event.call_kind == "one_to_one"
    return RingNotified(
        tenant=event.tenant,
        conversation_id=event.conversation_id,
        conversation_kind="direct" if one_to_one else "group",
        call_id=event.call_id,
        seq=event.seq,
        caller=event.user,
        video=event.media == "video",
        deadline_ms=event.ring_deadline_ms,
        at_ms=event.at_ms,
        users=tuple(user for user in event.callees if user not in event.busy),
    )


def _settled(event: events.Event, outcome: RingOutcome, *users: str) -> RingSettled:
    return RingSettled(
        tenant=event.tenant,
        conversation_id=event.conversation_id,
        call_id=event.call_id,
        seq=event.seq,
        outcome=outcome,
        at_ms=event.at_ms,
        users=users,
    )


def _ended(event: events.CallRecorded) -> Iterator[RingSettled]:
    """Whom it rang to the end: everybody else's ring was over before, by an event of its own."""
    rung = [party for party in event.parties if party.state == "cancelled"]
    yield _settled(event, "missed", *(party.user for party in rung if not party.answered_at_ms))
    yield _settled(event, "stopped", *(party.user for party in rung if party.answered_at_ms))  # it was in the call before


def ring_entries(history: Iterable[events.Event], partitions_count: int) -> dict[int, list[Entry]]:
    """What is to be published on notifications, by partition of the users' inboxes. Shape: in the order of the events."""
    entries: dict[int, list[Entry]] = {}
    for event in history:
        for ring in rings_of(event):
            for partition, part in _placed(ring, partitions_count):
                key = ring.conversation_id.encode()
                entries.setdefault(partition, []).append(Entry(key, codec.encode(NOTIFICATIONS_TOPIC, part), ring.at_ms))
    return entries


def _placed(ring: Ring, partitions_count: int) -> Iterator[tuple[int, Ring]]:
    places: dict[int, list[str]] = {}
    for user in ring.users:
        places.setdefault(partition_of(user.encode(), partitions_count), []).append(user)
    for partition, users in places.items():
        for start in range(0, len(users), PAGE_USERS):
            yield partition, _with_users(ring, tuple(users[start : start + PAGE_USERS]))


def _with_users(ring: Ring, users: tuple[str, ...]) -> Ring:
    fields = {name: getattr(ring, name) for name in ring.__struct_fields__}
    return type(ring)(**{**fields, "users": users})


# ---- the note in the conversation


def note_of(event: events.CallRecorded) -> NoteCall:
    """The command by which the call gets its place in the conversation. Its id is made of the call's, so a repeat is known as one."""
    entry = timeline_entry(call_record(event))
    chance = int.from_bytes(sha256(f"note {event.call_id}".encode()).digest()) % (1 << UUID7_RANDOM_BITS)
    return NoteCall(
        tenant=event.tenant,
        conversation_id=event.conversation_id,
        command_id=uuid7(event.ended_at_ms, chance),
        user=event.caller,
        device="",
        trace_id=event.trace_id,
        received_at_ms=event.at_ms,
        call_id=event.call_id,
        call_seq=event.seq,
        call_kind=event.call_kind,
        media=event.media,
        outcome=entry.outcome,
        duration_ms=entry.duration_ms,
        missed_by=entry.missed_by,
    )


def note_entries(history: Iterable[events.Event], partitions_count: int) -> dict[int, list[Entry]]:
    """What is to be published on conversation-commands, by partition. Shape: in the order of the events."""
    entries: dict[int, list[Entry]] = {}
    for event in history:
        if isinstance(event, events.CallRecorded):
            key = event.conversation_id.encode()
            entries.setdefault(partition_of(key, partitions_count), []).append(
                Entry(key, codec.encode(COMMANDS_TOPIC, note_of(event)), event.at_ms)
            )
    return entries
