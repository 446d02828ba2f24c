"""What `warbler up` shows when everything runs."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.statefile import State


def for_browsers(address: str) -> str:
    """The address under the name that browsers take for this machine: they make passkeys for names, never for numbers."""
    return address.replace("//127.0.0.1", "//localhost")


def summary(state: State, ready_s: float) -> RenderableType:
    """One table of processes and, below it, the address to open."""
    table = Table("process", "address", "pid", title=f"Warbler is ready ({ready_s:.1f} s)", title_justify="left")
    for process in state.processes:
        table.add_row(process.name, process.address, str(process.pid) if process.pid else "existing cluster")
    page = Text.assemble("\nOpen ", (for_browsers(state.page), "bold underline"), " in a browser; Ctrl-C stops everything.")
    return Group(table, page)
