"""How many members conversations have, as far as it matters: few or many. Pure; loaded by `edge.fanout`, kept right by the events.

Who hears of a receipt depends on it. Not known yet is a third answer: then somebody has to look.
"""

from collections import OrderedDict

from schemas import events
from store.views import placed

CONVERSATIONS_KEPT = 20_000
DIRECT_PREFIX = "d-"
DIRECT_MEMBERS = 2


class Sizes:
    """Counts up to `limit` + 1: how many more there are makes no difference."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._members: OrderedDict[str, set[str] | None] = OrderedDict()  # None: many

    def is_small(self, conversation: str) -> bool | None:
        """None: not known; `learn` it."""
        if conversation.startswith(DIRECT_PREFIX):
            return self.limit >= DIRECT_MEMBERS
        if conversation not in self._members:
            return None
        self._members.move_to_end(conversation)
        return self._members[conversation] is not None

    def learn(self, conversation: str, members: set[str]) -> None:
        """The members as they are at this moment of the feed, or `limit` + 1 of them where they are more."""
        self._members[conversation] = members if len(members) <= self.limit else None
        self._members.move_to_end(conversation)
        if len(self._members) > CONVERSATIONS_KEPT:
            self._members.popitem(last=False)

    def on_event(self, event: events.Event) -> None:
        conversation = event.conversation_id
        if conversation not in self._members:
            return
        members = self._members[conversation]
        for user, _, active in placed(event):
            if members is None:
                if not active:
                    del self._members[conversation]  # perhaps few now: it is looked up when the next receipt comes
                return
            if active:
                members.add(user)
            else:
                members.discard(user)
        if members is not None and len(members) > self.limit:
            self._members[conversation] = None
