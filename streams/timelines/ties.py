"""What an event puts into the table `ties`: the cells of `store.ties.fold_tie`, each under its event's seq. Pure."""

from schemas import events
from store import cql
from streams.timelines.write import Write


def tie_writes(event: events.Event) -> list[Write]:
    """Shape: none for most events, those of groups among them. What a message changes is not written: readers find it in the events."""
    match event:
        case events.ConversationCreated():
            return [_refusal(event, user, True) for user in sorted(set(event.refuse_strangers))]
        case events.FriendRequested():
            return [_relation(event, False, event.user, event.text)]
        case events.FriendAccepted():
            return [_relation(event, True)]
        case events.FriendDeclined():
            return [_relation(event, False)]
        case events.FriendRemoved():
            refusals = [_refusal(event, user, user in event.refuse_strangers) for user in sorted({event.user, event.member})]
            return [_relation(event, False), *refusals]
        case events.UserBlocked() | events.UserUnblocked():
            since_seq = event.seq if isinstance(event, events.UserBlocked) else -event.seq
            return [Write(cql.PUT_BLOCK, (event.seq, event.user, since_seq, event.conversation_id))]
        case _:
            return []


def _relation(event: events.Event, friends: bool, asked_by: str = "", text: str = "") -> Write:
    return Write(cql.PUT_TIE, (event.conversation_id, friends, asked_by, text, event.seq, event.seq))


def _refusal(event: events.Event, user: str, refuses: bool) -> Write:
    return Write(cql.PUT_REFUSAL, (event.seq, user, event.seq if refuses else -event.seq, event.conversation_id))
