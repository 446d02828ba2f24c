"""Reads of one kind that are wanted at the same moment, asked for together: a request for twenty keys costs little more than one for one.

Called by what handles many users at once (`store.push_looks`); a page for one user has no use for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Together(Generic[K, V]):
    """`ask` gets at most `most` keys, each once, and answers those it has found; the others get `missing`."""

    def __init__(self, ask: Callable[[list[K]], Awaitable[Mapping[K, V]]], most: int, missing: V) -> None:
        self._ask, self._most, self._missing = ask, most, missing
        self._wanted: dict[K, list[asyncio.Future[V]]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V:
        """What `ask` answers. Raises: what `ask` raises. Blocks: who is cancelled leaves the others' answers alone."""
        loop = asyncio.get_running_loop()
        if not self._wanted:
            loop.call_soon(self._flush)
        answer: asyncio.Future[V] = loop.create_future()
        self._wanted.setdefault(key, []).append(answer)  # one each: who is cancelled cancels its own
        return await answer

    def _flush(self) -> None:
        """After everybody who can run now has said what it wants."""
        wanted, self._wanted = list(self._wanted.items()), {}
        for at in range(0, len(wanted), self._most):
            some = dict(wanted[at : at + self._most])
            task = asyncio.get_running_loop().create_task(self._answer(some))
            self._asking.add(task)  # the loop holds it only weakly
            task.add_done_callback(self._asking.discard)

    async def _answer(self, some: Mapping[K, list["asyncio.Future[V]"]]) -> None:
        try:
            found = await self._ask(list(some))
        except BaseException as exc:  # whatever it is, nobody may wait for ever because of it
            for answer in (answer for answers in some.values() for answer in answers):
                _refuse(answer, exc)
            if not isinstance(exc, Exception):
                raise
            return
        for key, answers in some.items():
            value = found.get(key, self._missing)
            for answer in answers:
                if not answer.done():
                    answer.set_result(value)


def _refuse(answer: "asyncio.Future[V]", error: BaseException) -> None:
    if answer.done():
        return
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(error)
        answer.exception()  # who wanted it may be gone; that is no "never retrieved"
