"""Groups over REST: what one is, its lists in pages, announcements, nicknames, push modes, QR codes; links to join. A shell.

The commands (invite, ban, mute and so on) are in `people_requests`.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Literal

from msgspec import Struct

from warbler.frames import ConversationKind, FrameSettings, MessageItem, Permission, Role
from warbler.http import Http, path_of

Listing = Literal["roles", "bans", "mutes", "links", "applications", "invitations"]


class Group(Struct, frozen=True):
    """`role` None: the caller is no member, and the group is public. `permissions`: what its role allows."""

    conversation: str
    conversation_kind: ConversationKind
    title: str
    settings: FrameSettings
    settings_version: int
    members_count: int
    role: Role | None
    muted_all_until_ms: int
    dissolved: bool
    permissions: tuple[Permission, ...] = ()


class PublicGroup(Struct, frozen=True):
    conversation: str
    conversation_kind: ConversationKind
    title: str
    settings: FrameSettings


class PublicGroups(Struct, frozen=True):
    conversations: tuple[PublicGroup, ...]
    next: str | None = None


class GroupEntry(Struct, frozen=True):
    """An entry of one of a group's lists. `key`: the user, role or link it is about; what its list does not have is None."""

    key: str
    by: str
    at_ms: int
    level: int | None = None
    permissions: tuple[Permission, ...] | None = None
    until_ms: int | None = None
    reason: str | None = None
    expires_at_ms: int | None = None
    uses_limit: int | None = None
    approval: bool | None = None
    text: str | None = None
    link_id: str | None = None
    role: Role | None = None


class GroupEntries(Struct, frozen=True):
    entries: tuple[GroupEntry, ...]
    next: str | None = None


class Announcements(Struct, frozen=True):
    """Ascending; `before_seq` is what to ask next, None at the beginning. Who read one says `Client.receipts`."""

    messages: tuple[MessageItem, ...]
    before_seq: int | None = None


class PushMode(Struct, frozen=True):
    """`until_ms` 0: for good."""

    mode: Literal["all", "mentions", "none"]
    until_ms: int = 0


class _Nickname(Struct, frozen=True):
    user: str
    nickname: str


class _Nicknames(Struct, frozen=True):
    nicknames: list[_Nickname]


class JoinLink(Struct, frozen=True):
    """Lets in who has it. Its text is `<conversation>.<link>.<secret>`, none of which has a dot."""

    conversation: str
    link_id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.conversation}.{self.link_id}.{self.secret}"

    @classmethod
    def parse(cls, text: str) -> "JoinLink | None":
        """None: it is none of ours."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == 3 and all(parts) else None


class Groups:
    """Raises, from every call, as `Http` (codes not_member, not_allowed, unknown_conversation)."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def group(self, conversation: str) -> Group:
        """Of a public group also to who is no member."""
        return await self._http.call("GET", path_of("conversations", conversation), Group)

    async def public(self, q: str = "") -> AsyncIterator[PublicGroups]:
        """Pages of public groups, by the beginnings of the words of their titles; empty: all."""
        async for page in self._http.pages("/v1/conversations/public", PublicGroups, {"q": q}):
            yield page

    async def listing(self, conversation: str, what: Listing) -> AsyncIterator[GroupEntries]:
        """Pages; one may be empty and not be the last. Roles are for every member, the others for who may change them."""
        async for page in self._http.pages(path_of("conversations", conversation, what), GroupEntries):
            yield page

    async def announcements(self, conversation: str, before_seq: int | None = None) -> Announcements:
        path = path_of("conversations", conversation, "announcements")
        return await self._http.call("GET", path, Announcements, params={"before_seq": before_seq})

    async def set_nickname(self, conversation: str, user: str, nickname: str) -> None:
        """Empty: none any more."""
        await self._http.response("PUT", path_of("conversations", conversation, "nicknames", user), {"json": {"nickname": nickname}})

    async def nicknames(self, conversation: str, users: Sequence[str]) -> dict[str, str]:
        """Those of these users who have one."""
        path = path_of("conversations", conversation, "nicknames")
        found = await self._http.call("GET", path, _Nicknames, params={"users": ",".join(users)})
        return {each.user: each.nickname for each in found.nicknames}

    async def push_mode(self, conversation: str) -> PushMode:
        return await self._http.call("GET", path_of("conversations", conversation, "push-mode"), PushMode)

    async def set_push_mode(self, conversation: str, mode: PushMode) -> PushMode:
        return await self._http.call("PUT", path_of("conversations", conversation, "push-mode"), PushMode, mode)

    async def qr(self, text: str) -> str:
        """A QR code as SVG."""
        return (await self._http.response("POST", "/v1/qr", {"json": {"text": text}})).text
