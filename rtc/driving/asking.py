"""Asking an engine for something, so that whatever happens inside it is one of two answers. Called by `leg` and `room`."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from rtc.driving.metrics import FAULTS, UNAVAILABLE, WORK_MS
from rtc.engines.port import EngineRefused, EngineUnavailable

LOGGER = structlog.get_logger("rtc.driving")
T = TypeVar("T")


async def ask(what: str, call: Callable[[], Awaitable[T]]) -> T:
    """What the engine answers. Raises: EngineRefused, EngineUnavailable, and nothing else."""
    began_s = time.monotonic()
    try:
        return await call()
    except EngineRefused:
        raise
    except EngineUnavailable:
        UNAVAILABLE.inc()
        raise
    except Exception as fault:  # a media library meets what strangers send; one of them must not end the calls of all others
        FAULTS.inc()
        LOGGER.warning("the engine failed", what=what, error=f"{type(fault).__name__}: {fault}", exc_info=fault)
        raise EngineRefused("invalid", "the engine could not use it") from fault
    finally:
        WORK_MS.labels(what).observe((time.monotonic() - began_s) * 1000)


async def tried(what: str, call: Callable[[], Awaitable[object]]) -> bool:
    """Whether the engine did it. What was not done is found by reconciling."""
    try:
        await ask(what, call)
    except (EngineRefused, EngineUnavailable) as failed:
        LOGGER.warning("the engine did not do it", what=what, error=str(failed))
        return False
    return True
