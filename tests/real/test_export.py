"""`warbler export` of a real Warbler: every format, proven by the sealer's checkpoints, checked with only the folder and the key."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from log.kafka import KafkaLog
from log.places import End, Start
from log.settings import LogSettings
from log.spans import read_spans, spans_of
from ops import statefile
from ops.export.forms import FORMATS
from schemas.accounts import AdminActed
from schemas.codec import decode_admin_event
from tests.real.running import Running
from tests.real.talking import User, online, registered

pytestmark = pytest.mark.real
WITHIN_S = 180
PATIENCE_S = 120.0


def warbler_line(warbler: Running, *line: str) -> tuple[list[str], dict[str, str]]:
    keyspace = statefile.read(warbler.data).keyspace  # the session's worlds share a Cassandra
    env = {**os.environ, "WARBLER_KAFKA": warbler.kafka, "WARBLER_CASSANDRA": warbler.cassandra, "WARBLER_KEYSPACE": keyspace}
    return [sys.executable, "-m", "ops.cli", *line], env


def export(warbler: Running, *line: str) -> tuple[int, str]:
    command, env = warbler_line(warbler, "export", "--data", str(warbler.data), "--wait-s", "120", *line)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return done.returncode, done.stdout + done.stderr


def checked(warbler: Running, folder: Path) -> tuple[int, str]:
    """By the auditor's own program, which is told nothing of the running system."""
    line = [sys.executable, "-m", "audit", "verify", str(folder), "--key", str(warbler.data / "secrets" / "audit-key.pub")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return done.returncode, done.stdout + done.stderr


async def talked(warbler: Running, ana: User, ben: User) -> str:
    """A group with a message that is edited and recalled, and one that is a picture."""
    async with online(warbler.page, ana) as phone, online(warbler.page, ben) as tablet:
        group = await phone.new_group(ben)
        sent = await phone.send_text(group, "=SUM(A1) one")
        await phone.command("edit_message", group, target_seq=sent["seq"], content={"text": "uno"})
        await tablet.command("add_reaction", group, target_seq=sent["seq"], reaction="🎉")
        await phone.command("recall_message", group, target_seq=sent["seq"])
        last = await tablet.send_text(group, "bye")
        assert last["seq"] == 6
        return group


async def acts(warbler: Running) -> list[AdminActed]:
    log = KafkaLog(LogSettings(warbler.kafka))
    await log.start()
    try:
        spans = await spans_of(log, ["admin-events"], Start(), End())
        found = [decode_admin_event(record.value) async for records in read_spans(log, spans) for record in records]
        return [event for event in found if isinstance(event, AdminActed) and event.action == "export"]
    finally:
        await log.close()


def test_a_conversation_in_every_format_is_exported_and_proves_itself(warbler: Running, tmp_path: Path) -> None:
    ana, ben = registered(warbler), registered(warbler)
    group = asyncio.run(talked(warbler, ana, ben))
    out = tmp_path / "out"
    code, said = export(warbler, "--conversation", group, "--format", ",".join(FORMATS), "--out", str(out))
    assert code == 0, said
    assert "events of 1 conversations" in said
    code, found = checked(warbler, out)
    assert code == 0, found
    rows = list(csv.DictReader(io.StringIO((out / "csv" / f"{group}.csv").read_text(), newline="")))
    assert [row["event"] for row in rows] == [
        *("conversation_created", "message_sent", "message_edited", "reaction_added", "message_recalled", "message_sent"),
    ]
    assert (rows[1]["text"], rows[1]["recalled_by_seq"]) == ("'=SUM(A1) one", "5")
    formats = {path.name for path in out.iterdir() if path.is_dir()}
    assert set(FORMATS) <= formats
    assert [act.outcome for act in asyncio.run(acts(warbler)) if act.target == group] == ["begun", "done"]
    # one byte of any kind of file, and whoever checks sees it
    victim = next((out / "rsmf").rglob("*.rsmf"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    code, found = checked(warbler, out)
    assert code == 1, found
    assert victim.name in found


def test_a_users_export_that_is_killed_goes_on(warbler: Running, tmp_path: Path) -> None:
    ana, ben = registered(warbler), registered(warbler)
    group = asyncio.run(talked(warbler, ana, ben))
    line = ["--user", ben.user, "--format", "ndjson,slack", "--no-names", "--out", str(tmp_path / "out")]
    killed = cut_short(warbler, tmp_path / ".out.export", line)
    code, said = export(warbler, *line)
    assert code == 0, said
    assert killed in (-signal.SIGKILL, 0)
    code, found = checked(warbler, tmp_path / "out")
    assert code == 0, found
    lines = [json.loads(one) for path in sorted((tmp_path / "out" / "ndjson").iterdir()) for one in path.read_text().splitlines()]
    of_group: list[Any] = [one["value"]["seq"] for one in lines if one["topic"] == "conversation-events" and one["key"] == group]
    assert of_group == [1, 2, 3, 4, 5, 6]
    kinds = {one["type"] for one in lines if one["topic"] == "account-events" and one["key"] == ben.user}
    assert "user_registered" in kinds
    assert ana.user not in {one["key"] for one in lines if one["topic"] == "account-events"}


def cut_short(warbler: Running, book: Path, line: list[str]) -> int:
    """Kills an export as soon as it has begun its workbook."""
    command, env = warbler_line(warbler, "export", "--data", str(warbler.data), *line)
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not book.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    return process.wait(PATIENCE_S)


def test_what_cannot_be_exported_is_said(warbler: Running, tmp_path: Path) -> None:
    for line, words in (
        (["--conversation", "g-none"], "nothing in the log"),
        (["--conversation", "g-none", "--from", "yesterday"], "is no place in the log"),
        (["--matter", "m-none"], "there is no matter m-none"),
        (["--conversation", "g-none", "--from", "offset:conversation-events:0:99999999"], "99999999"),
    ):
        code, said = export(warbler, *line, "--out", str(tmp_path / "out"))
        assert (code, words in " ".join(said.split())) == (1, True), said
    assert not (tmp_path / "out").exists()
