"""Work on Cassandra that is tried until it is done. Called by the projectors of the role timelines, and by a rebuild."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from store.errors import StoreUnavailable

RETRY_FIRST_S, RETRY_LONGEST_S = 0.1, 5.0

_log = structlog.get_logger("streams.timelines")


async def kept_trying(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """`what`: for the operator, who reads why it waits. Blocks: for as long as Cassandra is away; `work` is done at least once."""
    wait_s = RETRY_FIRST_S
    while True:
        try:
            return await work()
        except StoreUnavailable as exc:
            _log.warning(f"{what}.store_unavailable", retry_s=wait_s, reason=str(exc)[:300])
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_LONGEST_S)
