"""A hold wins over retention, recall and edit: the first text of a held message is in `warbler show` and in every form of an export."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import zipfile
from email import message_from_bytes
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from log.memory import MemoryLog
from ops.export.forms import FORMATS
from ops.show.command import folded
from ops.show.words import as_json, lines_of
from schemas.retention import ContentExpired, HoldLifted, HoldPlaced, MatterOpened, RetentionEvent, RetentionSet
from store.expiry import Expired
from store.retention import Retention
from streams.retention.deciding import Subject, expired, expiring
from tests.export.story import DAY_MS, EVENTS, T0_MS, Story
from tests.export.world import PARTITIONS, asked, checked, exporter, log_of, put, tree_of

GROUP, MATTER = "g-1", "m-1"
RULE_MS = DAY_MS
LATER_MS = T0_MS + 30 * DAY_MS
FIRST_TEXTS = ("left as it was", "first words of the edited", "words of the recalled", "first words of the edited and recalled")
ruling: dict[str, Any] = {"tenant": "default", "actor": "root", "at_ms": T0_MS}
RULE = RetentionSet(**ruling, event_id="r", scope="tenant", target="", keep_ms=RULE_MS)
OPENED = MatterOpened(
    **ruling, event_id="m", matter=MATTER, name="Gulls", conversations=(GROUP,), users=(), from_ms=0, until_ms=T0_MS + DAY_MS
)
HELD = HoldPlaced(**ruling, event_id="h", matter=MATTER, reason="a letter")


def story() -> Story:
    """Four messages on the first day, edited and recalled on it and, what comes after, on the next."""
    told = Story(GROUP)
    _, edited, recalled, both = [told.say(text) for text in FIRST_TEXTS]
    told.edit(edited, "second words of the edited")
    told.recall(recalled)
    told.edit(both, "second words of the edited and recalled")
    told.recall(both)
    told.now_ms += 2 * DAY_MS
    told.edit(edited, "third words of the edited")
    told.say("said after what the matter is about")
    return told


def expiries(told: Story, ruled: list[RetentionEvent], now_ms: int) -> list[ContentExpired]:
    """What the role `retention` tells the log."""
    state = Retention.of(ruled)
    subject = Subject("default", GROUP, "group", state.holding(GROUP, ("u-ana", "u-ben")))
    return [expired(span, subject, state, now_ms) for span in expiring(told.history, 1, subject, state, now_ms).spans]


def world(ruled: list[RetentionEvent]) -> tuple[Story, MemoryLog, list[ContentExpired]]:
    """The story in a log, with what was ruled and all that expired by it thirty days later."""
    told = story()
    log, gone = log_of([told.history]), expiries(told, ruled, LATER_MS)
    for event in (*ruled, *gone):
        asyncio.run(put(log, "retention-events", "default", event))
    return told, log, gone


def seqs_gone(told: Story, gone: list[ContentExpired]) -> set[int]:
    spans = Expired()
    for event in gone:
        spans.add(event.conversation_id, event.from_seq, event.before_seq)
    return {event.seq for event in told.history if spans.took(event)}


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def exported(log: MemoryLog, folder: Path) -> dict[str, str]:
    """Format -> all its text, with what lies in archives, of an export of the matter."""
    asyncio.run(exporter(log).run(asked(matter=MATTER), folder))
    checked(folder)
    texts = dict.fromkeys(FORMATS, "")
    for path, data in tree_of(folder).items():
        if (form := path.split("/")[0]) in texts:
            texts[form] += readable(path, data)
    return texts


def readable(path: str, data: bytes) -> str:
    if path.endswith((".eml", ".rsmf")):
        parts = [part for part in message_from_bytes(data).walk() if not part.is_multipart()]
        return "".join(unzipped(part.get_payload(decode=True)) for part in parts)
    return unzipped(data)


def unzipped(data: Any) -> str:
    if not zipfile.is_zipfile(BytesIO(data)):
        return bytes(data).decode()
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())


def has(text: str, words: str) -> bool:
    return words in text or base64.b64encode(words.encode()).decode() in text  # the lines of NDJSON hold bytes


def test_what_is_held_does_not_expire_and_everything_else_does() -> None:
    told, _, gone = world([RULE, OPENED, HELD])
    after = [event.seq for event in told.history if event.at_ms >= OPENED.until_ms]
    assert len(after) == 2
    assert seqs_gone(told, gone) == set(after)
    assert all(Retention.of([RULE, OPENED, HELD]).counts(event) for event in gone)


def test_an_expiry_that_was_decided_before_the_hold_and_came_after_it_is_void() -> None:
    decided = expiries(story(), [RULE, OPENED], LATER_MS)
    assert decided
    assert all(Retention.of([RULE, OPENED]).counts(event) for event in decided)
    assert not any(Retention.of([RULE, OPENED, HELD]).counts(event) for event in decided)


@pytest.mark.parametrize("lifted", [False, True], ids=["held", "expired after the hold was lifted"])
def test_every_form_of_the_matters_export_has_the_first_text_of_each_message(lifted: bool, tmp_path: Path) -> None:
    ruled: list[RetentionEvent] = [RULE, OPENED, HELD]
    if lifted:
        ruled.append(HoldLifted(**ruling, event_id="l", matter=MATTER, reason="settled"))
    told, log, gone = world(ruled)
    assert bool(seqs_gone(told, gone) & {2, 3, 4, 5}) is lifted
    texts = exported(log, tmp_path / "out")
    edited = ("second words of the edited", "second words of the edited and recalled")
    lacking = [(form, words) for form, text in texts.items() for words in (*FIRST_TEXTS, *edited) if not has(text, words)]
    assert lacking == []
    assert [form for form, text in texts.items() if has(text, "said after what the matter is about")] == []


@pytest.mark.parametrize("late_ms", [5_000, 3 * DAY_MS, -5_000], ids=["busy", "standstill", "clock behind"])
def test_the_matters_export_has_what_the_hold_holds_whenever_the_records_were_written(late_ms: int, tmp_path: Path) -> None:
    """The time of an event is its command's; that of its record is the clock of the owner that came to it later."""
    told, log = story(), MemoryLog(PARTITIONS)
    opened = msgspec.structs.replace(OPENED, from_ms=told.history[2].at_ms, until_ms=told.history[6].at_ms)
    for event in told.history:
        asyncio.run(put(log, EVENTS, GROUP, event, event.at_ms + late_ms))
    for ruled in (opened, HELD):
        asyncio.run(put(log, "retention-events", "default", ruled))
    asyncio.run(exporter(log).run(asked(matter=MATTER), tmp_path / "out"))
    _, found = checked(tmp_path / "out")
    state = Retention.of([opened, HELD])
    assert found[GROUP] == [event for event in told.history if state.held(GROUP, (), event.at_ms)]
    assert [event.seq for event in found[GROUP]] == [3, 4, 5, 6]


