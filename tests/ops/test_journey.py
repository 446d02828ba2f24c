"""`warbler journey`: the steps as a table, and what it says when it cannot know."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ops.errors import OpsError
from ops.journey import fetched, located, show

STEP = {"at_ms": None, "by_then": False, "node": None, "user": None, "device": None, "why": None}
JOURNEY = {
    "conversation": "g-1",
    "seq": 5,
    "now_ms": 9,
    "user": "u-ana",
    "device": "phone",
    "command_id": "0190",
    "members": 2,
    "members_more": True,
    "steps": [
        {**STEP, "step": "received", "at_ms": 1_000},
        {**STEP, "step": "fanned_out", "at_ms": 1_040, "by_then": True, "node": "edge-1"},
        {**STEP, "step": "delivered", "user": "u-ben", "why": "nothing was said so far"},
    ],
    "notes": ["receipts: only the first 7 records were looked through"],
}


def test_the_table_counts_from_the_first_known_time_and_says_what_is_not_known() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    show(JOURNEY, console)
    text = console.export_text()
    rows = {line.split()[1]: line for line in text.splitlines() if line.count("│") > 2}
    assert "<= 40" in rows["fanned_out"]
    assert "edge-1" in rows["fanned_out"]
    assert "nothing was said so far" in rows["delivered"]
    assert "only the first 2 members" in text
    assert "only the first 7 records" in text


def test_with_an_address_the_key_file_must_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WARBLER_ADMIN_KEY", raising=False)
    with pytest.raises(OpsError, match="WARBLER_ADMIN_KEY"):
        located("http://127.0.0.1:1", tmp_path)
    (tmp_path / "key").write_text("secret\n")
    monkeypatch.setenv("WARBLER_ADMIN_KEY", str(tmp_path / "key"))
    assert located("http://127.0.0.1:1/", tmp_path) == ("http://127.0.0.1:1", "secret")


def test_an_edge_that_does_not_answer_is_said() -> None:
    with pytest.raises(OpsError, match="does not answer"):
        fetched("http://127.0.0.1:1", "key", "g-1", 1)
