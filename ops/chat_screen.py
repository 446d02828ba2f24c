"""The terminal of `warbler chat`: lines in and out, also when they come through a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable

from rich.console import Console
from rich.table import Table

try:  # imported before the first input(), which then lets the line be edited and shown again
    import readline
except ImportError:  # a Python without it: the line is only not shown again
    readline = None  # type: ignore[assignment]

PROMPT = "> "


class Screen:
    """Lines in and out. In a terminal, what is printed goes above the line that is being typed."""

    def __init__(self, console: Console, interactive: bool) -> None:
        self.console, self.interactive = console, interactive
        self._typing = False

    def say(self, markup: str) -> None:
        self._above(lambda: self.console.print(markup, highlight=False, soft_wrap=True))

    def table(self, table: Table) -> None:
        self._above(lambda: self.console.print(table))

    def _above(self, show: Callable[[], None]) -> None:
        """Shows something in the place of the line being typed, and that line again below it."""
        if self._typing:
            sys.stdout.write("\r\033[K")
        show()
        if self._typing:
            sys.stdout.write(PROMPT + typed_so_far())
            sys.stdout.flush()

    async def lines(self) -> AsyncIterator[str]:
        """Lines as they are entered, until the end of input."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[str | None] = asyncio.Queue()

        def read() -> None:
            while True:
                try:
                    self._typing = self.interactive
                    line = input(PROMPT) if self.interactive else input()
                except EOFError:
                    break
                finally:
                    self._typing = False
                loop.call_soon_threadsafe(arrived.put_nowait, line)
            with contextlib.suppress(RuntimeError):  # the loop has ended before the input did
                loop.call_soon_threadsafe(arrived.put_nowait, None)

        # A daemon: a thread that waits for a key cannot be told to stop, and must not keep the program alive.
        threading.Thread(target=read, daemon=True, name="keyboard").start()
        while (line := await arrived.get()) is not None:
            yield line


def typed_so_far() -> str:
    return readline.get_line_buffer() if readline is not None else ""
