"""Work that has to wait for something, without overtaking what came before it for the same key. Called by `edge.calls`."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any

Job = Callable[[], Awaitable[None]]
Spawn = Callable[[Coroutine[Any, Any, None]], object]


class InOrder:
    """Jobs of one key run one after the other, those of different keys at the same time. A job raises only what is a bug of ours.

    Shape: as many jobs wait as sessions may have unanswered commands and signals; there is no limit here.
    """

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._waiting: dict[Hashable, deque[Job]] = {}

    def busy(self, key: Hashable) -> bool:
        """Whether something of this key is under way: what comes now has to go behind it."""
        return key in self._waiting

    def put(self, key: Hashable, job: Job) -> None:
        if (waiting := self._waiting.get(key)) is not None:
            waiting.append(job)
        else:
            self._waiting[key] = deque([job])
            self._spawn(self._work(key))

    async def _work(self, key: Hashable) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                await waiting[0]()
                waiting.popleft()
        finally:
            del self._waiting[key]
