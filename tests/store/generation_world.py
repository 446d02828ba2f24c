"""The tables of generations and of progress in memory, behind the real `Store`: for laws about who may read and write what."""

import asyncio
from collections.abc import Sequence
from typing import Any

from store import cql
from store.cassandra import Rows, Store
from store.generations import Place
from store.settings import StoreSettings

EVENTS = "conversation-events"


class World:
    """`progress`: (name, partition) -> offset, as the table has it."""

    def __init__(self) -> None:
        self.progress: dict[tuple[str, int], int] = {}
        self.turns = 1  # how often others run before a request that begins now is answered

    def process(self) -> "ProcessStore":
        return ProcessStore(self)


class ProcessStore(Store):
    """One process's; every request lets others run first."""

    def __init__(self, world: World) -> None:
        super().__init__(StoreSettings("127.0.0.1:9042"), None, None)
        self.world = world
        self.place = Place()

    async def _of_text(self, text: str) -> Any:
        await asyncio.sleep(0)
        return text

    async def execute_each(self, cql_text: str, values: Sequence[Sequence[Any]]) -> list[Rows]:
        answer = self._answer(cql_text, values)
        for _ in range(self.world.turns):
            await asyncio.sleep(0)
        return answer

    def _answer(self, cql_text: str, values: Sequence[Sequence[Any]]) -> list[Rows]:
        match cql_text:
            case cql.PROGRESS:
                return [[(number, at) for (name, number), at in sorted(self.world.progress.items()) if name == each[0]] for each in values]
            case cql.PUT_PROGRESS:
                for name, number, end, stamp in values:
                    assert end == stamp
                    self.world.progress[name, number] = max(end, self.world.progress.get((name, number), 0))
                return [[] for _ in values]
        raise AssertionError(cql_text)
