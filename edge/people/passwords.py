"""Passwords: argon2id, a few at a time, in threads. Called by the services of this folder.

Source: RFC 9106; the parameters are settings, and a hash made with others is made anew when its user signs in.
"""

import asyncio
import secrets
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from edge.errors import TooBusy
from edge.settings import EdgeSettings

BUSY_RETRY_MS = 2_000


class Passwords:
    def __init__(self, settings: EdgeSettings) -> None:
        self._hasher = PasswordHasher(settings.argon2_time_cost, settings.argon2_memory_kib, settings.argon2_parallelism)
        self._turns = asyncio.Semaphore(settings.passwords_at_once)
        self._waiting, self._waiting_limit = 0, settings.passwords_waiting_limit
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Raises: TooBusy."""
        return str(await self._in_turn(self._hasher.hash, password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password; None, for nobody, takes as long. Raises: TooBusy."""
        if self._nobody is None:
            self._nobody = str(await self._in_turn(self._hasher.hash, secrets.token_hex(16)))
        good = bool(await self._in_turn(self._verified, password_hash or self._nobody, password))
        return good and password_hash is not None

    def is_old(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verified(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[..., object], *given: str) -> object:
        if self._waiting >= self._waiting_limit:
            raise TooBusy(BUSY_RETRY_MS)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *given)
        finally:
            self._waiting -= 1
