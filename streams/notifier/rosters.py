"""What an event of a conversation changes in its users' rosters, told each of them under its own key (topic `rosters`). Pure.

Rule 1: of a block only the one who blocks is told. Rule 2: an event always says the same, so telling it twice changes nothing: the
rows keep the larger seq.
"""

from collections.abc import Iterable

from log.port import Entry
from schemas import codec, events
from schemas.accounts import ApplicationChanged, InvitationChanged, RosterChanged, RosterEvent
from schemas.partition import partition_of
from schemas.values import Relation

ROSTERS_TOPIC = "rosters"


def roster_entries(history: Iterable[events.Event], partitions_count: int) -> dict[int, list[Entry]]:
    """By partition of the user. Shape: in the order of the events."""
    entries: dict[int, list[Entry]] = {}
    for event in history:
        for told in roster_events(event):
            key = told.user.encode()
            entry = Entry(key, codec.encode(ROSTERS_TOPIC, told), told.at_ms)
            entries.setdefault(partition_of(key, partitions_count), []).append(entry)
    return entries


def roster_events(event: events.Event) -> tuple[RosterEvent, ...]:
    match event:
        case events.FriendRequested():
            return _both(event, event.member, "requested", "asked", event.text)
        case events.FriendAccepted():
            return _both(event, event.member, "friends", "friends", event.text)
        case events.FriendDeclined() | events.FriendRemoved():
            return _both(event, event.member, "none", "none", event.text if isinstance(event, events.FriendDeclined) else "")
        case events.UserBlocked() | events.UserUnblocked():
            return (_changed(event, event.user, event.member, blocked=isinstance(event, events.UserBlocked)),)
        case events.MemberInvited():
            return (_invitation(event, event.member, "invited"),)
        case events.InvitationDeclined():
            return (_invitation(event, event.user, "declined"),)
        case events.MemberAdded(via="invitation"):
            return (_invitation(event, event.member, "joined"),)
        case events.ApplicationMade():
            return (_application(event, event.user, "applied"),)
        case events.ApplicationDeclined():
            return (_application(event, event.member, "declined", event.reason),)
        case events.MemberAdded(via="application"):
            return (_application(event, event.member, "joined"),)
        case _:
            return ()


def _both(event: events.Event, member: str, own: Relation, others: Relation, text: str) -> tuple[RosterChanged, RosterChanged]:
    return (
        _changed(event, event.user, member, relation=own, text=text),
        _changed(event, member, event.user, relation=others, text=text),
    )


def _changed(
    event: events.Event, user: str, other: str, relation: Relation | None = None, blocked: bool | None = None, text: str = ""
) -> RosterChanged:
    return RosterChanged(
        tenant=event.tenant,
        user=user,
        at_ms=event.at_ms,
        other=other,
        conversation_id=event.conversation_id,
        seq=event.seq,
        relation=relation,
        blocked=blocked,
        text=text,
    )


def _invitation(event: events.Event, user: str, state: str) -> InvitationChanged:
    fields = {"tenant": event.tenant, "user": user, "at_ms": event.at_ms, "conversation_id": event.conversation_id, "seq": event.seq}
    return InvitationChanged(**fields, state=state, by=event.user)  # type: ignore[arg-type]  # the states are those named above


def _application(event: events.Event, user: str, state: str, reason: str = "") -> ApplicationChanged:
    fields = {"tenant": event.tenant, "user": user, "at_ms": event.at_ms, "conversation_id": event.conversation_id, "seq": event.seq}
    return ApplicationChanged(**fields, state=state, by=event.user, reason=reason)  # type: ignore[arg-type]  # as above
