"""Who belongs to an audience: users with tokens, by tag, by alias, by id. Pages that go on where the last one ended.

An audience is a row of shelves, each in the order of its users: tags have one a tag and bucket, aliases one each, everybody and users one.
A place is (shelf, after what to go on), and the same place gives the same users as long as nobody joined or left.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, assert_never

import msgspec

from schemas.pushes import Audience
from store.push_tables import FIRST_TOKEN, TAG_BUCKETS
from store.pushing import PushLabels


class Place(NamedTuple):
    """Where to go on. `users`: how many there were before."""

    shelf: int = 0
    after: str = ""
    users: int = 0


def read_place(text: str) -> Place:
    return msgspec.json.decode(text, type=Place) if text else Place()


def place_text(place: Place) -> str:
    return msgspec.json.encode(place).decode()


class Labelled(Protocol):
    """`store.push_tables.PushTables`, what is asked of it here. Raises (all): StoreUnavailable."""

    async def users_with_tokens(self, after: int, limit: int) -> list[tuple[str, int]]: ...
    async def tagged(self, tenant: str, tag: str, bucket: int, after: str, limit: int) -> list[str]: ...
    async def aliased(self, tenant: str, alias: str, after: str, limit: int) -> list[str]: ...
    async def labels(self, user: str) -> PushLabels: ...


class Audiences:
    def __init__(self, tables: Labelled) -> None:
        self._tables = tables

    async def page(self, tenant: str, audience: Audience, of: Sequence[str], place: Place, limit: int) -> tuple[list[str], Place | None]:
        """At most `limit` users, each once in the whole audience, and where to go on; None: that was all. May be empty and not the last.

        Raises: StoreUnavailable.
        """
        names = list(dict.fromkeys(of))
        shelves = shelves_of(audience, names)
        if place.shelf >= shelves:
            return [], None
        found = await self._shelf(tenant, audience, names, place, limit)
        users = await self._chosen(audience, names, place, [user for user, _ in found])
        count = place.users + len(users)
        following = Place(place.shelf, found[-1][1], count) if len(found) == limit else Place(place.shelf + 1, "", count)
        return users, following if following.shelf < shelves else None

    async def _shelf(self, tenant: str, audience: Audience, names: Sequence[str], place: Place, limit: int) -> list[tuple[str, str]]:
        """Users, and after what to go on behind each."""
        match audience:
            case "all":
                rows = await self._tables.users_with_tokens(int(place.after or FIRST_TOKEN), limit)
                return [(user, str(token)) for user, token in rows]
            case "tags":
                tag, bucket = divmod(place.shelf, TAG_BUCKETS)
                users = await self._tables.tagged(tenant, names[tag], bucket, place.after, limit)
            case "alias":
                users = await self._tables.aliased(tenant, names[place.shelf], place.after, limit)
            case "users":
                users = users_after(names, place.after, limit)
            case _:
                assert_never(audience)
        return [(user, user) for user in users]

    async def _chosen(self, audience: Audience, names: Sequence[str], place: Place, users: list[str]) -> list[str]:
        """Those whose own labels say so, and who did not have their turn by a tag that was gone through before."""
        if audience not in ("tags", "alias"):
            return users
        labels = await asyncio.gather(*(self._tables.labels(user) for user in users))
        if audience == "alias":
            return [user for user, each in zip(users, labels, strict=True) if each.alias == names[place.shelf]]
        tag = place.shelf // TAG_BUCKETS
        return [user for user, each in zip(users, labels, strict=True) if has_turn(each, names, tag)]


def has_turn(labels: PushLabels, tags: Sequence[str], tag: int) -> bool:
    """Whether a user with these labels is asked for with the tag of that number: with the first that it has."""
    return tags[tag] in labels.tags and not any(before in labels.tags for before in tags[:tag])


def shelves_of(audience: Audience, names: Sequence[str]) -> int:
    match audience:
        case "all" | "users":
            return 1
        case "tags":
            return len(names) * TAG_BUCKETS
        case "alias":
            return len(names)
        case _:
            assert_never(audience)


def users_after(users: Iterable[str], after: str, limit: int) -> list[str]:
    return sorted(user for user in users if user > after)[:limit]
