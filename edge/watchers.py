"""Which sessions of this node watch whose presence, what each was told, and what is to be told next. Pure; filled by `edge.presence`.

Rule 1: a session is told a user's presence when it asks and when what it may see changes; never twice the same, so that a user who is
not to be seen cannot be guessed at from frames that say nothing new.
Rule 2: of two states of a user the one with the larger `at_ms` is newer, whichever came first.
Rule 3: between a session's question and its answer nothing is told: the answer holds what came meanwhile.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge import frames
from edge.session import Session
from schemas.ids import direct_conversation_id
from schemas.values import Visibility
from store.presence import PresenceRow
from store.privacy import Privacy
from store.ties import NO_TIE, FriendEvent, Tie, fold_tie

NO_TIES: Mapping[str, Tie] = {}


@dataclass(slots=True, eq=False)
class Watch:
    users: frozenset[str]
    answered: bool = False
    told: dict[str, frames.PresenceEntry] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    ties: dict[str, Tie] = field(default_factory=dict)  # of the direct conversations with the watched


class Watchers:
    def __init__(self, default: Visibility) -> None:
        self._default = default
        self._watches: dict[Session, Watch] = {}
        self._by_user: dict[str, set[Session]] = {}
        self._rows: dict[str, PresenceRow] = {}  # of watched users only
        self._privacies: dict[str, Privacy] = {}
        self._waiting: set[Session] = set()  # those with something changed

    def watch(self, session: Session, users: Iterable[str]) -> Watch:
        """From now on these and no others; what changes is held back until `answer`."""
        watch = Watch(frozenset(users))
        before = self._watches.get(session)
        self._watches[session] = watch
        for user in watch.users:
            self._by_user.setdefault(user, set()).add(session)
        if before is not None:
            self._let_go(session, before.users - watch.users)
        return watch

    def answer(
        self,
        session: Session,
        watch: Watch,
        rows: Mapping[str, PresenceRow],
        privacies: Mapping[str, Privacy],
        ties: Mapping[str, Tie] = NO_TIES,
    ) -> tuple[frames.PresenceEntry, ...] | None:
        """Every watched user as the session may see it, by user id; None when it asked again meanwhile."""
        if self._watches.get(session) is not watch:
            return None
        for row in rows.values():
            self._take(row)
        for user, privacy in privacies.items():
            known = self._privacies.get(user)
            if user in self._by_user and (known is None or known.at_ms <= privacy.at_ms):
                self._privacies[user] = privacy
        watch.ties = {conversation: tie for conversation, tie in ties.items() if tie != NO_TIE}
        watch.answered = True
        watch.changed.clear()
        watch.told = {user: self._entry(session, user) for user in sorted(watch.users)}
        return tuple(watch.told.values())

    def forget(self, session: Session, only: Watch | None = None) -> None:
        """Ends the session's watch, or only this one. Safe to repeat."""
        watch = self._watches.get(session)
        if watch is None or only not in (None, watch):
            return
        del self._watches[session]
        self._waiting.discard(session)
        self._let_go(session, watch.users)

    def on_change(self, row: PresenceRow) -> None:
        if row.user in self._by_user and self._take(row):
            self._changed(row.user)

    def on_privacy(self, user: str, privacy: Privacy) -> None:
        if user in self._by_user:
            self._privacies[user] = privacy
            self._changed(user)

    def on_contacts(self, session: Session) -> None:
        """The session's user has a direct conversation more: all it watches is looked at anew."""
        watch = self._watches.get(session)
        if watch is not None:
            watch.changed |= watch.users
            self._waiting.add(session)

    def on_tie(self, session: Session, event: FriendEvent) -> None:
        """Something happened between the session's user and another. What comes before the answer is in the ties it is made of."""
        other = event.member if event.user == session.user else event.user
        watch = self._watches.get(session)
        if watch is not None and other in watch.users:
            watch.ties[event.conversation_id] = fold_tie(watch.ties.get(event.conversation_id, NO_TIE), event)
            watch.changed.add(other)
            self._waiting.add(session)

    def take(self) -> list[tuple[Session, tuple[frames.PresenceEntry, ...]]]:
        """What is to be told now."""
        waiting, self._waiting = self._waiting, set()
        return [(session, entries) for session in waiting if (entries := self._news(session, self._watches[session]))]

    def is_watched(self, user: str) -> bool:
        return user in self._by_user

    def _news(self, session: Session, watch: Watch) -> tuple[frames.PresenceEntry, ...]:
        if not watch.answered:
            return ()
        news = {user: self._entry(session, user) for user in sorted(watch.changed)}
        watch.changed.clear()
        news = {user: entry for user, entry in news.items() if entry != watch.told.get(user)}
        watch.told |= news
        return tuple(news.values())

    def _take(self, row: PresenceRow) -> bool:
        known = self._rows.get(row.user)
        if known is not None and known.at_ms >= row.at_ms:
            return False
        self._rows[row.user] = row
        return True

    def _changed(self, user: str) -> None:
        for session in self._by_user[user]:
            self._watches[session].changed.add(user)
            self._waiting.add(session)

    def _let_go(self, session: Session, users: Iterable[str]) -> None:
        for user in users:
            sessions = self._by_user[user]
            sessions.discard(session)
            if not sessions:
                del self._by_user[user]
                self._rows.pop(user, None)
                self._privacies.pop(user, None)

    def _entry(self, session: Session, user: str) -> frames.PresenceEntry:
        row = self._rows.get(user)
        if row is None or not self._may_see(session, user):
            return frames.PresenceEntry(user, "offline")
        return frames.PresenceEntry(user, row.state, row.status, row.last_seen_ms)

    def _may_see(self, session: Session, user: str) -> bool:
        if session.user == user:
            return True
        tie = self._watches[session].ties.get(direct_conversation_id(session.user, user), NO_TIE)
        if user in tie.blocked_by:
            return False
        privacy = self._privacies.get(user)
        visibility = self._default if privacy is None else privacy.presence
        if visibility == "contacts":
            return direct_conversation_id(session.user, user) in session.conversations
        return visibility == "everyone" or (visibility == "friends" and tie.friends)
