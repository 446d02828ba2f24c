"""Tables on a terminal of 80 columns, and in a pipe: nothing that is in them is cut off, and no line is longer than the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table

from audit.checkpoint import Origin
from audit.note import Note
from ops import administering, webhooks
from ops.audit import PlaceLine, Standing, show
from ops.consumers.lag import GroupLine, table_of
from ops.status import GROUPS, PartitionLine, topic_table
from ops.tables import put_table
from schemas.audits import CheckpointSigned, CheckpointWitnessed

WIDTH = 80
CUT = "…"


def printed(table: Table, *, terminal: bool = True, width: int = WIDTH) -> str:
    out = io.StringIO()
    put_table(Console(file=out, force_terminal=terminal, width=width, color_system=None), table)
    return out.getvalue()


def assert_whole(text: str, cells: list[str], width: int = WIDTH) -> None:
    assert CUT not in text
    assert [cell for cell in cells if cell and cell not in text] == []
    assert [line for line in text.splitlines() if len(line) > width] == []


def wide() -> Table:
    table = Table(
        "topic", "no.", *(f"lag of {name}, read by" for name in ("conversations", "timelines", "notifier", "inbox")), box=box.SIMPLE
    )
    table.add_row("conversation-commands", "7", *(f"12345678{number} projector-{number}" for number in range(4)))
    table.add_row("t", "0", "", "[red]none[/red]", "", "")
    return table


CELLS = ["conversation-commands", "7", *(f"12345678{number} projector-{number}" for number in range(4)), "none"]


def test_a_table_that_is_too_wide_is_told_row_by_row() -> None:
    text = printed(wide())
    assert_whole(text, CELLS)
    assert text.splitlines()[0] == "conversation-commands, no. 7,"
    assert text.splitlines()[-1] == "t, no. 0, lag of timelines, read by none"


def test_in_a_pipe_a_row_is_one_line_whatever_the_width() -> None:
    text = printed(wide(), terminal=False)
    assert_whole(text, CELLS, width=10_000)
    (line,) = [line for line in text.splitlines() if "conversation-commands" in line]
    assert all(cell in line for cell in CELLS[:-1])


def test_a_table_that_fits_is_a_table() -> None:
    table = Table("a", "b", box=box.SIMPLE)
    table.add_row("one", "two")
    for terminal in (True, False):
        assert [line.split() for line in printed(table, terminal=terminal).splitlines() if line.strip(" ─")] == [["a", "b"], ["one", "two"]]


def test_the_widths_of_a_console_are_as_before() -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=WIDTH)
    put_table(console, wide())
    assert console.width == WIDTH


CELL = st.text(st.characters(codec="ascii", exclude_categories=("C", "Z"), exclude_characters="[]\\:"), max_size=60)


@given(st.lists(st.lists(CELL, min_size=5, max_size=5), min_size=1, max_size=5), st.integers(72, 200), st.booleans())
def test_whatever_is_in_the_cells_is_in_the_lines(rows: list[list[str]], width: int, terminal: bool) -> None:
    table = Table("a", "b", "c", "d", "e")
    for row in rows:
        table.add_row(*row)
    assert_whole(printed(table, terminal=terminal, width=width), [cell for row in rows for cell in row], width if terminal else 10_000)


# ---- the commands


def test_the_status_of_partitions_is_whole() -> None:
    lag, owner = dict.fromkeys(GROUPS, 1_234_567), dict.fromkeys(GROUPS, "projector-12")
    lines = [PartitionLine("conversation-commands", number, 123_456_789_012, 98_765.0, lag, owner) for number in (0, 47)]
    text = printed(topic_table(lines, 5.0))
    assert_whole(text, ["conversation-commands", "47", "123456789012", "98765", "Partitions (rates over 5 s)"])
    assert text.count("1234567 projector-12") == 2 * len(GROUPS)


def test_the_other_groups_are_whole() -> None:
    line = GroupLine("a-consumer-with-a-long-name-of-its-own", "PreparingRebalance", 12, "conversation-events", 48, 1_234_567_890)
    assert_whole(printed(table_of([line])), [line.group, line.state, "12", line.topic, "48", "1234567890"])


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_the_status_of_the_audit_is_whole(terminal: bool) -> None:
    fields: dict[str, Any] = {"origin": str(Origin("c", "conversation-events", 7)), "topic": "conversation-events", "partition": 7}
    fields |= {"last_offset": 123_456_789_012, "at_ms": 1_760_000_000_000, "note": str(Note("x\n", ()))}
    line = PlaceLine("conversation-events", 7, 123_456_999_999)
    line.signed = CheckpointSigned(**fields, size=123_456_780_000)
    line.witnessed = CheckpointWitnessed(**fields, size=123_456_770_000)
    out = io.StringIO()
    show(Standing([line]), Console(file=out, force_terminal=terminal, width=WIDTH, color_system=None, soft_wrap=True))
    cells = ["123456999999", "123456780000", "123456789012", str(line.behind), "2025-10-09T08:53:20+00:00", "123456770000"]
    assert_whole(out.getvalue(), ["conversation-events", "7", *cells], WIDTH if terminal else 10_000)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_the_lists_of_webhooks_are_whole(terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    row: dict[str, Any] = {
        "webhook": "wh-0199c82cc00071238123000000000001",
        "state": "enabled",
        "url": "https://archive.example/hooks/warbler/conversations",
        "types": ["message_sent", "message_edited", "message_recalled"],
        "conversations": ["g-0199c82cc00071238123000000000002"],
        "about": "what the archive keeps",
    }
    monkeypatch.setattr(webhooks, "called", lambda *asked, **more: {"webhooks": [row]})
    for module in (webhooks, administering):
        monkeypatch.setattr(module, "Console", lambda **_: Console(force_terminal=terminal, width=WIDTH, color_system=None, soft_wrap=True))
    webhooks.list_webhooks()
    text = capsys.readouterr().out
    cells = [", ".join(value) if isinstance(value, list) else str(value) for value in row.values()]
    assert_whole(text, cells, WIDTH if terminal else 10_000)
    assert len(text.splitlines()) == 1 or terminal
