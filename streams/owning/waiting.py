"""Waiting for several appends at once, so that the first failure is seen and none is forgotten."""

import asyncio

Futures = list["asyncio.Future[int]"]


def unfinished(futures: Futures) -> Futures:
    """Those still in flight. Raises the first failure."""
    for future in futures:
        if future.done():
            future.result()
    return [future for future in futures if not future.done()]


async def wait_all(futures: Futures) -> None:
    """Wait for all of them and forget them. Raises the first failure."""
    if futures:
        await asyncio.wait(futures)
        for future in futures:
            future.result()
        futures.clear()
