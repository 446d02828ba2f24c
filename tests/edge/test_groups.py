"""What people read of groups, over fake tables: facts in pages with unprojected events laid over, roles, permissions, what is erased."""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, cast

import pytest

from edge.errors import BadRequest
from edge.groups import Group, GroupDesk, parsed_after
from edge.reader import Reader
from edge.recent import Recent
from schemas import events
from schemas.codec import encode
from schemas.values import GroupSettings, Member
from store.fact_tables import FactTables
from store.facts import Fact, FactKey, fold_facts
from store.group_rows import GroupRows
from store.public_groups import PublicGroups
from store.timelines import Listed, Timelines
from store.views import Head, Membership, fold_head, fold_membership, placed
from tests.edge.builders import ANA, BEN, EVE, GROUP, base

NOW_MS = 1_000_000


def happened(event_type: Any, seq: int, user: str = ANA, **fields: Any) -> Any:
    return event_type(**{**base(seq), "ordinal": 0, "user": user}, **fields)


def created(settings: GroupSettings | None = None) -> events.ConversationCreated:
    members = (Member(ANA, "owner"), Member(BEN))
    return happened(events.ConversationCreated, 1, conversation_kind="group", title="Birds", members=members, settings=settings)  # type: ignore[no-any-return]


class Tables:
    """The rows of one conversation after some events; the others are not projected yet."""

    def __init__(self, history: Collection[events.Event], unprojected: Collection[events.Event] = ()) -> None:
        self.facts = fold_facts({}, history)
        self.head: Head | None = None
        self.places: dict[str, Membership] = {}
        self.changed: dict[str, int] = {}
        for event in history:
            self.head = fold_head(self.head, event)
            for user, _, _ in placed(event):
                self.changed[user] = event.seq
                place = fold_membership(self.places.get(user), event, user, self.head)
                if place is not None:
                    self.places[user] = place
        self.dropped: list[tuple[str, str]] = []
        recent = Recent(1 << 20)
        for event in unprojected:
            recent.add(0, event.seq, GROUP, encode("conversation-events", event))
        reader = cast(Reader, None)
        self.desk = GroupDesk(
            cast(Timelines, self), cast(FactTables, self), cast(GroupRows, self), cast(PublicGroups, self), recent, reader
        )

    async def page(self, _: str, kind: str, after: str, limit: int) -> list[Fact]:
        return [fact for key, fact in sorted(self.facts.items()) if key.kind == kind and key.key > after][:limit]

    async def named(self, _: str, kind: Any, keys: Collection[str]) -> dict[str, Fact]:
        return {key: self.facts[FactKey(kind, key)] for key in keys if FactKey(kind, key) in self.facts}

    async def of_group(self, _: str) -> dict[FactKey, Fact]:
        return {key: fact for key, fact in self.facts.items() if key.kind in ("settings", "role", "all_muted", "dissolved")}

    async def places_changed(self, _: str, users: Collection[str]) -> dict[str, int]:
        return {user: self.changed[user] for user in users if user in self.changed}

    async def heads(self, _: Iterable[str]) -> dict[str, Head]:
        return {} if self.head is None else {GROUP: self.head}

    async def conversations_of(self, _: str) -> list[Listed]:
        return [Listed(GROUP, True, 1), Listed("g-left", False, 9)]

    async def drop_nicknames(self, user: str, conversations: Iterable[str]) -> None:
        self.dropped += [(user, conversation) for conversation in conversations]

    def keys(self, kind: Any, after: str = "", limit: int = 50) -> tuple[list[str], str | None]:
        page = asyncio.run(self.desk.facts(GROUP, kind, after, limit, NOW_MS))
        return [fact.key for fact in page.entries], page.next


