"""When a change of a user's presence is told: flicker is not, and no user is told of more than once per settle time. Pure."""

from dataclasses import dataclass

from schemas.values import PresenceState

RANK: dict[PresenceState, int] = {"offline": 0, "away": 1, "online": 2}


@dataclass(frozen=True, slots=True)
class Shown:
    """The presence that was published last. `last_seen_ms`, `at_ms`: as in the record; 0: nothing was published."""

    state: PresenceState = "offline"
    status: str = ""
    last_seen_ms: int = 0
    at_ms: int = 0

    def differs(self, state: PresenceState, status: str) -> bool:
        return (self.state, self.status) != (state, status)


UNSEEN = Shown()


def tell_ms(shown: Shown, state: PresenceState, since_ms: int, told_ms: int, settle_ms: int) -> int:
    """When a presence that differs since `since_ms` is to be published; `told_ms`: when the last was, 0 if not lately.

    Shape: coming, and a new status, at once; going after the settle time, within which it may turn out a flicker.
    """
    going = RANK[state] < RANK[shown.state]
    return max(since_ms + settle_ms if going else since_ms, told_ms + settle_ms if told_ms else 0)
