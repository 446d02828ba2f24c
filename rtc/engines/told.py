"""What an engine tells, until the driver takes it. Used by the engines that speak to a server."""

import asyncio
from collections.abc import AsyncIterator

import structlog

from rtc.engines.port import EngineEvent

EVENTS_LIMIT = 10_000

_log = structlog.get_logger("rtc.engines")


class Telling:
    def __init__(self) -> None:
        self._events: asyncio.Queue[EngineEvent] = asyncio.Queue(EVENTS_LIMIT)

    def tell(self, event: EngineEvent) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            _log.error("nobody takes the engine's events", left_out=type(event).__name__)  # reconciling by snapshot finds what matters

    async def events(self) -> AsyncIterator[EngineEvent]:
        while True:
            yield await self._events.get()
