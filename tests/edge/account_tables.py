"""The tables of accounts in memory, as far as a session needs them: nothing is known against anybody, but what a test says."""

from collections.abc import Awaitable, Callable

from schemas.accounts import AccountEvent
from store.sign_ins import SignIn, TokenRows


async def at_once() -> None:
    return None


class MemorySignIns:
    """`standings`: by user. `turn` is awaited before a standing is answered."""

    def __init__(self) -> None:
        self.standings: dict[str, TokenRows] = {}
        self.used: set[str] = set()
        self.turn: Callable[[], Awaitable[None]] = at_once

    async def standing(self, user: str, sign_in: str, token_id: str) -> TokenRows:
        found = self.standings.get(user, TokenRows("active", False, False))
        await self.turn()
        return found

    async def of_user(self, user: str) -> list[SignIn]:
        return []

    async def use_ticket(self, ticket_id: str) -> bool:
        first = ticket_id not in self.used
        self.used.add(ticket_id)
        return first


class MemoryAccountRows:
    def __init__(self) -> None:
        self.applied: list[AccountEvent] = []

    async def apply(self, event: AccountEvent, now_ms: int) -> None:
        self.applied.append(event)
