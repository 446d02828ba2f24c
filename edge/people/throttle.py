"""How many tries are left within a window: one rule for codes, factors and what is sent. Pure; time is an argument."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` within any `window_ms`."""

    count: int
    window_ms: int


def recent(times_ms: tuple[int, ...], limit: Limit, now_ms: int) -> tuple[int, ...]:
    """Those within the window, oldest first, at most `count`: older ones decide nothing any more."""
    return tuple(at for at in times_ms if at > now_ms - limit.window_ms)[-limit.count :]


def wait_ms(times_ms: tuple[int, ...], limit: Limit, now_ms: int) -> int:
    """0: one more is allowed now; else how long until then."""
    within = recent(times_ms, limit, now_ms)
    if len(within) < limit.count:
        return 0
    return max(1, within[0] + limit.window_ms - now_ms)


def noted(times_ms: tuple[int, ...], limit: Limit, now_ms: int) -> tuple[int, ...]:
    return recent((*times_ms, now_ms), limit, now_ms)
