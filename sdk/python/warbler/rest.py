"""What needs no session: accounts, names, lists, and everything about people. Each group of calls has a module of its own."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from warbler.call_lists import CallLists
from warbler.frames import CommandFrames, ConversationKind, DirectoryPage, FrameMember, FrameSettings, HistoryPage, Page, Role
from warbler.friends import Friends
from warbler.groups import Groups
from warbler.http import WITHIN_S, Http, path_of
from warbler.people import People
from warbler.push import PushCalls
from warbler.ways import DeviceInfo, FactorNeeded, Login, Tokens, Ways

__all__ = ["AdminUser", "Login", "Member", "Members", "Rest", "Tokens", "UserName"]


class AdminUser(Struct, frozen=True):
    user: str
    name: str
    access_token: str
    access_expires_at_ms: int


class UserName(Struct, frozen=True):
    user: str
    name: str


class Member(Struct, frozen=True):
    user: str
    role: Role
    joined_seq: int
    read_seq: int
    read_ordinal: int
    nickname: str | None = None
    muted_until_ms: int | None = None


class Members(Struct, frozen=True):
    """`next`: ask with `after` for the rest."""

    members: list[Member]
    next: str | None = None


class Committed(Struct, frozen=True):
    """The event that a command became. `seq` 0: taken, and no event came of it."""

    conversation: str
    seq: int
    at_ms: int


class _Users(Struct, frozen=True):
    users: list[UserName]


class _AdminUsers(Struct, frozen=True):
    users: list[AdminUser]


class Rest(Http):
    """`people`, `friends`, `groups`, `push`, `calls` (ended ones): the calls about those.

    After a sign-in every call has its token, refreshed where needed. `device`: what is shown of this one in the user's list of sign-ins.
    """

    def __init__(
        self, url: str | Sequence[str], *, access_token: str = "", within_s: float = WITHIN_S, device: DeviceInfo | None = None
    ) -> None:
        super().__init__(url, access_token=access_token, within_s=within_s)
        self.ways = Ways(self, device)
        self.people = People(self)
        self.friends = Friends(self)
        self.groups = Groups(self)
        self.push = PushCalls(self)
        self.calls = CallLists(self)

    # ---- accounts

    async def register(self, name: str, password: str) -> Login | FactorNeeded:
        return await self.ways.register(name, password)

    async def login(self, name: str, password: str) -> Login | FactorNeeded:
        """By name and password; the other ways in are in `ways`. A second factor may be needed: `ways.factor` then."""
        return await self.ways.password(name, password)

    async def logout(self, refresh_token: str) -> None:
        await self.call("POST", "/v1/logout", type(None), {"refresh_token": refresh_token}, token="")

    async def admin_create_users(self, admin_key: str, names: list[str]) -> list[AdminUser]:
        """Users without a password, each with a token; a name that exists gives its user. Shape: at most 1,000 names."""
        body = {"users": [{"name": name} for name in names]}
        return (await self.call("POST", "/v1/admin/users", _AdminUsers, body, token=admin_key)).users

    async def command(self, command: CommandFrames) -> Committed:
        """Gives a command without a session: for programs that only act. The same `id` again is harmless; empty: the server makes one.

        About a friend (an empty conversation), it is of the direct one with `member`. Raises: RequestFailed with the refusal's code.
        """
        fields = msgspec.to_builtins(command)
        given = {name: value for name, value in fields.items() if name != "conversation" and (name, value) != ("id", "")}
        about = ("conversations", command.conversation) if command.conversation else ("users", str(fields.get("member")))
        return await self.call("POST", path_of(*about, "commands"), Committed, {"command": given})

    # ---- names and timelines

    async def users(self, ids: list[str]) -> dict[str, str]:
        """Names by user id; unknown ones are absent."""
        answer = await self.call("GET", "/v1/users", _Users, params={"ids": ",".join(ids)})
        return {user.user: user.name for user in answer.users}

    async def user_by_name(self, name: str) -> UserName:
        """Raises: RequestFailed("unknown_user")."""
        return await self.call("GET", path_of("users", "by-name", name), UserName)

    async def events(self, conversation: str, from_seq: int = 1, limit: int = 500) -> Page:
        params = {"from_seq": from_seq, "limit": limit}
        return await self.call("GET", f"/v1/conversations/{conversation}/events", Page, params=params, about=conversation)

    async def history(self, conversation: str, before_seq: int | None = None, limit: int = 100) -> HistoryPage:
        params: dict[str, Any] = {"limit": limit} | ({} if before_seq is None else {"before_seq": before_seq})
        return await self.call("GET", f"/v1/conversations/{conversation}/history", HistoryPage, params=params, about=conversation)

    async def members(self, conversation: str, after: str | None = None, limit: int = 100) -> Members:
        params: dict[str, Any] = {"limit": limit} | ({} if after is None else {"after": after})
        return await self.call("GET", f"/v1/conversations/{conversation}/members", Members, params=params)

    async def directory(self, after: str | None = None) -> DirectoryPage:
        return await self.call("GET", "/v1/conversations", DirectoryPage, params={} if after is None else {"after": after})

    async def create_conversation(
        self,
        kind: ConversationKind,
        title: str,
        members: list[FrameMember],
        command_id: str | None = None,
        *,
        settings: FrameSettings | None = None,
    ) -> str:
        """The conversation's id; the existing one for two users who have talked before."""
        body = {"conversation_kind": kind, "title": title, "members": members, "command_id": command_id, "settings": settings}
        return str((await self.call("POST", "/v1/conversations", dict[str, Any], body))["conversation"])
