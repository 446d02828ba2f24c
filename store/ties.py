"""What stands between the two users of a direct conversation: friendship, requests, blocks, and who takes no messages from strangers.

Pure. One fold and one judgement: used by the owner (`streams.conversations`), by the projector's tests, and by the edge, which lays events
that are not projected yet over the row of `ties`.
Rule 1: a block hides nothing that was: friends stay friends, a request stays open; it only stops what is new.
Rule 2: the stranger policy of both users is taken into the conversation when it begins and when a friendship ends, and nowhere else. Who
refuses strangers opens the conversation by writing in it.
"""

from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from schemas import events
from schemas.values import Relation

TieCode = Literal["blocked", "strangers_refused"]


class Tie(Struct, frozen=True):
    """Shape: at most one of `friends` and `asked_by`; the other fields name one or both of the two users, sorted.

    `declined`: (who asked, when it was declined), until the two are friends. `since_seq`: of the event that made the relation.
    """

    friends: bool = False
    asked_by: str = ""
    text: str = ""  # what was said with the request that is open
    since_seq: int = 0
    blocked_by: tuple[str, ...] = ()
    refusing: tuple[str, ...] = ()
    declined: tuple[tuple[str, int], ...] = ()

    def relation(self, user: str) -> Relation:
        """As this one of the two sees it."""
        if self.friends:
            return "friends"
        if not self.asked_by:
            return "none"
        return "requested" if self.asked_by == user else "asked"

    def declined_at_ms(self, user: str) -> int | None:
        return dict(self.declined).get(user)


class TieRefusal(NamedTuple):
    code: TieCode
    detail: str


NO_TIE = Tie()
FriendEvent = (
    events.FriendRequested
    | events.FriendAccepted
    | events.FriendDeclined
    | events.FriendRemoved
    | events.UserBlocked
    | events.UserUnblocked
)


def fold_tie(tie: Tie, event: events.Event) -> Tie:
    """The tie after the event; of events of groups it stays as it is, but for whom a writer takes messages from."""
    match event:
        case events.ConversationCreated():
            return replace(tie, refusing=_sorted(event.refuse_strangers))
        case events.MessageSent():
            return replace(tie, refusing=_without(tie.refusing, event.user)) if event.user in tie.refusing else tie
        case events.FriendRequested():
            return replace(tie, friends=False, asked_by=event.user, text=event.text, since_seq=event.seq)
        case events.FriendAccepted():
            return replace(tie, friends=True, asked_by="", text="", since_seq=event.seq, declined=())
        case events.FriendDeclined():
            declined = tuple(sorted({**dict(tie.declined), event.member: event.at_ms}.items()))
            return replace(tie, friends=False, asked_by="", text="", since_seq=event.seq, declined=declined)
        case events.FriendRemoved():
            return replace(tie, friends=False, asked_by="", text="", since_seq=event.seq, refusing=_sorted(event.refuse_strangers))
        case events.UserBlocked():
            return replace(tie, blocked_by=_sorted((*tie.blocked_by, event.user)))
        case events.UserUnblocked():
            return replace(tie, blocked_by=_without(tie.blocked_by, event.user))
        case _:
            return tie


def refusal_of_writing(tie: Tie, user: str) -> TieRefusal | None:
    """Why the user may not write to the other (messages, edits, reactions); None if it may."""
    if tie.blocked_by:
        return blocked(tie, user)
    if not tie.friends and any(other != user for other in tie.refusing):
        return TieRefusal("strangers_refused", "the other user takes messages from friends only; ask to be one")
    return None


def blocked(tie: Tie, user: str) -> TieRefusal:
    if user in tie.blocked_by:
        return TieRefusal("blocked", "you blocked this user; unblock it first")
    return TieRefusal("blocked", "the other user does not take anything from you")


def _sorted(users: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(users)))


def _without(users: tuple[str, ...], user: str) -> tuple[str, ...]:
    return tuple(other for other in users if other != user)
