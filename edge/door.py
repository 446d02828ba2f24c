"""Where hellos queue: the shell around `edge.admission`. Called by `edge.connection`."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncIterator

from edge.admission import Admission, Busy, Turn
from edge.clocks import mono_ms
from edge.errors import TooBusy
from edge.metrics import ADMISSIONS


class Door:
    def __init__(self, at_once: int, waiting_limit: int) -> None:
        self.admission = Admission(at_once, waiting_limit)
        self._queue: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Inside, one of EDGE_ADMISSIONS_AT_ONCE places is held.

        Raises: TooBusy with the time to come again. Blocks: until those who came before were served; safe to cancel.
        """
        turn = self.admission.ask(mono_ms(), random.random())
        if isinstance(turn, Busy):
            ADMISSIONS.labels("busy").inc()
            raise TooBusy(turn.retry_after_ms)
        if turn is Turn.WAIT:
            await self._wait()
        ADMISSIONS.labels("waited" if turn is Turn.WAIT else "at_once").inc()
        began_ms = mono_ms()
        try:
            yield
        finally:
            self._leave(mono_ms() - began_ms)

    async def _wait(self) -> None:
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._queue:
                self._queue.remove(place)
                self.admission.gone()
            elif not place.cancelled():
                self._leave(self.admission.welcome_ms)  # its turn had come just then: the next one's
            raise

    def _leave(self, took_ms: float) -> None:
        while self.admission.welcomed(took_ms):
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
            took_ms = self.admission.welcome_ms  # cancelled in this turn of the loop, and it has not run since: the next one's turn
