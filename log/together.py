"""Many who ask the same at once are answered by one request, which begins after the last of them has asked. Called by `log.kafka_read`."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from log.errors import UnknownTopic

Place = TypeVar("Place", bound=Hashable)


class Together(Generic[Place]):
    """`ask(places)` is called with all that were wanted while it was busy; one call at a time."""

    def __init__(self, ask: Callable[[Sequence[Place]], Awaitable[Mapping[Place, int]]]) -> None:
        self._ask = ask
        self._wanted: dict[Place, asyncio.Future[int]] = {}
        self._answering: asyncio.Task[None] | None = None

    async def of(self, place: Place) -> int:
        """What `ask` says of the place, asked after this call. Raises: what `ask` raises; an unknown place spoils no other's answer."""
        answer = self._wanted.setdefault(place, asyncio.get_running_loop().create_future())
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer())
        return await asyncio.shield(answer)

    async def _answer(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                if not await self._answered(wanted):
                    for place, answer in wanted.items():  # one of them is unknown: each by itself
                        await self._answered({place: answer})
        finally:
            self._answering = None

    async def _answered(self, wanted: Mapping[Place, asyncio.Future[int]]) -> bool:
        try:
            found = await self._ask(list(wanted))
        except UnknownTopic as exc:
            if len(wanted) > 1:
                return False
            _fail(wanted, exc)
        except Exception as exc:  # noqa: BLE001  # whatever it is, those who wait must hear of it
            _fail(wanted, exc)
        else:
            for place, answer in wanted.items():
                answer.set_result(found[place])
        return True


def _fail(wanted: Mapping[Place, asyncio.Future[int]], exc: Exception) -> None:
    for answer in wanted.values():
        answer.set_exception(exc)
        answer.exception()  # seen: who asked may have gone away
