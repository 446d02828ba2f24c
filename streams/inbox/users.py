"""All users of one partition: what records and time come to, what has to be saved, and from when on. Pure; time is an argument.

Called by `lane`. Rule 1: every notification that was taken in a generation before `oldest_unsaved` is settled or saved.
Rule 2: what is pending is saved once it has been so for a whole generation: what is delivered sooner costs no record.
Rule 3: nothing is asked for what is pending while `holding`: marks that settle it may follow.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from typing import assert_never

from schemas.notices import DeliveriesSettled, InboxSaved, Mark, MessagesNotified, Notification, RingNotified, RingSettled
from schemas.records import PresenceChanged, SessionEvent
from streams.inbox.limits import InboxLimits
from streams.inbox.presence import Shown
from streams.inbox.user import Effect, User

Place = tuple[str, str]  # user, conversation


class Users:
    def __init__(self, limits: InboxLimits) -> None:
        self._limits = limits
        self._users: dict[str, User] = {}
        self._wakes: list[tuple[int, str]] = []
        self._unsaved: OrderedDict[str, int] = OrderedDict()  # user -> generation of its oldest change, ascending
        self._marks: OrderedDict[Place, int] = OrderedDict()
        self._floor_ms = 0  # no presence is published with a time before those that were forgotten
        self._now_ms = 0
        self._effects: list[Effect] = []
        self.generation = 0
        self.pending_count = 0  # (user, conversation) with something pending
        self.holding = True

    def __len__(self) -> int:
        return len(self._users)

    # ---- taking over: everything is loaded, then `begin`

    def load_presence(self, record: PresenceChanged) -> None:
        """Shape: in the log's order; the last of a user counts."""
        user = self._user(record.user, record.tenant)
        user.shown = Shown(record.state, record.status, record.last_seen_ms, record.at_ms)
        user.sessions.status = record.status
        user.sessions.online_ms = record.last_seen_ms

    def load_session(self, event: SessionEvent) -> None:
        self._user(event.user, event.tenant).on_session(event)

    def load_saved(self, name: str, saved: InboxSaved | None) -> None:
        """Shape: in the log's order; None: nothing is pending for the user any more."""
        if saved is None:
            if (user := self._users.get(name)) is not None:
                user.pending, user.rings, user.saved = {}, {}, False
            return
        user = self._user(name, saved.tenant)
        user.pending, user.saved = {each.conversation_id: each for each in saved.pending}, True
        user.rings = {each.call_id: each for each in saved.rings}

    def begin(self, now_ms: int) -> None:
        """All is loaded: from here on time counts."""
        self._now_ms = now_ms
        for name in list(self._users):
            self._evaluate(name, now_ms)

    def release(self, now_ms: int) -> None:
        """The notifications that were there at the take-over are in: what is pending now is."""
        self.holding = False
        for name, user in list(self._users.items()):
            if user.pending or user.rings:
                self._evaluate(name, now_ms)

    # ---- records

    def on_session(self, event: SessionEvent, now_ms: int) -> None:
        self._user(event.user, event.tenant).on_session(event)
        self._evaluate(event.user, now_ms)

    def on_notification(self, notification: Notification, now_ms: int) -> None:
        match notification:
            case MessagesNotified():
                for name in notification.users:
                    self._notified(name, notification, now_ms)
            case DeliveriesSettled():
                for mark in notification.marks:
                    self._settled(mark, now_ms)
            case RingNotified():
                for name in notification.users:
                    self._rung(name, notification, now_ms)
            case RingSettled():
                for name in notification.users:
                    self._ring_settled(name, notification, now_ms)
            case _:
                assert_never(notification)

    def _notified(self, name: str, notification: MessagesNotified, now_ms: int) -> None:
        conversation = notification.conversation_id
        from_seq = max(notification.from_seq, self._marks.get((name, conversation), 0) + 1)
        if from_seq > notification.to_seq:
            return
        user = self._user(name, notification.tenant)
        self._effects += user.on_notified(notification, from_seq, now_ms, self._limits)
        if not self.holding and conversation in user.pending:
            self._effects += user.reach(conversation, now_ms, self._limits)
        self._note(user)
        self._plan(user, now_ms)

    def _settled(self, mark: Mark, now_ms: int) -> None:
        place = (mark.user, mark.conversation_id)
        self._marks[place] = max(mark.up_to_seq, self._marks.pop(place, 0))
        if len(self._marks) > self._limits.watermarks_limit:
            self._marks.popitem(last=False)
        user = self._users.get(mark.user)
        if user is not None:
            self._effects += user.on_delivered(mark.conversation_id, mark.up_to_seq, now_ms)
            self._note(user)

    def _rung(self, name: str, notification: RingNotified, now_ms: int) -> None:
        user = self._user(name, notification.tenant)
        user.on_rung(notification, now_ms, self._limits)
        if not self.holding:
            self._effects += user.reach_rings(now_ms, self._limits)
        self._note(user)
        self._plan(user, now_ms)

    def _ring_settled(self, name: str, said: RingSettled, now_ms: int) -> None:
        user = self._users.get(name)
        if user is not None:
            self._effects += user.on_ring_settled(said, now_ms, self._limits)
            self._note(user)
            self._plan(user, now_ms)

    # ---- time

    def due(self, now_ms: int) -> None:
        """Do what time has brought. A clock that was set back makes everything look again."""
        if now_ms < self._now_ms:
            for name in list(self._users):
                self._evaluate(name, now_ms)
        self._now_ms = now_ms
        while self._wakes and self._wakes[0][0] <= now_ms:
            wake_ms, name = heapq.heappop(self._wakes)
            user = self._users.get(name)
            if user is not None and user.wake_ms == wake_ms:
                user.wake_ms = None
                self._evaluate(name, now_ms)

    @property
    def next_ms(self) -> int | None:
        return self._wakes[0][0] if self._wakes else None

    def take_effects(self) -> list[Effect]:
        """What is to be done now, oldest first; each is handed out once."""
        effects, self._effects = self._effects, []
        return effects

    def _evaluate(self, name: str, now_ms: int) -> None:
        user = self._users[name]
        self._effects += user.tell(now_ms, self._floor_ms, self._limits)
        if not self.holding:
            for conversation in list(user.pending):
                self._effects += user.reach(conversation, now_ms, self._limits)
            self._effects += user.reach_rings(now_ms, self._limits)
        self._note(user)
        if user.idle(now_ms, self._limits):
            self._floor_ms = max(self._floor_ms, user.shown.at_ms + 1)
            del self._users[name]
        else:
            self._plan(user, now_ms)

    def _plan(self, user: User, now_ms: int) -> None:
        wake_ms = user.next_ms(now_ms, self._limits, reaching=not self.holding)
        if wake_ms is not None and (user.wake_ms is None or wake_ms < user.wake_ms):
            user.wake_ms = wake_ms
            heapq.heappush(self._wakes, (wake_ms, user.name))

    # ---- saving

    def _note(self, user: User) -> None:
        self.pending_count += len(user.pending) - user.counted
        user.counted = len(user.pending)
        if not user.changed:
            self._unsaved.pop(user.name, None)
        elif user.name not in self._unsaved:
            self._unsaved[user.name] = self.generation

    @property
    def oldest_unsaved(self) -> int | None:
        """The generation of the oldest change that is not saved. None: all are."""
        return next(iter(self._unsaved.values()), None)

    def unsaved(self) -> list[str]:
        """Users with changes of an earlier generation; what comes from now on is of the next one."""
        names = [name for name, generation in self._unsaved.items() if generation < self.generation]
        self.generation += 1
        return names

    def snapshot(self, name: str, now_ms: int) -> InboxSaved | None:
        """What is to be saved of the user; None: that nothing is pending."""
        user = self._users[name]
        if not user.pending and not user.rings:
            return None
        return InboxSaved(
            tenant=user.tenant, user=name, at_ms=now_ms, pending=tuple(user.pending.values()), rings=tuple(user.rings.values())
        )

    def saved(self, names: Iterable[str]) -> None:
        """Their snapshots are in the log."""
        for name in names:
            user = self._users[name]
            user.saved, user.changed = bool(user.pending or user.rings), False
            self._unsaved.pop(name, None)
            if not user.saved:
                self._plan(user, self._now_ms)  # it may be idle now

    def _user(self, name: str, tenant: str) -> User:
        user = self._users.get(name)
        if user is None:
            user = self._users[name] = User(name, tenant)
        return user
