"""What people read of a group: itself, its facts in pages, nicknames, announcements, public groups by title. Called by the REST face.

Rows from Cassandra with what is not projected yet laid over, by the folds of `store.facts`. Every read holds `recent` open from before its
first query until its answer is made. Who may see what is judged by `store.verdicts`, as the owner judges commands.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge.directory import overlay
from edge.errors import BadRequest
from edge.reader import Reader, lay_over
from edge.recent import Recent
from edge.unprojected import check_complete, decoded
from schemas import events
from schemas.records import MemberState
from schemas.values import GroupSettings, Permission, Role
from store.fact_tables import FactTables
from store.facts import (
    ONLY,
    Fact,
    FactKey,
    FactKind,
    NicknameValue,
    RoleValue,
    announcement_key,
    changes_of,
    fold_facts,
    is_over,
    is_public,
    role_now,
    settings_of,
    until_ms_of,
)
from store.group_rows import GroupRows
from store.public_groups import LAST, PublicGroups, leading, matches, words_of
from store.standing import Rights, Standing
from store.timelines import Timelines
from store.verdicts import may
from store.views import Head, Membership, MessageView, floor_of, placed

COUNTED_EXACTLY = 1_000  # members; more are counted by Cassandra, and the count is kept for COUNT_KEPT_S
COUNT_KEPT_S = 10.0
COUNTS_KEPT = 10_000
MODERATED: dict[FactKind, Permission] = {"link": "links", "ban": "ban", "application": "review", "invitation": "invite", "mute": "mute"}


@dataclass(frozen=True, slots=True)
class Group:
    """A conversation as one user sees it now. `place`: of a member, else None. `standing`: of this user only."""

    head: Head
    place: Membership | None
    settings: GroupSettings
    settings_version: int
    muted_all_until_ms: int
    dissolved: bool
    standing: Standing

    @property
    def floor_seq(self) -> int:
        """The first seq that this user may read, see `store.views.floor_of`."""
        return floor_of(self.place, self.settings)

    def may(self, permission: Permission, at_ms: int) -> bool:
        return self.place is not None and may(self.standing, self.place.user, permission, at_ms).allowed


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Shape: by key; may be shorter than asked for, and even empty, without being the last. `next`: what to ask next, None at the end."""

    entries: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A member with what is said about it besides its place."""

    place: Membership
    role: Role
    nickname: str | None
    muted_until_ms: int | None


class GroupDesk:
    def __init__(
        self, timelines: Timelines, facts: FactTables, rows: GroupRows, public: PublicGroups, recent: Recent, reader: Reader
    ) -> None:
        self._timelines, self._facts, self.rows, self._public = timelines, facts, rows, public
        self._recent, self._reader = recent, reader
        self._counts: dict[str, tuple[float, int]] = {}

    # ---- the group itself

    async def group(self, user: str, conversation: str, now_ms: int, *, unseen: bool = False) -> Group | None:
        """None where there is nothing for this user to see: a private group is not there for others, unless they may see what is `unseen`.

        Raises: StoreUnavailable; BadRequest("behind").
        """
        ticket = self._recent.begin()
        try:
            places, heads = await self._timelines.places(user, [conversation])
            heads = heads or await self._timelines.heads([conversation])
            rows = await self._facts.of_group(conversation)
            check_complete(self._recent, ticket)
            happened = self._unprojected(conversation)
        finally:
            self._recent.end(ticket)
        place, head = overlay(places.get(conversation), heads.get(conversation), happened, user)
        facts = fold_facts(rows, happened)
        place = place if place is not None and place.active else None
        hidden = head is not None and (head.conversation_kind == "direct" or not is_public(facts.get(FactKey("settings", ONLY))))
        if head is None or (place is None and hidden and not unseen):
            return None
        return _group(head, place, facts, now_ms)

    async def members_count(self, conversation: str) -> int:
        """Exact up to COUNTED_EXACTLY, else up to COUNT_KEPT_S old. Raises: as `group`."""
        now_s = time.monotonic()
        counted_s, count = self._counts.get(conversation, (now_s - COUNT_KEPT_S, 0))
        if now_s - counted_s < COUNT_KEPT_S:
            return count
        members, following = await self._reader.members(conversation, None, COUNTED_EXACTLY)
        if following is None:
            return len(members)
        count = await self._timelines.members_count(conversation)
        if len(self._counts) >= COUNTS_KEPT:
            self._counts.clear()
        self._counts[conversation] = (now_s, count)
        return count

    # ---- its facts

    async def facts(self, conversation: str, kind: FactKind, after: str, limit: int, now_ms: int) -> Page[Fact]:
        """Facts of a kind that hold now, by key; at most `limit` rows are looked at. Raises: as `group`."""
        ticket = self._recent.begin()
        try:
            rows = await self._facts.page(conversation, kind, after, limit)
            last = rows[-1].key if len(rows) == limit else None
            happened = self._unprojected(conversation)
            facts = _laid_over({fact.place: fact for fact in rows}, happened, kind, after, last)
            if kind in ("application", "invitation"):
                changed = await self._places_changed(conversation, [fact.key for fact in facts.values()])
                facts = {key: fact for key, fact in facts.items() if not is_over(fact, changed.get(fact.key, 0))}
            check_complete(self._recent, ticket)
        finally:
            self._recent.end(ticket)
        return Page(tuple(fact for _, fact in sorted(facts.items()) if holds(fact, now_ms)), last)

    async def _places_changed(self, conversation: str, users: Collection[str]) -> dict[str, int]:
        changed = await self._facts.places_changed(conversation, users)
        for event in self._unprojected(conversation):
            changed.update((who, max(event.seq, changed.get(who, 0))) for who, _, _ in placed(event))
        return changed

    async def named(self, conversation: str, kind: FactKind, keys: Collection[str]) -> dict[str, Fact]:
        """Those of the named facts that there are, also ended ones. Raises: as `group`."""
        ticket = self._recent.begin()
        try:
            rows = await self._facts.named(conversation, kind, keys)
            check_complete(self._recent, ticket)
            facts = fold_facts({fact.place: fact for fact in rows.values()}, self._unprojected(conversation))
            return {key: facts[FactKey(kind, key)] for key in keys if FactKey(kind, key) in facts}
        finally:
            self._recent.end(ticket)

    async def nicknames(self, conversation: str, users: Collection[str]) -> dict[str, str]:
        """User -> nickname, of those who have one. Raises: as `group`."""
        facts = await self.named(conversation, "nickname", users)
        ids = {user: fact.value.nickname_id for user, fact in facts.items() if fact.active and isinstance(fact.value, NicknameValue)}
        return await self.rows.nicknames(conversation, ids)

    async def erase(self, user: str) -> None:
        """Delete what a deleted user was called, wherever it is or was a member. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self.rows.drop_nicknames(user, [each.conversation for each in await self._timelines.conversations_of(user)])

    async def roles_now(self, conversation: str, places: Collection[Membership]) -> dict[str, Role]:
        """User -> the role that it has now; one that was dropped since it was given is `member`. Raises: as `group`."""
        own = {place.role for place in places}
        defined = await self.named(conversation, "role", own)
        return {place.user: role_now(place.role, place.changed_seq, defined.get(place.role)) for place in places}

    async def members(self, conversation: str, places: Collection[Membership], now_ms: int) -> list[Shown]:
        """The members of a page as they are shown. Raises: as `group`."""
        users = [place.user for place in places]
        roles, nicknames = await self.roles_now(conversation, places), await self.nicknames(conversation, users)
        mutes = await self.named(conversation, "mute", users)
        return [Shown(place, roles[place.user], nicknames.get(place.user), until_ms_of(mutes.get(place.user), now_ms)) for place in places]

    # ---- announcements

    async def announcements(
        self, conversation: str, before_seq: int | None, limit: int, floor_seq: int
    ) -> tuple[list[MessageView], int | None]:
        """The newest announcements below `before_seq` and from `floor_seq` on, ascending, as they stand now; and what to ask next."""
        before = LAST if before_seq is None else announcement_key(before_seq)
        ticket = self._recent.begin()
        try:
            rows = await self._facts.page_before(conversation, "announcement", before, limit)
            seqs = [int(fact.key) for fact in rows if int(fact.key) >= floor_seq]
            views = {view.seq: view for view in await self._timelines.messages_at(conversation, seqs)}
            check_complete(self._recent, ticket)
            for event in self._unprojected(conversation):
                if not isinstance(event, events.MessageSent) or (event.announcement and event.seq >= floor_seq):
                    lay_over(views, event, before_seq)
        finally:
            self._recent.end(ticket)
        newest = sorted(views.values(), key=lambda view: view.seq)[-limit:]
        more = len(seqs) == limit or len(views) > limit
        return newest, newest[0].seq if more and newest else None

    # ---- public groups

    async def search(self, question: str, after: tuple[str, str], limit: int) -> Page[tuple[Head, GroupSettings]]:
        """Public groups whose titles have words that begin as those of the question; without one, all public groups.

        Shape: at most `limit` hints are looked at. `next` is `word/conversation`. Raises: as `group`.
        """
        asked = max(words_of(question), key=len, default="")
        hints = await self._public.hints(asked, after, limit)
        heads = await self._timelines.heads({conversation for _, conversation in hints})
        found: list[tuple[Head, GroupSettings]] = []
        for word, conversation in hints:
            head = heads.get(conversation)
            if head is None or leading(head.title, asked) != word or not matches(head.title, question):
                continue
            group = await self.group("", conversation, 0)
            if group is not None and not group.dissolved:
                found.append((head, group.settings))
        return Page(tuple(found), "/".join(hints[-1]) if len(hints) == limit else None)

    def _unprojected(self, conversation: str) -> list[events.Event]:
        return decoded(self._recent.of_conversation(conversation))


