"""Friends over REST: the roster in pages, notes on people, invitations, questions before writing. A shell.

The commands (request, accept, block and so on) are in `people_requests`; `RosterKeeper` keeps the whole roster.
"""

from typing import Literal

from msgspec import Struct

from warbler.http import Http, path_of
from warbler.roster import RosterPage


class Invitation(Struct, frozen=True):
    """Into a conversation, or the user's own application. `by`: who did the last step."""

    conversation: str
    title: str
    by: str
    state: Literal["invited", "applied", "joined", "declined", "withdrawn"]
    at_ms: int
    reason: str = ""


class Invitations(Struct, frozen=True):
    invitations: tuple[Invitation, ...]
    applications: tuple[Invitation, ...]


class MayMessage(Struct, frozen=True):
    """`code`: why not."""

    allowed: bool
    code: str | None = None


class FriendQuestion(Struct, frozen=True):
    """What a user asks of who wants to be its friend, and who may ask at all."""

    question: str | None = None
    requests: Literal["everyone", "question", "nobody"] = "everyone"


class Friends:
    """Raises, from every call, as `Http`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def roster_page(self, since: str = "", after: str | None = None) -> RosterPage:
        return await self._http.call("GET", "/v1/me/roster", RosterPage, params={"since": since or None, "after": after})

    async def note(self, user: str, alias: str, tags: list[str] | None = None) -> None:
        """What the user calls this person, and how it sorts it; nobody else sees it."""
        await self._http.response("PUT", path_of("me", "roster", user), {"json": {"alias": alias, "tags": tags or []}})

    async def invitations(self) -> Invitations:
        return await self._http.call("GET", "/v1/me/invitations", Invitations)

    async def may_message(self, user: str) -> MayMessage:
        """Whether a message to this user would be taken now."""
        return await self._http.call("GET", path_of("users", user, "may-message"), MayMessage)

    async def question(self, user: str) -> FriendQuestion:
        return await self._http.call("GET", path_of("users", user, "friend-question"), FriendQuestion)
