"""What users show of themselves, their settings, and the index by which others find them. Called by the edge.

A profile and settings are changed by who knows their version: a lightweight transaction decides, so of two at once one is told `stale`.
The index holds hints only: whoever reads it looks at the rows it points to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from store import cql_people as cql
from store.cassandra import Row, Store


class Profile(msgspec.Struct, frozen=True):
    """`avatar`: the reference of its image, empty: none. `version`: 0 for one that was never changed."""

    display_name: str = ""
    about: str = ""
    avatar: str = ""
    fields: dict[str, str] = {}
    version: int = 0


@dataclass(frozen=True, slots=True)
class Avatar:
    avatar: str
    media_type: str
    image: bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """`text`: JSON. `version` 0: never put."""

    text: str = "{}"
    version: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """Under `term`, which begins with `head`, the user is found."""

    head: str
    term: str


class ProfileTables:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, users: Iterable[str]) -> dict[str, Profile]:
        """Of those who have one. Raises: StoreUnavailable."""
        wanted = list(dict.fromkeys(users))
        parts = await self._store.execute_each(cql.PROFILE, [(user,) for user in wanted])
        return {user: _profile(rows[0]) for user, rows in zip(wanted, parts, strict=True) if rows}

    async def replace(self, user: str, profile: Profile) -> bool:
        """Whether it is in the place of the version before. Raises: StoreUnavailable. Delivery: a repeat answers False."""
        values = (profile.display_name, profile.about, profile.avatar, msgspec.json.encode(profile.fields).decode())
        if profile.version == 1:
            rows = await self._store.execute(cql.ADD_PROFILE, (user, *values, 1))
        else:
            rows = await self._store.execute(cql.CHANGE_PROFILE, (*values, profile.version, user, profile.version - 1))
        return bool(rows[0][0])

    async def put_avatar(self, user: str, avatar: Avatar) -> None:
        await self._store.execute(cql.PUT_AVATAR, (user, avatar.avatar, avatar.media_type, avatar.image))

    async def avatar(self, user: str) -> Avatar | None:
        rows = await self._store.execute(cql.AVATAR, (user,))
        return Avatar(*rows[0]) if rows else None

    async def settings(self, user: str) -> Settings:
        rows = await self._store.execute(cql.USER_SETTINGS, (user,))
        return Settings(*rows[0]) if rows else Settings()

    async def replace_settings(self, user: str, settings: Settings) -> bool:
        """As `replace`."""
        if settings.version == 1:
            rows = await self._store.execute(cql.ADD_USER_SETTINGS, (user, settings.text, 1))
        else:
            rows = await self._store.execute(cql.CHANGE_USER_SETTINGS, (settings.text, settings.version, user, settings.version - 1))
        return bool(rows[0][0])

    async def forget(self, user: str) -> None:
        """Profile, avatar and settings are gone. Raises: StoreUnavailable. Delivery: safe to repeat."""
        for statement in (cql.DELETE_AVATAR, cql.DELETE_PROFILE, cql.DELETE_USER_SETTINGS):
            await self._store.execute(statement, (user,))

    # ---- the index

    async def find(self, head: str, first: tuple[str, str], before: str, limit: int) -> list[tuple[str, str]]:
        """(term, user) after `first`, with a term below `before`. Shape: 0..limit, ascending. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.FOUND_AFTER, (head, *first, before, limit))
        return [(term, user) for term, user in rows]

    async def index(self, user: str, terms: Iterable[Term]) -> None:
        await self._store.execute_each(cql.PUT_FOUND, [(each.head, each.term, user) for each in terms])

    async def unindex(self, user: str, terms: Iterable[Term]) -> None:
        await self._store.execute_each(cql.DELETE_FOUND, [(each.head, each.term, user) for each in terms])


def _profile(row: Row) -> Profile:
    display_name, about, avatar, fields, version = row
    return Profile(display_name, about, avatar, msgspec.json.decode(fields, type=dict[str, str]), version)