class Seen(Tables):
    """As `Tables`; `places` of the timelines is a method."""

    def seen(self, user: str) -> Group | None:
        rows = self.places

        async def places(user: str, _: Iterable[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
            return ({GROUP: rows[user]} if user in rows else {}), await self.heads(())

        self.places = places  # type: ignore[assignment]
        try:
            return asyncio.run(self.desk.group(user, GROUP, NOW_MS))
        finally:
            self.places = rows


BANS = [
    happened(events.MemberBanned, seq, member=f"u-{seq}", until_ms=until_ms, reason="")
    for seq, until_ms in ((2, 0), (3, 5), (4, NOW_MS * 2))
]


@pytest.mark.parametrize("cut", range(5))
def test_a_page_says_what_holds_now_wherever_the_projector_stands(cut: int) -> None:
    history = [created(), *BANS, happened(events.MemberUnbanned, 5, member="u-2")]
    tables = Tables(history[:cut], history[max(0, cut - 1) :])
    assert tables.keys("ban") == (["u-4"], None)  # u-2 was taken back, the time of u-3 is over


def test_pages_are_bounded_by_rows_and_a_short_one_is_not_the_last() -> None:
    tables = Tables([created(), *BANS])
    assert tables.keys("ban", limit=2) == (["u-2"], "u-3")
    assert tables.keys("ban", "u-3", limit=2) == (["u-4"], None)
    fresh = happened(events.MemberBanned, 9, member="u-1", until_ms=0, reason="")
    assert Tables([created(), *BANS], [fresh]).keys("ban", limit=2) == (["u-1", "u-2"], "u-3")
    assert Tables([created(), *BANS], [fresh]).keys("ban", "u-3", limit=2) == (["u-4"], None)


@pytest.mark.parametrize("projected", [2, 3, 4])
def test_who_joined_in_another_way_is_invited_no_more(projected: int) -> None:
    history = [
        created(),
        happened(events.MemberInvited, 2, member=EVE, role="member"),
        happened(events.MemberInvited, 3, member="u-other", role="member"),
        happened(events.MemberAdded, 4, member=EVE, role="member"),
    ]
    assert Tables(history[:projected], history[projected:]).keys("invitation") == (["u-other"], None)


def test_a_private_group_is_not_there_for_others_and_a_public_one_is() -> None:
    assert Seen([created()]).seen(EVE) is None
    assert Seen([]).seen(ANA) is None
    public = created(GroupSettings(visibility="public", question="why?"))
    seen = Seen([public]).seen(EVE)
    assert seen is not None
    assert (seen.place, seen.settings.question, seen.may("send", NOW_MS)) == (None, "why?", False)
    closed = happened(events.SettingsChanged, 2, settings=GroupSettings(), settings_version=1)
    assert Seen([public], [closed]).seen(EVE) is None
    gone = happened(events.MemberLeft, 2, user=BEN)
    assert Seen([created()], [gone]).seen(BEN) is None


def test_permissions_are_those_of_the_role_as_it_is_defined_now() -> None:
    defined = happened(events.RoleDefined, 2, role="mod", level=10, permissions=("ban",))
    given = happened(events.RoleChanged, 3, member=BEN, role="mod")
    seen = Seen([created(), defined], [given]).seen(BEN)
    assert seen is not None
    assert (seen.may("ban", NOW_MS), seen.may("links", NOW_MS)) == (True, False)
    dropped = happened(events.RoleDropped, 4, role="mod")
    after = Seen([created(), defined, given], [dropped]).seen(BEN)
    assert after is not None
    assert (after.standing.members[BEN].role, after.may("ban", NOW_MS)) == ("member", False)
    over = Seen([created()], [happened(events.ConversationDissolved, 2)]).seen(ANA)
    assert over is not None
    assert (over.dissolved, over.may("ban", NOW_MS)) == (True, False)


def test_what_a_deleted_user_was_called_is_erased_also_where_it_left() -> None:
    tables = Tables([created()])
    asyncio.run(tables.desk.erase(BEN))
    assert tables.dropped == [(BEN, GROUP), (BEN, "g-left")]


def test_the_next_of_a_search_is_taken_apart_and_anything_else_is_refused() -> None:
    assert parsed_after(None) == ("", "")
    assert parsed_after("birds/g-1") == ("birds", "g-1")
    with pytest.raises(BadRequest):
        parsed_after("birds")
