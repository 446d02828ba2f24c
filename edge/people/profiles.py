"""Profiles, avatars and settings of users, and the search for users by name. Called by `edge.rest.profiles` and `edge.rest.admin`.

A profile's row decides (by its version), then the event `profile_changed` tells that version, then the index of names follows.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from edge.clocks import clock_ms
from edge.people import profile_rules as rules
from edge.people.admin_log import AdminLog, new_event_id
from edge.rest.errors import Problem
from edge.session import TENANT
from schemas.accounts import ProfileChanged
from store.accounts import Accounts
from store.profiles import Avatar, Profile, ProfileTables, Settings

TRIES = 5  # of a change that names no version, when others change the same profile
Place = tuple[str, str]  # (term, user) in the index
SCAN_LIMIT = 500  # rows of the index looked at for one page

# user ids -> those that may be found by others
Findable = Callable[[Iterable[str]], Awaitable[frozenset[str]]]


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """None: as it was. `version`: of the profile that the change is for; None: whichever it is."""

    display_name: str | None = None
    about: str | None = None
    avatar: str | None = None
    fields: Mapping[str, str] | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    user: str
    name: str
    profile: Profile


class Profiles:
    def __init__(self, tables: ProfileTables, admin_log: AdminLog, accounts: Accounts) -> None:
        self.tables, self._admin_log, self._accounts = tables, admin_log, accounts

    async def get(self, user: str) -> Profile:
        """Raises: StoreUnavailable."""
        return (await self.tables.get([user])).get(user, Profile())

    async def change(self, user: str, change: ProfileChange) -> Profile:
        """As it is now. Raises: BadProfile; Problem 409 stale; StoreUnavailable, LogUnavailable (then it may be changed all the same)."""
        for _ in range(TRIES):
            old = await self.get(user)
            if change.version is not None and change.version != old.version:
                break
            new = rules.merged(old, change.display_name, change.about, change.avatar, change.fields)
            if await self.tables.replace(user, new):
                await self._told(user, new.version)
                await self.index(user, old, new)
                return new
        raise Problem(409, "stale", "the profile was changed meanwhile: read it again", True)

    async def _told(self, user: str, version: int) -> None:
        now_ms = clock_ms()
        event = ProfileChanged(event_id=new_event_id(now_ms), tenant=TENANT, user=user, at_ms=now_ms, version=version)
        await self._admin_log.tell_of_user(event)

    async def put_avatar(self, user: str, image: bytes) -> Profile:
        """Raises: BadProfile, Problem, StoreUnavailable, LogUnavailable."""
        media_type = rules.image_type(image)
        avatar = "a-" + secrets.token_hex(16)
        await self.tables.put_avatar(user, Avatar(avatar, media_type, image))
        return await self.change(user, ProfileChange(avatar=avatar))

    async def put_settings(self, user: str, text: str, version: int) -> Settings:
        """In the place of `version` (0: the first ones). Raises: Problem 409 stale, StoreUnavailable."""
        settings = Settings(text, version + 1)
        if not await self.tables.replace_settings(user, settings):
            raise Problem(409, "stale", "the settings were changed meanwhile: read them again", True)
        return settings

    async def forget(self, user: str) -> None:
        """Everything of a deleted user. Raises: StoreUnavailable. Delivery: safe to repeat, while its name is known."""
        name = (await self._accounts.by_ids([user])).get(user, "")
        await self.tables.unindex(user, rules.terms_of(name, (await self.get(user)).display_name))
        await self.tables.forget(user)

    # ---- finding

    async def note_name(self, user: str, name: str) -> None:
        """A new user can be found. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self.tables.index(user, rules.terms_of(name, ""))

    async def index(self, user: str, old: Profile, new: Profile) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat. Until it has returned, the user is found under what it was called before."""
        name = (await self._accounts.by_ids([user])).get(user, "")
        before, after = rules.terms_of(name, old.display_name), rules.terms_of(name, new.display_name)
        await self.tables.index(user, after)
        await self.tables.unindex(user, before - after)

    async def search(
        self, query: str, after: tuple[str, str], limit: int, findable: Findable
    ) -> tuple[list[Found], tuple[str, str] | None]:
        """Users whose name, or display name from a word on, begins with the query; and where the next page begins (None: no more).

        Shape: 0..limit, each once a page, by term. Raises: Problem 422 for a query that is too short, StoreUnavailable.
        """
        prefix = rules.folded(query)
        if len(prefix) < rules.HEAD_CHARS:
            raise Problem(422, "query_too_short", f"at least {rules.HEAD_CHARS} letters are needed")
        first = max(after, (prefix, ""))
        rows = await self.tables.find(rules.head_of(prefix), first, rules.after_all(prefix), SCAN_LIMIT)
        users = {user for _, user in rows}
        shown = await findable(users)
        names, profiles = await self._accounts.by_ids(shown), await self.tables.get(shown)
        found, last = dict[str, Found](), first
        for term, user in rows:
            if len(found) == limit:
                return list(found.values()), last
            last = (term, user)
            if user not in names or user in found:
                continue
            profile = profiles.get(user, Profile())
            # the index holds hints: one of a name that is no longer the user's is passed over
            if rules.still_found(term, rules.terms_of(names[user], profile.display_name)):
                found[user] = Found(user, names[user], profile)
        return list(found.values()), rows[-1] if len(rows) == SCAN_LIMIT else None
