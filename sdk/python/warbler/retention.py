"""How long content is kept, and matters with their legal holds: the part of `Admin` that needs retention.read, retention.edit or holds."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from warbler.http import Http, path_of

RuleScope = Literal["tenant", "kind", "conversation"]


class RetentionRule(Struct, frozen=True):
    """`target`: empty for the tenant; direct, group or channel; or a conversation. `keep_ms` 0: for ever."""

    scope: RuleScope
    target: str
    keep_ms: int


class Matter(Struct, frozen=True):
    """`conversations`, and all in which one of `users` is or was a member; neither named: everything. `until_ms` 0: without end."""

    matter: str
    name: str
    conversations: tuple[str, ...]
    users: tuple[str, ...]
    from_ms: int
    until_ms: int
    held: bool
    reason: str
    opened_at_ms: int
    opened_by: str
    closed_at_ms: int


class _Rules(Struct, frozen=True):
    rules: list[RetentionRule]


class _Matters(Struct, frozen=True):
    matters: list[Matter]


class AdminRetention(Http):
    async def retention(self) -> list[RetentionRule]:
        """The narrowest rule holds; without any, content is kept for ever."""
        return (await self.call("GET", "/v1/admin/retention", _Rules)).rules

    async def set_retention(self, scope: RuleScope, keep_ms: int, target: str = "") -> None:
        """What is older goes from what devices read, and cannot be brought back to them."""
        await self.call("PUT", "/v1/admin/retention", type(None), {"scope": scope, "target": target, "keep_ms": keep_ms})

    async def drop_retention(self, scope: RuleScope, target: str = "") -> None:
        await self.call("DELETE", "/v1/admin/retention", type(None), params={"scope": scope, "target": target})

    async def matters(self) -> list[Matter]:
        return (await self.call("GET", "/v1/admin/matters", _Matters)).matters

    async def open_matter(
        self, name: str, conversations: Sequence[str] = (), users: Sequence[str] = (), from_ms: int = 0, until_ms: int = 0
    ) -> Matter:
        """It holds nothing before `hold`."""
        return await self.call("POST", "/v1/admin/matters", Matter, {"name": name} | _about(conversations, users, from_ms, until_ms))

    async def scope_matter(
        self, matter: str, conversations: Sequence[str] = (), users: Sequence[str] = (), from_ms: int = 0, until_ms: int = 0
    ) -> Matter:
        """What it is about from now on."""
        return await self.call("PUT", path_of("admin", "matters", matter, "scope"), Matter, _about(conversations, users, from_ms, until_ms))

    async def close_matter(self, matter: str) -> Matter:
        """For good; its hold ends."""
        return await self.call("POST", path_of("admin", "matters", matter, "close"), Matter)

    async def hold(self, matter: str, reason: str = "") -> Matter:
        """Nothing that it is about expires."""
        return await self.call("PUT", path_of("admin", "matters", matter, "hold"), Matter, {"held": True, "reason": reason})

    async def lift_hold(self, matter: str, reason: str = "") -> Matter:
        return await self.call("PUT", path_of("admin", "matters", matter, "hold"), Matter, {"held": False, "reason": reason})


def _about(conversations: Sequence[str], users: Sequence[str], from_ms: int, until_ms: int) -> dict[str, Any]:
    return {"conversations": list(conversations), "users": list(users), "from_ms": from_ms, "until_ms": until_ms}
