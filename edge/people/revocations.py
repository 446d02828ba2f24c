"""What was revoked lately, in memory: asked for every hello and every call, before and after the rows are. Pure; time is an argument.

An entry is kept for as long as a token made before it could live; after that the rows alone say it (`store.sign_ins.standing`).
"""

from dataclasses import dataclass, field
from typing import Literal

from edge.tokens import Grant
from schemas.accounts import AccountEvent, EndReason, SignInEnded, TokenRevoked, UserStateChanged
from store.sign_ins import NO_SIGN_IN

Why = Literal["revoked", "replaced", "frozen", "deactivated", "deleted"]


def why_ended(reason: EndReason) -> Why:
    return reason if reason in ("replaced", "frozen", "deactivated", "deleted") else "revoked"


@dataclass(frozen=True, slots=True)
class _Ended:
    why: Why | None  # None: the user is active again
    at_ms: int
    until_ms: int


@dataclass(slots=True)
class Revocations:
    """`keep_ms`: the longest life of an access token. Shape: at most one entry a user, a sign-in and a token."""

    keep_ms: int
    _users: dict[str, _Ended] = field(default_factory=dict)
    _sign_ins: dict[tuple[str, str], _Ended] = field(default_factory=dict)
    _tokens: dict[str, _Ended] = field(default_factory=dict)

    def note(self, event: AccountEvent, now_ms: int) -> None:
        """Safe to repeat."""
        match event:
            case UserStateChanged():
                known = self._users.get(event.user)
                if known is None or known.at_ms <= event.at_ms:  # this node hears of its own changes twice, and late the second time
                    why = None if event.state == "active" else event.state
                    self._users[event.user] = _Ended(why, event.at_ms, now_ms + self.keep_ms)
            case SignInEnded():
                self._sign_ins[event.user, event.sign_in] = _Ended(why_ended(event.reason), event.at_ms, now_ms + self.keep_ms)
            case TokenRevoked():
                self._tokens[event.token_id] = _Ended("revoked", event.at_ms, event.expires_at_ms)
            case _:
                pass

    def why(self, grant: Grant) -> Why | None:
        """Why the token is refused; None: nothing is known against it here."""
        user = self._users.get(grant.user)
        if user is not None and user.why is not None:
            return user.why
        if grant.token_id in self._tokens:
            return "revoked"
        ended = self._sign_ins.get((grant.user, grant.sign_in))
        if ended is None or (grant.sign_in == NO_SIGN_IN and grant.issued_at_ms > ended.at_ms):
            return None
        return ended.why

    def sweep(self, now_ms: int) -> None:
        """Forgets what no token could still run into."""
        self._users = {user: ended for user, ended in self._users.items() if ended.until_ms > now_ms}
        self._sign_ins = {key: ended for key, ended in self._sign_ins.items() if ended.until_ms > now_ms}
        self._tokens = {token: ended for token, ended in self._tokens.items() if ended.until_ms > now_ms}

    def __len__(self) -> int:
        return len(self._users) + len(self._sign_ins) + len(self._tokens)
