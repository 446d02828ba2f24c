"""Sign-ins: the rows that a user's devices are listed from, and the families of refresh tokens behind them. Called by the edge.

The rows are what `account-events` came to (`store.account_rows`); a family is exchanged by lightweight transactions only, so that of
all uses of one token together there is one successor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.accounts import UserState
from store import cql
from store.cassandra import Row, Store
from store.contended import Turns, settled

DAY_S = 86_400
KEEP_S = 400 * DAY_S  # of a sign-in's row, from the event on; longer than any sign-in (EDGE_SIGN_IN_MS is at most this)
EXPIRED_KEEP_S = DAY_S  # an expired family stays a day, so that its late use is seen as expired and not as unknown
TICKET_KEEP_S = 600
NO_SIGN_IN = "admin"  # in place of a sign-in: tokens minted by an administrator, which belong to none
USED_LIMIT = 32  # tokens of one family that were exchanged a moment ago


@dataclass(frozen=True, slots=True)
class SignIn:
    """`ended_reason` empty: it is open, until `expires_at_ms`. `proved_at_ms`: when its user last showed who it is."""

    sign_in: str
    device: str
    platform: str
    method: str
    factors: tuple[str, ...]
    remembered: bool
    opened_at_ms: int
    expires_at_ms: int
    proved_at_ms: int
    ended_reason: str = ""
    ended_by: str = ""
    ended_at_ms: int = 0
    device_name: str = ""
    seen_at_ms: int = 0

    def is_open(self, now_ms: int) -> bool:
        return not self.ended_reason and now_ms < self.expires_at_ms


@dataclass(frozen=True, slots=True)
class Family:
    """`used`: hash of a token that was exchanged a moment ago -> when."""

    user: str
    token_hash: str
    expires_at_ms: int
    ends_at_ms: int
    revoked: bool
    used: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a refresh token: its hash, that of its successor, and when."""

    token_hash: str
    next_hash: str
    now_ms: int
    grace_ms: int
    idle_ms: int


Outcome = Literal["rotated", "reused", "revoked", "expired", "unknown"]


@dataclass(frozen=True, slots=True)
class TokenRows:
    """What the rows say about an access token's user and sign-in."""

    state: UserState
    family_over: bool
    token_revoked: bool
    void_before_ms: int = 0  # of tokens without a sign-in: those made before are void


def judged(family: Family, use: Use) -> Literal["exchange", "again", "reused", "revoked", "expired"]:
    """What a use comes to. `again`: it was exchanged within the grace window, so whoever asks gets the same successor."""
    if family.revoked:
        return "revoked"
    if min(family.expires_at_ms, family.ends_at_ms) <= use.now_ms:
        return "expired"
    if family.token_hash == use.token_hash:
        return "exchange"
    used_at_ms = family.used.get(use.token_hash)
    return "again" if used_at_ms is not None and use.now_ms - used_at_ms <= use.grace_ms else "reused"


def used_after(family: Family, use: Use) -> dict[str, int]:
    """The tokens that were exchanged within the grace window, with this one; the newest USED_LIMIT."""
    recent = {token: at_ms for token, at_ms in family.used.items() if use.now_ms - at_ms <= use.grace_ms}
    recent[use.token_hash] = use.now_ms
    return dict(sorted(recent.items(), key=lambda each: each[1])[-USED_LIMIT:])


