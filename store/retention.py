"""What the topic `retention-events` comes to: rules, matters and holds, and how long content is kept by them. Pure.

Called by the role `retention` (what expires), by exports (`--matter`), by the administrator's interface and by `warbler verify`.
Rule 1: one order decides: that of the events in the one partition of the tenant.
Rule 2: the narrowest rule holds: the conversation's, else its kind's, else the tenant's; without any, content is kept for ever.
Rule 3: a hold wins over every rule.
Rule 4: what makes no sense any more where it stands in the order (a hold on a matter that is closed) changes nothing.
"""

from collections.abc import Collection, Iterable
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from schemas.retention import (
    ContentExpired,
    HoldLifted,
    HoldPlaced,
    MatterClosed,
    MatterOpened,
    MatterScoped,
    RetentionDropped,
    RetentionEvent,
    RetentionSet,
    RuleScope,
)

FOR_EVER = 0
KEEP_MS_MIN = 1_000  # what is shorter would be over before it is projected
OPEN_END = 0


class MatterScope(Struct, frozen=True, kw_only=True):
    """What a matter is about: these conversations, and all in which one of the users is or was; neither: everything of the tenant."""

    conversations: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    from_ms: int = 0
    until_ms: int = OPEN_END

    def covers(self, conversation: str, people: Collection[str], at_ms: int) -> bool:
        """Whether what happened there at that time belongs to it. `people`: who of `users` is or ever was in the conversation."""
        return self.spans(at_ms) and self.concerns(conversation, people)

    def spans(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms and (self.until_ms == OPEN_END or at_ms < self.until_ms)

    def concerns(self, conversation: str, people: Collection[str]) -> bool:
        if not self.conversations and not self.users:
            return True
        return conversation in self.conversations or any(user in people for user in self.users)


class Matter(Struct, frozen=True, kw_only=True):
    """`closed_at_ms` 0: open. `held`: nothing that it is about expires."""

    matter: str
    name: str
    scope: MatterScope
    opened_at_ms: int
    opened_by: str
    held: bool = False
    reason: str = ""
    closed_at_ms: int = 0

    @property
    def open(self) -> bool:
        return self.closed_at_ms == 0


class Rule(Struct, frozen=True, order=True):
    """Content of these conversations is kept for `keep_ms`; 0: for ever."""

    scope: RuleScope
    target: str
    keep_ms: int


RulePlace = tuple[RuleScope, str]


class Retention(Struct, frozen=True, kw_only=True):
    """What holds at one place in the order. `kept`: scope and target -> keep_ms.

    `version` counts the events that it was made of, but for what expired.
    """

    kept: dict[RulePlace, int] = {}
    matters: dict[str, Matter] = {}
    version: int = 0

    @classmethod
    def of(cls, happened: Iterable[RetentionEvent]) -> "Retention":
        """Shape: `happened` from the first event on, in the order of the log."""
        state = cls()
        for event in happened:
            state = state.after(event)
        return state

    def after(self, event: RetentionEvent) -> "Retention":
        if isinstance(event, ContentExpired):
            return self
        kept, matters = _ruled(self.kept, event), _matters(self.matters, event)
        return Retention(kept=kept, matters=matters, version=self.version + 1)

    def counts(self, event: ContentExpired) -> bool:
        """Whether it was decided knowing everything that stands before it in the log; else it is void."""
        return event.decided_at == self.version

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them, in an order."""
        return tuple(sorted(Rule(scope, target, keep_ms) for (scope, target), keep_ms in self.kept.items()))

    def keep_ms(self, conversation: str, kind: str) -> int:
        """FOR_EVER, or how long."""
        places: tuple[RulePlace, ...] = (("conversation", conversation), ("kind", kind), ("tenant", ""))
        return next((self.kept[place] for place in places if place in self.kept), FOR_EVER)

    def kept_until(self, conversation: str, kind: str, at_ms: int) -> int | None:
        """From when on what was written at `at_ms` may expire, if nothing holds it; None: never."""
        keep_ms = self.keep_ms(conversation, kind)
        return None if keep_ms == FOR_EVER else at_ms + keep_ms

    def holding(self, conversation: str, people: Collection[str]) -> tuple[Matter, ...]:
        """The matters that hold something of the conversation, at whatever times, by id. `people` as of `MatterScope.covers`."""
        held = (matter for matter in self.matters.values() if matter.held)
        return tuple(sorted((each for each in held if each.scope.concerns(conversation, people)), key=lambda each: each.matter))

    def held(self, conversation: str, people: Collection[str], at_ms: int) -> bool:
        return any(matter.scope.spans(at_ms) for matter in self.holding(conversation, people))

    @property
    def held_users(self) -> frozenset[str]:
        """Whose conversations some hold is about."""
        return frozenset(user for matter in self.matters.values() if matter.held for user in matter.scope.users)


def _ruled(kept: dict[RulePlace, int], event: RetentionEvent) -> dict[RulePlace, int]:
    match event:
        case RetentionSet(scope=scope, target=target, keep_ms=keep_ms):
            return {**kept, (scope, target): keep_ms}
        case RetentionDropped(scope=scope, target=target):
            return {place: keep_ms for place, keep_ms in kept.items() if place != (scope, target)}
        case _:
            return kept


def _matters(matters: dict[str, Matter], event: RetentionEvent) -> dict[str, Matter]:
    match event:
        case RetentionSet() | RetentionDropped() | ContentExpired():
            return matters
        case MatterOpened():
            return matters if event.matter in matters else {**matters, event.matter: _opened(event)}
        case MatterScoped() | MatterClosed() | HoldPlaced() | HoldLifted():
            known = matters.get(event.matter)
            return matters if known is None or not known.open else {**matters, event.matter: _changed(known, event)}
        case _:
            assert_never(event)


def _opened(event: MatterOpened) -> Matter:
    return Matter(matter=event.matter, name=event.name, scope=scope_of(event), opened_at_ms=event.at_ms, opened_by=event.actor)


def _changed(matter: Matter, event: MatterScoped | MatterClosed | HoldPlaced | HoldLifted) -> Matter:
    match event:
        case MatterScoped():
            return replace(matter, scope=scope_of(event))
        case MatterClosed():
            return replace(matter, closed_at_ms=event.at_ms, held=False)
        case HoldPlaced():
            return replace(matter, held=True, reason=event.reason)
        case HoldLifted():
            return replace(matter, held=False, reason=event.reason)
        case _:
            assert_never(event)


def scope_of(event: MatterOpened | MatterScoped) -> MatterScope:
    return MatterScope(conversations=event.conversations, users=event.users, from_ms=event.from_ms, until_ms=event.until_ms)
