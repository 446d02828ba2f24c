"""Which sessions of this node are interested in what. Pure bookkeeping; filled by `edge.hello` and `edge.delivery`."""

import sys
from collections import OrderedDict
from collections.abc import Collection

from edge.session import Session

ASKED_KEPT = 10_000  # more than commands can be unanswered at a time, as far as one answers within seconds


class Hub:
    def __init__(self) -> None:
        self.by_conversation: dict[str, set[Session]] = {}
        self.by_user: dict[str, set[Session]] = {}
        self.sessions: dict[str, Session] = {}
        self.heads: dict[str, int] = {}  # newest seq this node knows of, of conversations with a session here

        self._asked: OrderedDict[str, None] = OrderedDict()

    def ask(self, session: Session, conversation: str) -> None:
        """A command of the session is on its way: it waits for an event of the conversation, also where it is no member."""
        if conversation not in session.conversations:
            self._asked[conversation] = None
            self._asked.move_to_end(conversation)
            if len(self._asked) > ASKED_KEPT:
                self._asked.popitem(last=False)

    def follows(self, conversation: str) -> bool:
        """Whether somebody here needs the conversation's events."""
        return conversation in self.by_conversation or conversation in self._asked

    def open(self, session: Session, conversations: Collection[str]) -> None:
        self.sessions[session.id] = session
        self.by_user.setdefault(session.user, set()).add(session)
        for conversation in conversations:
            self.join(session, conversation)

    def close(self, session: Session) -> None:
        """Safe to repeat."""
        if self.sessions.pop(session.id, None) is None:
            return
        for conversation in session.conversations:
            self._forget(session, conversation)
        session.conversations.clear()
        _discard(self.by_user, session.user, session)

    def join(self, session: Session, conversation: str) -> None:
        conversation = sys.intern(conversation)  # one string for the thousands of sets that hold it
        session.conversations.add(conversation)
        self.by_conversation.setdefault(conversation, set()).add(session)

    def leave(self, session: Session, conversation: str) -> None:
        session.conversations.discard(conversation)
        session.catching_up.discard(conversation)
        session.given.pop(conversation, None)
        session.unacked.pop(conversation, None)
        self._forget(session, conversation)

    def know_head(self, conversation: str, seq: int) -> None:
        """The conversation has an event `seq`, as a directory, a page or the feed says."""
        if conversation in self.by_conversation and seq > self.heads.get(conversation, 0):
            self.heads[conversation] = seq

    def _forget(self, session: Session, conversation: str) -> None:
        _discard(self.by_conversation, conversation, session)
        if conversation not in self.by_conversation:
            self.heads.pop(conversation, None)

    def of_conversation(self, conversation: str) -> Collection[Session]:
        return self.by_conversation.get(conversation, ())

    def of_user(self, user: str) -> Collection[Session]:
        return self.by_user.get(user, ())

    def of_device(self, user: str, device: str) -> list[Session]:
        return [session for session in self.of_user(user) if session.device == device]


def _discard(index: dict[str, set[Session]], key: str, session: Session) -> None:
    sessions = index.get(key)
    if sessions is not None:
        sessions.discard(session)
        if not sessions:
            del index[key]