class SignIns:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = Turns()

    async def of_user(self, user: str) -> list[SignIn]:
        """Those of the last KEEP_S, open or not, oldest first. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.SIGN_INS, (user,))
        found = [sign_in(row) for row in rows if row[6] is not None]
        return sorted(found, key=lambda each: (each.opened_at_ms, each.sign_in))

    async def get(self, user: str, sign_in_id: str) -> SignIn | None:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.SIGN_IN, (user, sign_in_id))
        return sign_in(rows[0]) if rows and rows[0][6] is not None else None

    async def name_device(self, user: str, sign_in_id: str, device_name: str) -> None:
        """Raises: StoreUnavailable."""
        await self._store.execute(cql.PUT_DEVICE_NAME, (KEEP_S, device_name, user, sign_in_id))

    async def seen(self, user: str, sign_in_id: str, at_ms: int) -> None:
        """Raises: StoreUnavailable."""
        await self._store.execute(cql.PUT_SEEN, (KEEP_S, at_ms, user, sign_in_id))

    async def standing(self, user: str, sign_in_id: str, token_id: str) -> TokenRows:
        """One question for all. `sign_in_id` NO_SIGN_IN: the token was minted without a sign-in. Raises: StoreUnavailable."""
        state, token = await self._store.prepare(cql.ACCOUNT_STATE), await self._store.prepare(cql.REVOKED_TOKEN)
        requests: list[Any] = [(state, (user,)), (token, (token_id,))]
        if sign_in_id == NO_SIGN_IN:
            requests.append((await self._store.prepare(cql.SIGN_IN), (user, sign_in_id)))
        else:
            requests.append((await self._store.prepare(cql.FAMILY), (sign_in_id,)))
        states, tokens, third = await self._store.execute_all(requests)
        found: UserState = (states[0][1] or "active") if states else "active"
        if sign_in_id == NO_SIGN_IN:
            return TokenRows(found, False, bool(tokens), (third[0][11] or 0) if third else 0)
        family = _family(third)
        return TokenRows(found, family is None or family.revoked, bool(tokens))

    # ---- families of refresh tokens

    async def open_family(self, sign_in_id: str, family: Family, now_ms: int) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat with the same token."""
        first: tuple[Any, ...] = (sign_in_id, family.user, family.token_hash, {}, family.expires_at_ms, family.ends_at_ms)
        await self._store.execute(cql.ADD_FAMILY, (*first, _keep_s(family.expires_at_ms, now_ms)))

    async def family(self, sign_in_id: str) -> Family | None:
        """Raises: StoreUnavailable."""
        return _family(await self._store.execute(cql.FAMILY, (sign_in_id,)))

    async def rotate(self, sign_in_id: str, use: Use) -> tuple[Outcome, str]:
        """Exchanges the family's current token for its successor, once however often it is asked; and the family's user.

        `reused`: an older token came back outside the grace window, so it was stolen or copied; the caller ends the sign-in.
        Raises: StoreUnavailable. Delivery: a repeat within the grace window answers `rotated` again.
        """
        while True:
            async with self._turns.of(sign_in_id):
                family = await self.family(sign_in_id)
                if family is None:
                    return "unknown", ""
                match judged(family, use):
                    case "again":
                        return "rotated", family.user
                    case "exchange":
                        if await self._exchanged(sign_in_id, family, use):
                            return "rotated", family.user
                        # another use of the same token came between: it is looked at again, and found among the used
                    case "reused" | "revoked" | "expired" as refused:
                        return refused, family.user

    async def _exchanged(self, sign_in_id: str, family: Family, use: Use) -> bool:
        expires_at_ms = min(use.now_ms + use.idle_ms, family.ends_at_ms)
        new = (family.user, use.next_hash, used_after(family, use), expires_at_ms, family.ends_at_ms)
        values = (_keep_s(expires_at_ms, use.now_ms), *new, sign_in_id, use.token_hash)
        return bool((await settled(self._store, cql.ROTATE_FAMILY, values))[0])

    async def revoke(self, sign_in_id: str) -> None:
        """No token of the family is good any more. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await settled(self._store, cql.REVOKE_FAMILY, (KEEP_S, sign_in_id))

    async def use_ticket(self, ticket_id: str) -> bool:
        """Whether this is its first use. Raises: StoreUnavailable (it may count as used)."""
        return bool((await self._store.execute(cql.USE_TICKET, (ticket_id, TICKET_KEEP_S)))[0][0])


def _keep_s(expires_at_ms: int, now_ms: int) -> int:
    return max((expires_at_ms - now_ms) // 1000, 0) + EXPIRED_KEEP_S


def _family(rows: list[Row]) -> Family | None:
    if not rows or (rows[0][1] is None and not rows[0][5]):
        return None
    user, token_hash, used, expires_at_ms, ends_at_ms, revoked = rows[0]
    return Family(user or "", token_hash or "", expires_at_ms or 0, ends_at_ms or 0, bool(revoked), dict(used or {}))


def sign_in(row: Row) -> SignIn:
    """A row of SIGN_INS. Shape: nulls are the zero values."""
    name, device, platform, method, factors, remembered, opened, expires, proved, reason, by, ended, device_name, seen = row
    texts = (name, device or "", platform or "", method or "", tuple(factors or ()), bool(remembered))
    return SignIn(*texts, opened or 0, expires or 0, proved or 0, reason or "", by or "", ended or 0, device_name or "", seen or 0)
