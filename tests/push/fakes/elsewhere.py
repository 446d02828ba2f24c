"""A fake vendor in a thread of its own, for a test whose loop is busy or whose push channels are in another process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.push.fakes.base import FakeVendor

Fake = TypeVar("Fake", bound=FakeVendor)
START_TIMEOUT_S = 10


@contextmanager
def elsewhere(fake: Fake) -> Iterator[Fake]:
    """The fake, running; `fake.url` is its address for anybody on this machine. Its counts may be read and its chances set from here."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with fake:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        if not ready.wait(START_TIMEOUT_S):
            raise RuntimeError("the fake did not start")
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_TIMEOUT_S)
        loop.close()
