"""The REST calls a client needs besides its session: accounts, names, lists. A shell around httpx."""

import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct

from warbler.errors import RequestFailed, Unreachable
from warbler.frames import DirectoryPage, FrameMember, HistoryPage, Page, Role

T = TypeVar("T")
REFRESH_BEFORE_MS = 30_000
WITHIN_S = 30.0


class Tokens(Struct, frozen=True):
    """Who one is, and for how long. `refresh_token` is good for one use: the answer holds the next."""

    user: str
    name: str
    access_token: str
    access_expires_at_ms: int
    refresh_token: str


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


class Members(Struct, frozen=True):
    """`next`: ask with `after` for the rest."""

    members: list[Member]
    next: str | None = None


class _Users(Struct, frozen=True):
    users: list[UserName]


class _AdminUsers(Struct, frozen=True):
    users: list[AdminUser]


class _Problem(Struct):
    code: str = "unknown"
    detail: str = ""
    retryable: bool = False


class Rest:
    """Raises, from every call: RequestFailed with the server's code; Unreachable when there is no answer.

    `url`: a node's address, or several: after one did not answer the next is asked.
    """

    def __init__(self, url: str | Sequence[str], *, access_token: str = "", within_s: float = WITHIN_S) -> None:
        self._bases = deque(_base_of(each) for each in ([url] if isinstance(url, str) else url))
        self.access_token = access_token
        self._http = httpx.AsyncClient(base_url=self._bases[0], timeout=within_s, trust_env=False)

    async def __aenter__(self) -> "Rest":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    # ---- accounts

    async def register(self, name: str, password: str) -> "Login":
        return Login(self, await self._call("POST", "/v1/register", Tokens, {"name": name, "password": password}))

    async def login(self, name: str, password: str) -> "Login":
        return Login(self, await self._call("POST", "/v1/login", Tokens, {"name": name, "password": password}))

    async def refresh(self, refresh_token: str) -> Tokens:
        return await self._call("POST", "/v1/refresh", Tokens, {"refresh_token": refresh_token})

    async def logout(self, refresh_token: str) -> None:
        await self._call("POST", "/v1/logout", type(None), {"refresh_token": refresh_token})

    async def admin_create_users(self, admin_key: str, names: list[str]) -> list[AdminUser]:
        """Users without a password, each with a token; a name that exists gives its user. Shape: at most 1,000 names."""
        body = {"users": [{"name": name} for name in names]}
        return (await self._call("POST", "/v1/admin/users", _AdminUsers, body, token=admin_key)).users

    # ---- names and timelines

    async def users(self, ids: list[str]) -> dict[str, str]:
        """Names by user id; unknown ones are absent."""
        answer = await self._call("GET", "/v1/users", _Users, params={"ids": ",".join(ids)})
        return {user.user: user.name for user in answer.users}

    async def user_by_name(self, name: str) -> UserName:
        """Raises: RequestFailed("unknown_user")."""
        return await self._call("GET", f"/v1/users/by-name/{httpx.URL(path=name).raw_path.decode()}", UserName)

    async def events(self, conversation: str, from_seq: int = 1, limit: int = 500) -> Page:
        params = {"from_seq": from_seq, "limit": limit}
        return await self._call("GET", f"/v1/conversations/{conversation}/events", Page, params=params, about=conversation)

    async def history(self, conversation: str, before_seq: int | None = None, limit: int = 100) -> HistoryPage:
        params: dict[str, Any] = {"limit": limit} | ({} if before_seq is None else {"before_seq": before_seq})
        return await self._call("GET", f"/v1/conversations/{conversation}/history", HistoryPage, params=params, about=conversation)

    async def members(self, conversation: str, after: str | None = None, limit: int = 100) -> Members:
        params: dict[str, Any] = {"limit": limit} | ({} if after is None else {"after": after})
        return await self._call("GET", f"/v1/conversations/{conversation}/members", Members, params=params)

    async def directory(self, after: str | None = None) -> DirectoryPage:
        return await self._call("GET", "/v1/conversations", DirectoryPage, params={} if after is None else {"after": after})

    async def create_conversation(self, kind: str, title: str, members: list[FrameMember], command_id: str | None = None) -> str:
        """The conversation's id; the existing one for two users who have talked before."""
        body = {"conversation_kind": kind, "title": title, "members": msgspec.to_builtins(members), "command_id": command_id}
        return str((await self._call("POST", "/v1/conversations", dict[str, Any], body))["conversation"])

    async def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: object = None,
        *,
        params: dict[str, Any] | None = None,
        token: str = "",
        about: str = "",
    ) -> T:
        bearer = token or self.access_token
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            response = await self._http.request(method, path, json=body, params=params, headers=headers)
        except httpx.TransportError as error:
            silent = self._http.base_url
            self._bases.rotate(-1)
            self._http.base_url = self._bases[0]
            raise Unreachable(f"{silent}: {error or type(error).__name__}") from error
        if response.is_error:
            raise _problem_of(response)
        content = response.content
        if answer is type(None):
            return None
        return msgspec.json.decode(_typed(content, answer, about), type=answer)


def _base_of(url: str) -> str:
    return url.replace("ws://", "http://", 1).replace("wss://", "https://", 1).removesuffix("/v1/socket").rstrip("/")


def _typed(content: bytes, answer: type[Any], conversation: str) -> bytes:
    """REST bodies are frames without their `type`, `request` and `conversation`: puts them in, so that one model serves both."""
    tag = getattr(getattr(answer, "__struct_config__", None), "tag", None)
    if tag is None:
        return content
    fields = msgspec.json.decode(content)
    return msgspec.json.encode({"type": tag, "request": "", "conversation": conversation} | fields)


def _problem_of(response: httpx.Response) -> RequestFailed:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem("http_error", response.text[:200], response.status_code >= 500)
    return RequestFailed(problem.code, problem.detail, problem.retryable, response.status_code)


class Login:
    """A login that stays good: `await login.token()` gives a valid access token, refreshed where needed."""

    def __init__(self, rest: Rest, tokens: Tokens) -> None:
        self._rest, self.tokens = rest, tokens
        rest.access_token = tokens.access_token

    @property
    def user(self) -> str:
        return self.tokens.user

    @property
    def name(self) -> str:
        return self.tokens.name

    async def token(self, refused: str | None = None) -> str:
        """`refused`: a token the server did not take, whatever the clock here says."""
        over = self.tokens.access_expires_at_ms - int(time.time() * 1000) < REFRESH_BEFORE_MS
        if over or refused == self.tokens.access_token:
            self.tokens = await self._rest.refresh(self.tokens.refresh_token)
            self._rest.access_token = self.tokens.access_token
        return self.tokens.access_token
