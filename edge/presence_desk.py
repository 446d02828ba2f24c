"""Presence for the sessions of this node: what they ask, and what changes. The shell around `edge.watchers`.

Called by `edge.requests` (questions), the feed (topic presence), the account desk and the node's loop; calls the tables and the reader.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from edge import frames
from edge.errors import BadRequest
from edge.hub import Hub
from edge.privacies import Privacies
from edge.reading import understood
from edge.session import Session
from edge.watchers import Watchers
from log.port import Record
from schemas import events
from schemas.accounts import PrivacyChanged
from schemas.errors import WarblerError
from schemas.ids import direct_conversation_id
from schemas.records import PresenceChanged
from store.presence import PresenceRow, Presences
from store.ties import FriendEvent, Tie

SUPERSEDED = "this session asked again before it was answered"

# (conversation, limit) -> its members, at most so many
SomeMembers = Callable[[str, int], Awaitable[Iterable[str]]]
# direct conversations -> what stands between their two users now
TiesOf = Callable[[Iterable[str]], Awaitable[Mapping[str, Tie]]]


async def _no_ties(_: Iterable[str]) -> Mapping[str, Tie]:
    """Until a node is there that knows them."""
    return {}


class PresenceDesk:
    def __init__(
        self,
        hub: Hub,
        table: Presences,
        privacies: Privacies,
        some_members: SomeMembers,
        watched_limit: int,
    ) -> None:
        self._hub, self._table, self._privacies = hub, table, privacies
        self._some_members, self._watched_limit = some_members, watched_limit
        self.watchers = Watchers(privacies.default.presence)
        self.ties_of: TiesOf = _no_ties  # set by `edge.node`
        self._asked: dict[Session, frames.WatchPresence] = {}  # the newest question of each session

    async def answer(self, session: Session, question: frames.WatchPresence) -> None:
        """Raises: BadRequest("too_many") and nothing changes; BadRequest("superseded"); StoreUnavailable."""
        if session.id not in self._hub.sessions:
            return
        users = {*question.users}
        self._asked[session] = question
        for conversation in question.conversations:
            users |= set(await self._some_members(conversation, self._watched_limit + 1))
            if len(users) > self._watched_limit:
                raise BadRequest("too_many", f"at most {self._watched_limit} users can be watched")
        if self._asked.get(session) is not question:
            raise BadRequest("superseded", SUPERSEDED)
        # watched from before the rows are read, and the inbox writes a row before it tells the change: nothing falls in between
        watch = self.watchers.watch(session, users)
        try:
            privacies = await self._privacies.of(users)
            rows = await self._table.get(users)
            # last, with everything that is in the log now: a block holds for the very next look
            ties = await self.ties_of(direct_conversation_id(session.user, user) for user in users if user != session.user)
        except WarblerError:
            self.watchers.forget(session, watch)
            raise
        entries = self.watchers.answer(session, watch, rows, privacies, ties)
        if entries is None:
            raise BadRequest("superseded", SUPERSEDED)
        session.sink.write(frames.Presence(question.request, entries))

    def forget(self, session: Session) -> None:
        """The session ended."""
        self._asked.pop(session, None)
        self.watchers.forget(session)

    def on_presence(self, records: Iterable[Record]) -> None:
        for record in records:
            if not self.watchers.is_watched((record.key or b"").decode("utf-8", "replace")):
                continue
            change = understood(record, PresenceChanged)
            if change is not None:
                self.watchers.on_change(PresenceRow(change.user, change.state, change.status, change.last_seen_ms, change.at_ms))

    def on_privacy_changed(self, change: PrivacyChanged) -> None:
        privacy = self._privacies.on_change(change)
        self.watchers.on_privacy(change.user, privacy)
        for session in self._hub.of_user(change.user):
            session.hides_receipts = not privacy.receipts

    def on_event(self, event: events.Event) -> None:
        """A new direct conversation makes two users contacts; requests, friendships and blocks change who sees whom."""
        if isinstance(event, FriendEvent):
            for session in self._hub.of_conversation(event.conversation_id):
                self.watchers.on_tie(session, event)
        if isinstance(event, events.ConversationCreated) and event.conversation_kind == "direct":
            for session in self._hub.of_conversation(event.conversation_id):
                self.watchers.on_contacts(session)

    def tell(self) -> None:
        for session, entries in self.watchers.take():
            session.sink.write(frames.Presence("", entries))
