"""When to start, keep or kill a child: a pure step function over what was seen of it.

Rules
1. A child is judged by the progress it reports, not by being alive: a counter that stands still while the child does not call
   itself idle means it hangs.
2. Nothing is started before its back-off is over; a child that ran steadily for a while starts again at the shortest one.
3. While Kafka or Cassandra is away (`excused`), standing still is not the child's fault; not answering at all still is.

Called by ops.supervisor; calls nothing. Time and chance are arguments.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import assert_never


class Phase(enum.Enum):
    WAITING = "waiting"  # not running; may be started from `start_at_s` on
    STARTING = "starting"  # running, has not answered yet
    RUNNING = "running"  # has answered at least once


@dataclass(frozen=True, slots=True)
class Policy:
    start_limit_s: float = 60.0  # from start to the first answer
    silent_limit_s: float = 20.0  # between answers
    stalled_limit_s: float = 30.0  # without progress
    steady_s: float = 60.0  # running this long forgives earlier failures
    backoff_first_s: float = 0.5
    backoff_limit_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one child. Times are seconds of one monotonic clock."""

    phase: Phase = Phase.WAITING
    start_at_s: float = 0.0
    started_s: float = 0.0
    answered_s: float = 0.0
    progressed_s: float = 0.0
    progress: int = -1
    failures_count: int = 0  # consecutive; 0 for a child that never failed or ran steadily since


@dataclass(frozen=True, slots=True)
class Gone:
    """The process does not run: never started, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The process runs, its liveness endpoint did not answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    ok: bool
    progress: int
    idle: bool


Observation = Gone | Silent | Answered


@dataclass(frozen=True, slots=True)
class Start:
    pass


@dataclass(frozen=True, slots=True)
class Keep:
    pass


@dataclass(frozen=True, slots=True)
class Ended:
    """The child ended by itself; it will be started again at `again_in_s`."""

    again_in_s: float


@dataclass(frozen=True, slots=True)
class Kill:
    reason: str
    again_in_s: float


Action = Start | Keep | Ended | Kill


def backoff_s(policy: Policy, failures_count: int, jitter: float) -> float:
    """Pause before the next start: doubling from the first to the limit, then shortened by up to a half by `jitter`.

    Shape: within [backoff_first_s / 2, backoff_limit_s] for jitter in 0..1.
    """
    # The exponent is capped: 0.5 s * 2**6 is past the limit anyway, and a child that failed for weeks must not overflow.
    full = min(policy.backoff_limit_s, policy.backoff_first_s * 2 ** min(failures_count, 16))
    return float(full * (1 - jitter / 2))


def step(watch: Watch, seen: Observation, now_s: float, jitter: float, policy: Policy, *, excused: bool = False) -> tuple[Watch, Action]:
    """The child's new record and what to do with it now."""
    match seen:
        case Gone():
            return _gone(watch, now_s, jitter, policy)
        case Silent():
            return _silent(watch, now_s, jitter, policy)
        case Answered():
            return _answered(watch, seen, now_s, jitter, policy, excused)
        case _:
            assert_never(seen)


def _gone(watch: Watch, now_s: float, jitter: float, policy: Policy) -> tuple[Watch, Action]:
    if watch.phase is not Phase.WAITING:
        failed = _failed(watch, now_s, jitter, policy)
        return failed, Ended(failed.start_at_s - now_s)
    if now_s < watch.start_at_s:
        return watch, Keep()
    started = replace(watch, phase=Phase.STARTING, started_s=now_s, answered_s=now_s, progressed_s=now_s, progress=-1)
    return started, Start()


def _silent(watch: Watch, now_s: float, jitter: float, policy: Policy) -> tuple[Watch, Action]:
    if watch.phase is Phase.STARTING:
        limit_s, what = policy.start_limit_s, "no first answer"
    else:
        limit_s, what = policy.silent_limit_s, "no answer"
    silent_s = now_s - watch.answered_s
    if silent_s <= limit_s:
        return watch, Keep()
    return _killed(watch, f"{what} for {silent_s:.0f} s", now_s, jitter, policy)


def _answered(watch: Watch, seen: Answered, now_s: float, jitter: float, policy: Policy, excused: bool) -> tuple[Watch, Action]:
    steady = now_s - watch.started_s >= policy.steady_s
    moved = seen.ok and (seen.idle or seen.progress != watch.progress)
    kept = replace(
        watch,
        phase=Phase.RUNNING,
        answered_s=now_s,
        progressed_s=now_s if moved or excused else watch.progressed_s,
        progress=seen.progress,
        failures_count=0 if steady and moved else watch.failures_count,
    )
    stalled_s = now_s - kept.progressed_s
    if stalled_s <= policy.stalled_limit_s:
        return kept, Keep()
    what = "no progress" if seen.ok else "reports that it is not well"
    return _killed(kept, f"{what} for {stalled_s:.0f} s", now_s, jitter, policy)


def _killed(watch: Watch, reason: str, now_s: float, jitter: float, policy: Policy) -> tuple[Watch, Action]:
    failed = _failed(watch, now_s, jitter, policy)
    return failed, Kill(reason, failed.start_at_s - now_s)


def _failed(watch: Watch, now_s: float, jitter: float, policy: Policy) -> Watch:
    # A crash after a long steady run is the first failure, even if no answer since reset the count.
    earlier = 0 if now_s - watch.started_s >= policy.steady_s else watch.failures_count
    pause_s = backoff_s(policy, earlier, jitter)
    return replace(watch, phase=Phase.WAITING, start_at_s=now_s + pause_s, failures_count=earlier + 1)
