"""Who is in a conversation, kept up to date by its events as they pass, for as many conversations as there is room. Pure.

Rule 1: what was loaded may be newer than the events that pass, never older: each member keeps the seq that placed it, and older ones change
nothing. Rule 2: who joined at a seq is not told of what was sent before.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.events import ConversationCreated, Event, MemberAdded, MemberBanned, MemberLeft, MemberRemoved, MessageSent
from schemas.partition import partition_of
from schemas.values import ConversationKind
from store.views import members_of


@dataclass(slots=True)
class Members:
    """`joined`: user -> the seq that made it a member. `head_seq`, `seen_seq`: of the newest message and event here, 0: none."""

    kind: ConversationKind
    joined: dict[str, int]
    head_seq: int = 0
    seen_seq: int = 0
    _newest_seq: int = -1
    _placed: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def fold(self, event: Event) -> None:
        self.seen_seq = max(self.seen_seq, event.seq)
        match event:
            case MessageSent():
                self.head_seq = max(self.head_seq, event.seq)
            case MemberAdded():
                if self.joined.get(event.member, 0) < event.seq:
                    self._put(event.member, event.seq)
            case MemberRemoved() | MemberBanned():
                self._drop(event.member, event.seq)
            case MemberLeft():
                self._drop(event.user, event.seq)
            case _:
                pass

    def _put(self, user: str, seq: int) -> None:
        self.joined[user] = seq
        self._placed.clear()

    def _drop(self, user: str, seq: int) -> None:
        if self.joined.get(user, seq) < seq:
            del self.joined[user]
            self._placed.clear()

    def placed(self, partitions_count: int) -> dict[int, tuple[str, ...]]:
        """All members by the partition of their inbox."""
        if not self._placed:
            places: dict[int, list[str]] = {}
            for user in self.joined:
                places.setdefault(partition_of(user.encode(), partitions_count), []).append(user)
            self._placed = {partition: tuple(users) for partition, users in places.items()}
            self._newest_seq = max(self.joined.values(), default=0)
        return self._placed

    def audience(self, sender: str, seq: int, partitions_count: int) -> dict[int, list[str]]:
        """Who should get a message, by partition: the members of its time but its sender."""
        placed = self.placed(partitions_count)
        if self._newest_seq < seq:
            return {partition: [user for user in users if user != sender] for partition, users in placed.items()}
        joined = self.joined
        return {partition: [user for user in users if user != sender and joined[user] < seq] for partition, users in placed.items()}

    def chosen(self, users: Iterable[str], sender: str, seq: int, partitions_count: int) -> dict[int, list[str]]:
        """Those of the users who should get it, by partition: as `audience`, without looking at all members."""
        found: dict[int, list[str]] = {}
        for user in dict.fromkeys(users):
            if user != sender and self.joined.get(user, seq) < seq:
                found.setdefault(partition_of(user.encode(), partitions_count), []).append(user)
        return found


def created(event: ConversationCreated) -> Members:
    return Members(event.conversation_kind, {member.user: event.seq for member in members_of(event)})


class Conversations:
    """The members of the conversations that were needed last. Shape: at most `members_limit` members in all after `trim`."""

    def __init__(self, members_limit: int) -> None:
        self._limit = members_limit
        self._known: OrderedDict[str, Members] = OrderedDict()

    def get(self, conversation: str) -> Members | None:
        members = self._known.get(conversation)
        if members is not None:
            self._known.move_to_end(conversation)
        return members

    def put(self, conversation: str, members: Members) -> None:
        self._known[conversation] = members

    def trim(self) -> None:
        """Forget those that were not needed for longest; not within a burst, which may need them again."""
        count = sum(len(members.joined) for members in self._known.values())
        while count > self._limit and len(self._known) > 1:
            _, members = self._known.popitem(last=False)
            count -= len(members.joined)

    def clear(self) -> None:
        self._known.clear()

    def __len__(self) -> int:
        return len(self._known)
