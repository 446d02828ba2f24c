"""What is kept about pushes: tokens, settings, modes, labels. Called by the edge, the push workers and the projector of account-events.

A token stands sealed, and under an id that is a keyed hash of it; without a key nothing can be registered and nothing opened.
"""

import hashlib
import secrets
from typing import Any

import structlog
from msgspec.structs import replace

from schemas.accounts import PushSettingsChanged
from store import cql_push as cql
from store.cassandra import Row, Store
from store.push_claims import Change, Tell, claim, give_up
from store.push_rows import CassandraTokenRows, Holder, TokenRow
from store.pushing import PushLabels, PushSettings, PushToken
from store.sealing import NONCE_BYTES, NotSealedHere, Sealer, keyed_hash
from store.sign_ins import NO_SIGN_IN

EVERYWHERE = ""  # in place of a conversation
TAG_BUCKETS = 16
TOKEN_ID_CHARACTERS = 32
FIRST_TOKEN = -(2**63)

_log = structlog.get_logger("store.push")


class PushTables:
    def __init__(self, store: Store, sealer: Sealer | None = None) -> None:
        self._store, self.sealer = store, sealer
        self.rows = CassandraTokenRows(store)

    # ---- tokens

    async def tokens(self, user: str) -> list[PushToken]:
        """Those that the user's devices hold, opened; what our keys do not open is left out, and said. Raises: StoreUnavailable."""
        held = await self.held(user)
        opened = [self.opened(row) for row in held]
        return [token for token in opened if token is not None]

    async def held(self, user: str) -> list[TokenRow]:
        """The rows that count. Raises: StoreUnavailable."""
        rows = await self.rows.of_user(user)
        holders = await self.rows.holders([(row.channel, row.token_id) for row in rows])
        return [row for row, holder in zip(rows, holders, strict=True) if holder == Holder(row.user, row.device, row.registered_at_ms)]

    async def holder(self, channel: str, token_id: str) -> Holder | None:
        """Which device has this token now. Raises: StoreUnavailable."""
        holder = await self.rows.holder(channel, token_id)
        return holder if holder is not None and holder.user else None

    async def register(self, token: PushToken, tell: Tell) -> TokenRow:
        """The device has this token and nobody else; `token_id` is made here, `registered_at_ms` is now. As `store.push_claims.claim`."""
        assert self.sealer is not None
        first, *former = token_ids(self.sealer, token.channel, token.token)
        sealed = self.sealer.seal(token.token.encode(), place_of(token.user, token.device, token.channel), secrets.token_bytes(NONCE_BYTES))
        wanted = TokenRow(
            *(token.user, token.device, token.channel, first, sealed),
            *(token.app, token.locale, token.sign_in, token.registered_at_ms),
        )
        row = await claim(self.rows, wanted, tell)
        for token_id in former:  # another device registered it while an older key was the newest
            if (holder := await self.holder(token.channel, token_id)) is not None:
                await tell(Change(holder.user, holder.device, token.channel, token_id, "moved", "", holder.at_ms))
                await self.remove(holder.user, holder.device, token.channel, token_id, holder.at_ms)
        return row

    async def remove(self, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None:
        """It is gone unless it was registered after `up_to_ms`. After its event. Raises: StoreUnavailable. Delivery: safe to repeat."""
        await give_up(self.rows, user, device, channel, token_id, up_to_ms)

    async def remove_of_sign_in(self, user: str, sign_in: str, at_ms: int) -> None:
        """As `remove`, every token of a sign-in that ended at that time; nothing can be registered under it any more."""
        for row in await self.rows.of_user(user):
            # where tokens were minted without a sign-in, only those from before are void
            if row.sign_in == sign_in and (sign_in != NO_SIGN_IN or row.registered_at_ms <= at_ms):
                await self.remove(user, row.device, row.channel, row.token_id, max(at_ms, row.registered_at_ms))

    async def forget(self, tenant: str, user: str, up_to_ms: int) -> None:
        """Tokens, settings and labels of a deleted user are gone. Raises: StoreUnavailable. Delivery: safe to repeat."""
        for row in await self.rows.of_user(user):
            await self.remove(user, row.device, row.channel, row.token_id, up_to_ms)
        await self._store.execute(cql.DROP_SETTINGS, (up_to_ms, user))
        await self.put_labels(tenant, user, PushLabels(), up_to_ms)
        await self._store.execute(cql.DROP_LABELS, (up_to_ms, user))

    async def users_with_tokens(self, after: int = FIRST_TOKEN, limit: int = 1_000) -> list[tuple[str, int]]:
        """Users and where each stands: give the last one's place as `after` for the next. Raises: StoreUnavailable."""
        return [(user, place) for user, place in await self._store.execute(cql.USERS_WITH_TOKENS, (after, limit))]

    def opened(self, row: TokenRow) -> PushToken | None:
        try:
            if self.sealer is None:
                raise NotSealedHere("no WARBLER_PUSH_KEY")
            text = self.sealer.open(row.sealed, place_of(row.user, row.device, row.channel)).decode()
        except (NotSealedHere, UnicodeDecodeError) as exc:
            _log.error("push.token_unopened", user=row.user, device=row.device, channel=row.channel, reason=str(exc))
            return None
        how = (row.app, row.locale, row.sign_in, row.registered_at_ms)
        return PushToken(row.user, row.device, row.channel, row.token_id, text, *how)

    # ---- what users want

    async def settings(self, user: str) -> PushSettings:
        """What the user chose, else the defaults. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.SETTINGS, (user,))
        return settings_of(rows[0]) if rows else PushSettings()

    # ---- labels

    async def labels(self, user: str) -> PushLabels:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.LABELS, (user,))
        return PushLabels(tuple(rows[0][0] or ()), rows[0][1] or "") if rows else PushLabels()

    async def put_labels(self, tenant: str, user: str, labels: PushLabels, at_ms: int) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat; the labels with the largest `at_ms` stay."""
        before, bucket = await self.labels(user), tag_bucket(user)
        await self._store.execute_each(cql.PUT_TAG, [(tenant, tag, bucket, user, at_ms) for tag in labels.tags])
        if labels.alias:
            await self._store.execute(cql.PUT_ALIAS, (tenant, labels.alias, user, at_ms))
        await self._store.execute(cql.PUT_LABELS, (user, list(labels.tags), labels.alias, at_ms))
        gone = [tag for tag in before.tags if tag not in labels.tags]
        await self._store.execute_each(cql.DROP_TAG, [(at_ms, tenant, tag, bucket, user) for tag in gone])
        if before.alias and before.alias != labels.alias:
            await self._store.execute(cql.DROP_ALIAS, (at_ms, tenant, before.alias, user))

    async def tagged(self, tenant: str, tag: str, bucket: int, after: str, limit: int) -> list[str]:
        """Users of one bucket (of TAG_BUCKETS) who may have the tag, after the user `after`, by id; `labels` decides."""
        return [row[0] for row in await self._store.execute(cql.TAGGED_AFTER, (tenant, tag, bucket, after, limit))]

    async def aliased(self, tenant: str, alias: str, after: str, limit: int) -> list[str]:
        """Users who may have the alias, after the user `after`, by id; `labels` decides. Raises: StoreUnavailable."""
        return [row[0] for row in await self._store.execute(cql.ALIASED_AFTER, (tenant, alias, after, limit))]


def token_ids(sealer: Sealer, channel: str, token: str) -> list[str]:
    """The token's id by the newest key, then those by older ones."""
    keys = sealer.hash_keys("push token")
    return [f"t-{keyed_hash(key, channel + chr(0) + token)[:TOKEN_ID_CHARACTERS]}" for key in keys]


def place_of(user: str, device: str, channel: str) -> str:
    """What a token is sealed for."""
    return "\0".join(("push token", user, device, channel))


def tag_bucket(user: str) -> int:
    """In which bucket of each of its tags a user stands."""
    return hashlib.sha256(user.encode()).digest()[0] % TAG_BUCKETS


def settings_of(row: Row) -> PushSettings:
    """A row of SETTINGS. Shape: nulls are the defaults."""
    default = PushSettings()
    names = PushSettings.__struct_fields__
    chosen = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    lets = tuple(chosen.pop("quiet_lets", default.quiet_lets))
    return replace(default, **chosen, quiet_lets=lets)


def settings_values(event: PushSettingsChanged) -> tuple[Any, ...]:
    """The values of PUT_SETTINGS."""
    when = (event.quiet_from_min, event.quiet_until_min, list(event.quiet_lets))
    how = (event.content_shown, event.badge, event.alert_on, event.locale)
    return (event.user, event.time_zone, *when, *how, event.at_ms, event.at_ms)
