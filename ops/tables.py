"""Tables that nothing is cut out of: as they are where they fit or nobody looks, else each row in a few lines.

Called by the commands that list things: a name that ends in dots cannot be copied, and a figure without its end is another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

UNBOUNDED_COLUMNS = 100_000
INDENT = "    "


def put_table(console: Console, table: Table) -> None:
    """Prints it, whole: in a pipe or a file at its own width, on a terminal that is too narrow for it row by row."""
    wanted = width_of(console, table)
    if not console.is_terminal:
        before = console.width
        console.width = max(before, wanted)
        try:
            console.print(table, highlight=False)
        finally:
            console.width = before
    elif wanted <= console.width:
        console.print(table, highlight=False)
    else:
        for line in narrow_lines(table, console.width):
            console.print(line, highlight=False, soft_wrap=True)


def width_of(console: Console, table: Table) -> int:
    """How many columns of the terminal it takes if no cell is folded."""
    return Measurement.get(console, console.options.update(max_width=UNBOUNDED_COLUMNS), table).maximum


def narrow_lines(table: Table, width: int) -> Iterator[Text]:
    """Each row as its first cell and, behind it, whatever else is in it with its heading; only a single cell may be longer than a line."""
    if table.title:
        yield Text(str(table.title), style="italic")
    headings = [plain(column.header) for column in table.columns]
    for cells in zip(*(list(column.cells) for column in table.columns), strict=True):
        others = zip(headings[1:], cells[1:], strict=True)
        yield from filled([text(cells[0]), *(_headed(heading, text(cell)) for heading, cell in others if plain(cell))], width)


def text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text.from_markup(str(cell))


def plain(cell: object) -> str:
    return text(cell).plain.strip()


def _headed(heading: str, cell: Text) -> Text:
    return Text.assemble((f"{heading} ", "dim"), cell) if heading else cell


def filled(parts: Iterable[Text], width: int) -> Iterator[Text]:
    """The parts one after another with commas between, as many on a line as fit, those after the first line indented."""
    line: Text | None = None
    for part in parts:
        if line is None:
            line = part.copy()
        elif line.cell_len + part.cell_len + 3 <= width:  # the comma and the blank before it, and a comma that may follow
            line = Text.assemble(line, ", ", part)
        else:
            yield Text.assemble(line, ",")
            line = Text.assemble(INDENT, part)
    if line is not None:
        yield line
