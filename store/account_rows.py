"""What one account event comes to in the rows: the same for the edge that wrote it and for the projector. Pure but for `AccountRows`.

Every write carries the event's time, so it does not matter who writes first, or how often.
"""

from typing import Any, assert_never

from schemas import accounts as facts
from store import cql, cql_push
from store.cassandra import Store
from store.push_tables import PushTables, settings_values
from store.sign_ins import KEEP_S, NO_SIGN_IN, SignIns

Write = tuple[str, tuple[Any, ...]]


def writes_of(event: facts.AccountEvent, now_ms: int) -> list[Write]:
    """The rows of one event. Shape: nothing for events that are only told."""
    at = event.at_ms
    match event:
        case facts.UserRegistered():
            return [(cql.PUT_REGISTERED, (at, event.user_kind, event.by, at, event.user))]
        case facts.UserStateChanged():
            return [(cql.PUT_STATE, (at, event.state, event.reason, event.by, at, event.user))]
        case facts.SignedIn():
            how = (event.device, event.platform, event.method, list(event.factors), event.remembered)
            return [(cql.PUT_SIGN_IN, (at, KEEP_S, *how, at, event.expires_at_ms, at, event.user, event.sign_in))]
        case facts.SteppedUp():
            return [(cql.PUT_PROVED, (at, KEEP_S, at, event.user, event.sign_in))]
        case facts.SignInEnded():
            return [(cql.PUT_SIGN_IN_ENDED, (at, KEEP_S, event.reason, event.by, at, event.user, event.sign_in))]
        case facts.TokenRevoked():
            left_s = (event.expires_at_ms - now_ms) // 1000 + 1
            return [(cql.PUT_REVOKED_TOKEN, (event.token_id, event.user, event.expires_at_ms, left_s))] if left_s > 0 else []
        case facts.PrivacyChanged() | facts.IdentifierChanged() | facts.ProfileChanged() | facts.SignInRefused():
            return []
        case facts.FactorChanged(factor_id=factor):
            state = (cql.PUT_FACTOR_STATE, (at, event.factor_kind, event.state, event.user, factor))
            return [state] if event.state == "added" else [state, (cql.WIPE_FACTOR, (at, event.user, factor))]
        case facts.PushModeChanged():
            return [(cql.PUT_PUSH_MODE, (event.user, event.conversation_id, event.mode, event.until_ms, at, at))]
        case facts.DeviceForgotten() | facts.TenantRoleGiven():
            return []  # rows of other tables
        case facts.PushSettingsChanged():
            return [(cql_push.PUT_SETTINGS, settings_values(event))]
        case facts.PushTokenChanged() | facts.PushLabelsChanged():
            return []  # what stands in the rows is not in the event
        case _:
            assert_never(event)


class AccountRows:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._sign_ins = SignIns(store)
        self._push = PushTables(store)

    async def apply(self, event: facts.AccountEvent, now_ms: int) -> None:
        """Durable when it returns. Raises: StoreUnavailable. Delivery: safe to repeat, in any order."""
        for statement, values in writes_of(event, now_ms):
            await self._store.execute(statement, values)
        if isinstance(event, facts.SignInEnded) and event.sign_in != NO_SIGN_IN:
            await self._sign_ins.revoke(event.sign_in)
        await self._take_tokens(event)

    async def _take_tokens(self, event: facts.AccountEvent) -> None:
        """What ends with the event: after the family is revoked, so that a device that registers at this moment sees it."""
        at = event.at_ms
        match event:
            case facts.SignInEnded():
                await self._push.remove_of_sign_in(event.user, event.sign_in, at)
            case facts.UserStateChanged(state="deleted"):
                await self._push.forget(event.tenant, event.user, at)
            case facts.PushTokenChanged(state="removed" | "invalidated"):
                await self._push.remove(event.user, event.device, event.channel, event.token_id, at)
            case facts.PushTokenChanged(state="moved"):
                # not the holder: it is another's already, or will be in a moment
                await self._push.rows.drop_row(event.user, event.device, event.channel, event.token_id, at)
            case _:
                pass
