"""Slips in memory, with the same compare-and-set, and factors."""

from __future__ import annotations

import asyncio
import dataclasses

from schemas.accounts import FactorChanged
from store.factors import Factor
from store.slips import Slip


class MemorySlips:
    """Every answer takes a turn of the loop, so that callers can meet in between. `wrote`: all values ever kept."""

    def __init__(self) -> None:
        self.slips: dict[str, Slip] = {}
        self.wrote: list[bytes] = []

    async def get(self, key: str) -> Slip:
        await asyncio.sleep(0)
        return self.slips.get(key, Slip())

    async def swap(self, key: str, seen: Slip, value: bytes, keep_s: int) -> bool:
        await asyncio.sleep(0)
        if self.slips.get(key, Slip()).version != seen.version:
            return False
        self.slips[key] = Slip(value, seen.version + 1)
        self.wrote.append(value)
        return True

    async def put_new(self, key: str, value: bytes, keep_s: int) -> bool:
        return await self.swap(key, Slip(), value, keep_s)

    async def take(self, key: str, keep_s: int) -> bytes | None:
        seen = await self.get(key)
        if not seen.value or not await self.swap(key, seen, b"", keep_s):
            return None
        return seen.value


class MemoryFactors:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Factor] = {}

    async def of_user(self, user: str) -> list[Factor]:
        found = [row for (owner, _), row in self.rows.items() if owner == user and row.state == "added" and row.sealed]
        return sorted(found, key=lambda row: (row.added_at_ms, row.factor))

    async def put_pending(self, user: str, factor: Factor) -> None:
        self.rows[user, factor.factor] = factor

    def apply(self, event: FactorChanged) -> None:
        row = self.rows[event.user, event.factor_id]
        sealed = row.sealed if event.state == "added" else b""
        self.rows[event.user, event.factor_id] = dataclasses.replace(row, state=event.state, sealed=sealed)
