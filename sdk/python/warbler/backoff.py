"""How long to wait before coming back, and what a close code asks for. Pure."""

from typing import Literal

BACKOFF_FIRST_MS = 250
BACKOFF_LIMIT_MS = 20_000

Reconnect = Literal["backoff", "new_token", "never"]
_NEW_TOKEN = frozenset({4502, 4503})
# 1000-1001 may come from a proxy that restarts; 1002-1009 say that a frame of ours was wrong and will be wrong again.
_NEVER = frozenset({1002, 1003, 1007, 1008, 1009})


def backoff_ms(attempt: int, chance: float) -> int:
    """Shape: `attempt` from 0, `chance` in 0..1; half fixed, half chance, so that a crowd does not return at once."""
    ceiling = min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS << min(attempt, 16))
    return int(ceiling / 2 + ceiling / 2 * chance)


def reconnect_of(close_code: int) -> Reconnect:
    if close_code in _NEW_TOKEN:
        return "new_token"
    return "never" if close_code in _NEVER or 4500 <= close_code < 5000 else "backoff"
