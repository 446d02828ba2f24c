"""Keeps a client's roster up to date: a sync by REST after every welcome, and what the server tells in between. A shell."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from warbler.client import Client
from warbler.errors import ClientError, RequestFailed
from warbler.frames import RosterEntry
from warbler.friends import Friends
from warbler.happenings import Connected, Happening, RosterSeen
from warbler.roster import Roster

RETRY_S, RETRY_LIMIT_S = 1.0, 60.0

Changed = Callable[[Sequence[RosterEntry]], None]


class RosterKeeper:
    """`async with RosterKeeper(client, rest.friends) as roster:` holds the whole roster inside, and goes on keeping it.

    `roster`: one that was kept from an earlier run. `changed` is called with the entries that are new or different.
    """

    def __init__(self, client: Client, friends: Friends, *, roster: Roster | None = None, changed: Changed | None = None) -> None:
        self.roster = roster if roster is not None else Roster()
        self._client, self._friends = client, friends
        self._changed = changed
        self._due = asyncio.Event()
        self._whole = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.error: ClientError | None = None

    async def __aenter__(self) -> Roster:
        """Raises: RequestFailed, Unreachable when the first sync fails for good."""
        self._client.observers.append(self._on_happening)
        self._due.set()
        self._task = asyncio.create_task(self._run(), name="warbler-roster")
        await self._whole.wait()
        if self.error is not None:
            await self.close()
            raise self.error
        return self.roster

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        with suppress(ValueError):
            self._client.observers.remove(self._on_happening)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _on_happening(self, happening: Happening) -> None:
        if isinstance(happening, Connected):
            self._due.set()
        elif isinstance(happening, RosterSeen):
            self._tell(self.roster.live(happening))

    async def _run(self) -> None:
        pause_s = RETRY_S
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._sync()
            except ClientError as error:
                if not error.retryable:
                    self.error = error
                    self._whole.set()
                    return
                wait_ms = error.retry_after_ms if isinstance(error, RequestFailed) else 0
                await asyncio.sleep(max(pause_s, wait_ms / 1000))
                pause_s = min(2 * pause_s, RETRY_LIMIT_S)
                self._due.set()
            else:
                pause_s = RETRY_S
                self._whole.set()

    async def _sync(self) -> None:
        since, after = self.roster.begin(), None
        while not self._due.is_set():  # a new session begins: its sync is the one that counts
            page = await self._friends.roster_page(since, after)
            self._tell(self.roster.page(page))
            after = page.next
            if after is None:
                return

    def _tell(self, changed: Sequence[RosterEntry]) -> None:
        if changed and self._changed is not None:
            self._changed(changed)
