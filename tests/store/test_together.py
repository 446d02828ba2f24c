"""Reads that are wanted at the same moment are asked for together, each key once; everybody gets its own answer, or the error."""

import asyncio
from collections.abc import Mapping

import pytest

from store.together import Together


class Asked:
    def __init__(self, fails: bool = False) -> None:
        self.keys: list[list[int]] = []
        self.fails = fails

    async def __call__(self, keys: list[int]) -> Mapping[int, str]:
        self.keys.append(keys)
        await asyncio.sleep(0)
        if self.fails:
            raise LookupError("away")
        return {key: f"value {key}" for key in keys if key % 2 == 0}


def test_what_is_wanted_at_once_is_asked_for_at_once_each_key_once() -> None:
    async def body() -> None:
        asked = Asked()
        together = Together(asked, 3, "none")
        found = await asyncio.gather(*(together.get(key) for key in (0, 1, 2, 2, 4, 6)))
        assert found == ["value 0", "none", "value 2", "value 2", "value 4", "value 6"]
        assert asked.keys == [[0, 1, 2], [4, 6]]
        assert await together.get(8) == "value 8"
        assert asked.keys[-1] == [8]

    asyncio.run(body())


def test_an_error_reaches_everybody_and_the_next_are_asked_for_anew() -> None:
    async def body() -> None:
        asked = Asked(fails=True)
        together = Together(asked, 10, "none")
        found = await asyncio.gather(*(together.get(key) for key in range(3)), return_exceptions=True)
        assert [type(each) for each in found] == [LookupError] * 3
        asked.fails = False
        assert await together.get(2) == "value 2"

    asyncio.run(body())


def test_who_is_cancelled_takes_nobody_along() -> None:
    async def body() -> None:
        together = Together(Asked(), 10, "none")
        first, second = (asyncio.create_task(together.get(2)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == "value 2"
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(body())