def _group(head: Head, place: Membership | None, facts: dict[FactKey, Fact], now_ms: int) -> Group:
    settings, version = settings_of(facts.get(FactKey("settings", ONLY)))
    muted_until_ms = until_ms_of(facts.get(FactKey("all_muted", ONLY)), now_ms) or 0
    standing = Standing(head.conversation_kind, settings=settings, settings_version=version)
    standing.dissolved = FactKey("dissolved", ONLY) in facts
    standing.roles = {
        fact.key: Rights(fact.value.level, frozenset(fact.value.permissions))
        for fact in facts.values()
        if fact.active and isinstance(fact.value, RoleValue)
    }
    if place is not None:
        role = role_now(place.role, place.changed_seq, facts.get(FactKey("role", place.role)))
        standing.members[place.user] = MemberState(place.user, role, place.joined_seq, place.read_seq, place.read_ordinal)
    return Group(head, place, settings, version, muted_until_ms, standing.dissolved, standing)


def holds(fact: Fact, now_ms: int) -> bool:
    """Whether the fact is one now: not ended, and its time not over."""
    if not fact.active:
        return False
    return until_ms_of(fact, now_ms) is not None if fact.kind in ("ban", "mute", "all_muted") else True


def _laid_over(
    rows: dict[FactKey, Fact], happened: Collection[events.Event], kind: FactKind, after: str, last: str | None
) -> dict[FactKey, Fact]:
    """The page's facts after events that are not projected; `last`: where the page ends, None: it is the last one."""
    touching = [event for event in happened if any(change.fact.kind == kind for change in changes_of(event))]
    facts = fold_facts(rows, touching)
    return {key: fact for key, fact in facts.items() if key.kind == kind and after < key.key and (last is None or key.key <= last)}


def parsed_after(after: str | None) -> tuple[str, str]:
    """Raises: BadRequest("invalid")."""
    word, slash, conversation = (after or "/").rpartition("/")
    if not slash:
        raise BadRequest("invalid", "after must be the `next` of the page before")
    return word, conversation
