"""Which device may have which push token by what account events say: for `warbler verify accounts`. Pure.

The log does not hold the tokens, so it cannot say that a row has to be there (who registers may have died before it wrote its row, and
registers again); but a row that it does not know of is wrong: it was removed, moved, or never told.
"""

from dataclasses import dataclass, field

from schemas import accounts as facts
from store.sign_ins import NO_SIGN_IN

Place = tuple[str, str, str]  # user, device, push channel


@dataclass(slots=True)
class _Token:
    added_ms: int = -1
    ended_ms: int = -1
    sign_in: str = ""


@dataclass(slots=True)
class TokenFacts:
    tokens: dict[Place, dict[str, _Token]] = field(default_factory=dict)
    ended: dict[tuple[str, str], int] = field(default_factory=dict)  # (user, sign-in) -> when
    deleted: dict[str, int] = field(default_factory=dict)

    def apply(self, event: facts.AccountEvent) -> None:
        """Safe to repeat, in any order."""
        match event:
            case facts.PushTokenChanged():
                token = self.tokens.setdefault((event.user, event.device, event.channel), {}).setdefault(event.token_id, _Token())
                if event.state != "added":
                    token.ended_ms = max(token.ended_ms, event.at_ms)
                elif event.at_ms > token.added_ms:
                    token.added_ms, token.sign_in = event.at_ms, event.sign_in
            case facts.SignInEnded():
                place = event.user, event.sign_in
                self.ended[place] = max(self.ended.get(place, -1), event.at_ms)
            case facts.UserStateChanged(state="deleted"):
                self.deleted[event.user] = max(self.deleted.get(event.user, -1), event.at_ms)
            case _:
                pass

    def token_of(self, place: Place) -> str | None:
        """The token that stands at a device for a push channel; None: there can be none."""
        if not (known := self.tokens.get(place)):
            return None
        token_id, newest = max(known.items(), key=lambda each: each[1].added_ms)
        return None if self._is_over(place[0], newest) else token_id

    def _is_over(self, user: str, token: _Token) -> bool:
        if token.ended_ms >= token.added_ms or user in self.deleted:
            return True
        ended_ms = self.ended.get((user, token.sign_in))
        return ended_ms is not None and (token.sign_in != NO_SIGN_IN or ended_ms >= token.added_ms)