def test_the_matters_export_says_who_recalled_and_edited_what_and_when(tmp_path: Path) -> None:
    told, log, _ = world([RULE, OPENED, HELD])
    asyncio.run(exporter(log).run(asked(matter=MATTER), tmp_path / "out"))
    _, found = checked(tmp_path / "out")
    assert found == {GROUP: [event for event in told.history if event.at_ms < OPENED.until_ms]}


def test_show_has_the_first_text_of_each_message_whatever_befell_it() -> None:
    _, log, _ = world([RULE, OPENED, HELD])
    now = asyncio.run(folded(log, GROUP, None, None))
    lines = "\n".join(lines_of(now, True))
    shown = [entry for entry in json.loads(json.dumps(as_json(now, True)))["entries"] if entry["type"] == "message"]
    assert [entry["original"]["text"] for entry in shown[:4]] == list(FIRST_TEXTS)
    assert all(first in lines for first in FIRST_TEXTS)
    assert [entry["content"] is None for entry in shown[:4]] == [False, False, True, True]
    assert [edit["content"]["text"] for edit in shown[1]["edits"]] == ["second words of the edited", "third words of the edited"]
    assert shown[3]["edits"][0]["content"]["text"] == "second words of the edited and recalled"


def test_show_gives_a_recalled_message_as_it_stood_before_the_recall() -> None:
    told, log, _ = world([RULE, OPENED, HELD])
    before = asyncio.run(folded(log, GROUP, told.history[4].at_ms, None))
    lines = "\n".join(lines_of(before, False))
    assert all(first in lines for first in FIRST_TEXTS)
