"""What account events say the rows must hold, folded without a table: for `warbler verify accounts`. Pure.

As in Cassandra, of two cells the later stays, and of two at once the larger; so the order of events changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas import accounts as facts
from store.sign_ins import KEEP_S

KEEP_MS = KEEP_S * 1000
Key = tuple[str, ...]  # table, then the row's key
Row = tuple[Any, ...]  # the row's columns, in the order of COLUMNS

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "account_states": ("user_kind", "state", "reason", "changed_by", "at_ms"),
    "sign_ins": (
        *("device", "platform", "method", "factors", "remembered", "opened_at_ms", "expires_at_ms", "proved_at_ms"),
        *("ended_reason", "ended_by", "ended_at_ms"),
    ),
    "revoked_tokens": ("user", "expires_at_ms"),
    "factors": ("factor_kind", "state"),
    "push_modes": ("mode", "until_ms", "at_ms"),
    "push_settings": (
        *("time_zone", "quiet_from_min", "quiet_until_min", "quiet_lets", "content_shown", "badge", "alert_on", "locale", "at_ms"),
    ),
}


def cells_of(event: facts.AccountEvent) -> tuple[Key, dict[str, Any]] | None:
    """The row and the columns that an event sets; None: it sets none of these tables."""
    user = event.user
    match event:
        case facts.UserRegistered():
            own = {"user_kind": event.user_kind, "state": "active", "reason": "", "changed_by": event.by, "at_ms": event.at_ms}
            return ("account_states", user), own
        case facts.UserStateChanged():
            return ("account_states", user), {"state": event.state, "reason": event.reason, "changed_by": event.by, "at_ms": event.at_ms}
        case facts.SignedIn():
            how = {"device": event.device, "platform": event.platform, "method": event.method, "factors": event.factors}
            when = {"opened_at_ms": event.at_ms, "expires_at_ms": event.expires_at_ms, "proved_at_ms": event.at_ms}
            return ("sign_ins", user, event.sign_in), how | when | {"remembered": event.remembered}
        case facts.SteppedUp():
            return ("sign_ins", user, event.sign_in), {"proved_at_ms": event.at_ms}
        case facts.SignInEnded():
            own = {"ended_reason": event.reason, "ended_by": event.by, "ended_at_ms": event.at_ms}
            return ("sign_ins", user, event.sign_in), own
        case facts.TokenRevoked():
            return ("revoked_tokens", event.token_id), {"user": user, "expires_at_ms": event.expires_at_ms}
        case facts.FactorChanged():
            return ("factors", user, event.factor_id), {"factor_kind": event.factor_kind, "state": event.state}
        case facts.PushModeChanged():
            own = {"mode": event.mode, "until_ms": event.until_ms, "at_ms": event.at_ms}
            return ("push_modes", user, event.conversation_id), own
        case facts.PushSettingsChanged():
            return ("push_settings", user), {name: getattr(event, name) for name in COLUMNS["push_settings"]}
        case _:
            return None


@dataclass(slots=True)
class AccountFacts:
    cells: dict[Key, dict[str, tuple[int, Any]]] = field(default_factory=dict)

    def apply(self, event: facts.AccountEvent) -> None:
        """Safe to repeat."""
        found = cells_of(event)
        if found is None:
            return
        key, columns = found
        row = self.cells.setdefault(key, {})
        for column, value in columns.items():
            row[column] = max(row.get(column, (0, value)), (event.at_ms, value))

    def rows(self, now_ms: int) -> Iterator[tuple[Key, Row]]:
        """The rows that are kept still."""
        for key, row in self.cells.items():
            values = tuple(row[column][1] if column in row else None for column in COLUMNS[key[0]])
            if self.is_kept(key, values, now_ms):
                yield key, values

    def is_kept(self, key: Key, row: Row, now_ms: int) -> bool:
        """Whether a row is there for sure: those of sign-ins and revoked tokens expire, factors and
        settings of a deleted user are erased.

        A factor that is pending stands in the rows alone.
        """
        if key[0] in ("factors", "push_settings"):
            state = self.cells.get(("account_states", key[1]), {}).get("state", (0, "active"))[1]
            return bool(state != "deleted" and (key[0] != "factors" or row[1] != "pending"))
        return is_kept(key, row, now_ms)


def is_kept(key: Key, row: Row, now_ms: int) -> bool:
    """Whether a row has not expired."""
    table, columns = key[0], dict(zip(COLUMNS[key[0]], row, strict=True))
    if table == "revoked_tokens":
        return int(columns["expires_at_ms"] or 0) > now_ms
    if table == "sign_ins":
        times = (columns["opened_at_ms"], columns["ended_at_ms"], columns["proved_at_ms"])
        return min([at_ms for at_ms in times if at_ms is not None], default=0) + KEEP_MS > now_ms
    return bool(columns.get("state") != "pending")  # of a factor: its event was never written, so it does not count
