"""What `warbler up` asks of the operating system for itself: open files, and to be told when to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable, Iterator


def raise_file_limit() -> None:
    """Every session is a file: take all the files that this user may have. Children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def signals_call(loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP call `told` inside the block."""
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in wanted:
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
