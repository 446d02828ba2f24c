"""One thing after the other for whoever must not overtake itself, while others go on: a leg, or a room."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]


class Lane:
    """Runs what it is offered, in order. What a work raises ends the lane's task, and with it the process: works handle their own."""

    def __init__(self, group: asyncio.TaskGroup, limit: int) -> None:
        self._waiting: deque[Work] = deque()
        self._limit = limit
        self._wake = asyncio.Event()
        self._ending = False
        self._task = group.create_task(self._run())

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, work: Work, *, always: bool = False) -> bool:
        """False where too much waits already and the work was not taken. `always`: what our own doing needs is taken all the same."""
        if self._ending or (len(self._waiting) >= self._limit and not always):
            return False
        self._waiting.append(work)
        self._wake.set()
        return True

    def end(self) -> None:
        """Nothing more is taken; what waits is dropped, what runs is cancelled."""
        self._ending = True
        self._waiting.clear()
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._waiting.popleft()()
