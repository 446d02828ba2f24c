"""Whole exports over a log in memory: what is chosen, what is proven, and that a run that was cut short goes on to the same bytes."""

from __future__ import annotations

import asyncio
import copy
import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit.manifest import Manifest
from log.errors import LogUnavailable
from log.memory import MemoryLog
from log.places import BadPlace
from log.spans import RangeGone
from ops.export.errors import AnotherExport, CannotWrite, DiskFull, NothingChosen
from ops.export.run import Asked, Progress
from schemas import accounts, events, retention
from schemas.partition import partition_of
from schemas.values import Content
from tests.export.story import DAY_MS, EVENTS, Story
from tests.export.world import PARTITIONS, TreeSeals, asked, checked, exporter, log_of, put, tree_of


def stories() -> list[Story]:
    first, second, third = Story("g-1"), Story("g-2", ("u-cyr", "u-dan")), Story("d-3", ("u-ana", "u-cyr"), "", "direct")
    for number in range(5):
        for story in (first, second, third):
            story.say(f"{story.conversation} {number}", next(iter(story.history)).user)
    sent = first.say(Content("image/png", b"\x89PNG"))
    first.edit(sent, "now text")
    first.react(sent, "🎉")
    first.recall(sent)
    first.now_ms += DAY_MS
    first.say("next day")
    second.made(events.MemberAdded, "u-cyr", member="u-ben", role="member")
    second.say("welcome", "u-cyr")
    return [first, second, third]


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here loses the machine's memory, and other tests may write to the same disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return log_of(story.history for story in stories())


def run(log: MemoryLog, what: Asked, folder: Path, **options: Any) -> Manifest:
    return asyncio.run(exporter(log, **options).run(what, folder))


def test_one_conversation_whole_with_its_proof(log: MemoryLog, tmp_path: Path) -> None:
    manifest = run(log, asked("g-1"), tmp_path / "out")
    said, found = checked(tmp_path / "out")
    assert said == manifest
    assert list(found) == ["g-1"]
    assert [event.seq for event in found["g-1"]] == list(range(1, 12))
    counts = {name: manifest.counts[name] for name in ("records", "events", "damaged", "conversations", "holes")}
    assert counts == {"records": 11, "events": 11, "damaged": 0, "conversations": 1, "holes": 0}
    assert not (tmp_path / ".out.export").exists()
    formats = {path.split("/")[0] for path in tree_of(tmp_path / "out")}
    assert {"ndjson", "csv", "eml", "eml-daily", "slack", "actiance", "rsmf", "attachments", "schemas"} <= formats


def test_a_user_has_all_conversations_it_ever_was_in_and_its_account(log: MemoryLog, tmp_path: Path) -> None:
    for user in ("u-ben", "u-eve"):
        registered = accounts.UserRegistered(event_id=user, tenant="default", user=user, at_ms=1, user_kind="person", by=user)
        asyncio.run(put(log, "account-events", user, registered))
    manifest = run(log, asked(users=("u-ben",)), tmp_path / "out")
    _, found = checked(tmp_path / "out")
    assert sorted(found) == ["g-1", "g-2"]
    assert [event.seq for event in found["g-2"]] == list(range(1, 9))
    lines = b"".join(data for path, data in tree_of(tmp_path / "out").items() if path.startswith("ndjson/account-events"))
    assert [json.loads(line)["key"] for line in lines.splitlines()] == ["u-ben"]
    assert manifest.asked["users"] == "u-ben"


def test_a_range_knows_who_was_there_when_it_began(log: MemoryLog, tmp_path: Path) -> None:
    day = stories()[0].history[-1].at_ms
    run(log, asked("g-1", begin=str(day), formats=("actiance", "csv")), tmp_path / "out")
    _, found = checked(tmp_path / "out")
    assert [event.seq for event in found["g-1"]] == [11]
    files = tree_of(tmp_path / "out")
    (xml,) = [data for path, data in files.items() if path.startswith("actiance/")]
    assert xml.count(b"<ParticipantEntered>") == 2
    assert "Möwen".encode() in xml
    assert b"u-ben@chat.example" in xml


def test_what_changed_a_message_of_before_the_range_is_there_all_the_same(tmp_path: Path) -> None:
    story = Story()
    sent = story.say("one")
    story.now_ms += DAY_MS
    story.react(sent, "🎉")
    run(log_of([story.history]), asked("g-1", begin=str(story.now_ms), formats=("slack",)), tmp_path / "out")
    assert b"reacted to the message of seq 2" in (tmp_path / "out" / "slack" / "g-1" / "2025-10-10.json").read_bytes()


def test_everything_is_everything_also_what_nobody_can_decode(log: MemoryLog, tmp_path: Path) -> None:
    log.put_bytes("conversation-events", 0, b"g-9", b"\0\0\0\0\1garbage")
    manifest = run(log, asked(everything=True), tmp_path / "out")
    assert manifest.counts["damaged"] == 1
    assert all(part.whole for part in manifest.parts)
    assert b'"type":null' in (tmp_path / "out" / "ndjson" / "conversation-events-0.ndjson").read_bytes()
    checked_parts = {part.topic for part in manifest.parts}
    assert checked_parts == {"conversation-events", "account-events"}


def test_a_matter_says_which_conversations_and_when(tmp_path: Path) -> None:
    first, second, third = stories()
    log = log_of([first.history, second.history, third.history])
    opened = retention.MatterOpened(
        event_id="m", tenant="default", actor="operator:x@y", at_ms=1, matter="m-1", name="Gulls", conversations=("d-3",), users=("u-ben",),
        from_ms=0, until_ms=first.history[-1].at_ms,
    )  # fmt: skip
    asyncio.run(put(log, "retention-events", "default", opened))
    manifest = run(log, asked(matter="m-1", formats=("ndjson",)), tmp_path / "out")
    _, found = checked(tmp_path / "out")
    assert {conversation: history[-1].seq for conversation, history in found.items()} == {"g-1": 10, "g-2": 8, "d-3": 6}
    assert manifest.asked["matter"] == "m-1"
    with pytest.raises(NothingChosen, match="no matter m-2; known are: m-1"):
        run(log, asked(matter="m-2"), tmp_path / "other")


def test_names_are_those_that_the_profiles_have(log: MemoryLog, tmp_path: Path) -> None:
    run(log, asked("g-1", formats=("csv", "slack")), tmp_path / "out", names={"u-ana": "Ana Möwe"})
    assert "Ana Möwe".encode() in (tmp_path / "out" / "csv" / "g-1.csv").read_bytes()
    users = json.loads((tmp_path / "out" / "slack" / "users.json").read_bytes())
    assert [(user["id"], user["name"]) for user in users] == [("u-ana", "Ana Möwe"), ("u-ben", "u-ben")]


def test_the_lists_of_slack_say_of_which_kind_a_conversation_is(log: MemoryLog, tmp_path: Path) -> None:
    run(log, asked("g-1", "g-2", "d-3", formats=("slack",)), tmp_path / "out")
    lists = {name: json.loads((tmp_path / "out" / "slack" / f"{name}.json").read_bytes()) for name in ("channels", "groups", "dms")}
    ids = {name: [one["id"] for one in found] for name, found in lists.items()}
    assert ids == {"channels": [], "groups": ["g-1", "g-2"], "dms": ["d-3"]}
    assert lists["groups"][1]["members"] == ["u-cyr", "u-dan", "u-ben"]


# ---- what is refused


def test_what_is_not_there_and_what_makes_no_sense_is_refused(log: MemoryLog, tmp_path: Path) -> None:
    with pytest.raises(NothingChosen):
        run(log, asked("g-none"), tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadPlace):
        run(log, asked("g-1", begin="yesterday"), tmp_path / "bad")
    run(log, asked("g-1", formats=("csv",)), tmp_path / "bad")  # the slip is mended, and the folder is free


def test_a_folder_with_something_else_is_left_alone(log: MemoryLog, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(AnotherExport, match="not empty"):
        run(log, asked("g-1"), tmp_path / "out")
    run(log, asked("g-1", formats=("csv",)), tmp_path / "done")
    with pytest.raises(AnotherExport, match="finished export"):
        run(log, asked("g-1", formats=("csv",)), tmp_path / "done")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotWrite):
        run(log, asked("g-1"), tmp_path / "file" / "out")


def test_a_run_that_goes_on_must_ask_for_the_same(log: MemoryLog, tmp_path: Path) -> None:
    with failing_at("fsync", 2), pytest.raises(DiskFull):
        run(log, asked("g-1"), tmp_path / "out")
    with pytest.raises(AnotherExport, match="something else"):
        run(log, asked("g-2"), tmp_path / "out")


# ---- cut short


@contextmanager
def failing_at(name: str, call: int, error: int = errno.ENOSPC) -> Iterator[list[int]]:
    """The n-th call of `os.fsync`, or of `open` for writing, finds the disk full."""
    calls = [0]
    patched = pytest.MonkeyPatch()
    there: Callable[..., Any] = os.fsync if name == "fsync" else Path.open  # fsync: that of the fixture above

    def stand_in(*args: Any, **options: Any) -> Any:
        writes = name == "fsync" or "w" in str(args[1] if len(args) > 1 else options.get("mode", "")) or "+" in str(args[1:])
        calls[0] += bool(writes)
        if writes and calls[0] == call:
            raise OSError(error, os.strerror(error))
        return there(*args, **options)

    patched.setattr(os if name == "fsync" else Path, name, stand_in)
    try:
        yield calls
    finally:
        patched.undo()


def told_full(export: Callable[[], object]) -> bool:
    """Whether the export ended because of the disk, and said what to do."""
    try:
        export()
    except DiskFull as full:
        return "run the same command again" in str(full)
    return False


@pytest.mark.parametrize("name", ["fsync", "open"])
def test_a_disk_that_is_full_at_any_moment_is_said_and_the_next_run_goes_on(name: str, tmp_path: Path) -> None:
    log = log_of(story.history for story in stories())
    what = asked("g-1", "g-2", formats=("ndjson", "csv", "rsmf"))
    run(log, what, tmp_path / "whole")
    whole = tree_of(tmp_path / "whole")
    call, cuts = 1, 0
    while True:
        folder = tmp_path / f"cut-{call}"
        with failing_at(name, call) as calls:
            full = told_full(partial(run, log, what, folder))
        if not full:
            assert calls[0] < call
            break
        cuts += 1
        run(log, what, folder)
        assert tree_of(folder) == whole
        call += 1
    assert cuts > 10


def test_a_log_that_goes_away_in_the_middle_is_gone_on_with(tmp_path: Path) -> None:
    log = log_of(story.history for story in stories())
    what = asked(everything=True, formats=("ndjson", "csv"))
    run(log, what, tmp_path / "whole")
    asyncio.run(_cut(log, what, tmp_path / "cut"))
    assert tree_of(tmp_path / "cut") == tree_of(tmp_path / "whole")


async def _cut(log: MemoryLog, what: Asked, folder: Path) -> None:
    fails = [False]

    async def fault(operation: str, moment: str) -> None:
        await asyncio.sleep(0)
        if fails[0] and operation in ("read", "scan", "take") and moment == "before":
            raise LogUnavailable("gone")

    class Watched(Progress):
        def tick(self, count: int) -> None:
            self.done += count
            fails[0] = self.done > 8

    broken = exporter(log.seen_with(fault))
    broken.progress = Watched()
    with pytest.raises(LogUnavailable):
        await broken.run(what, folder)
    await exporter(log).run(what, folder)


def test_whoever_stops_it_goes_on_later(tmp_path: Path) -> None:
    story = Story()
    for number in range(3000):
        story.say(str(number))
    log = log_of([story.history])
    what = asked("g-1", formats=("csv",))
    run(log, what, tmp_path / "whole", commit_records=1000)

    async def stopped() -> None:
        loop, forming = asyncio.get_running_loop(), asyncio.Event()

        class Watched(Progress):
            def tick(self, count: int) -> None:
                if self.step == "form":
                    loop.call_soon_threadsafe(forming.set)

        working = exporter(log, commit_records=1000)
        working.progress = Watched()
        task = asyncio.create_task(working.run(what, tmp_path / "cut"))
        await asyncio.wait_for(forming.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    assert not (tmp_path / "cut" / "manifest.json").exists()
    run(log, what, tmp_path / "cut", commit_records=1000)
    assert tree_of(tmp_path / "cut") == tree_of(tmp_path / "whole")


def test_a_log_that_was_cut_is_exported_from_what_is_left(tmp_path: Path) -> None:
    story = Story()
    for number in range(20):
        story.say(str(number))
    whole = log_of([story.history])
    partition = partition_of(b"g-1", PARTITIONS)
    cut = copy.deepcopy(whole)
    cut.drop_before(EVENTS, partition, 7)
    working = exporter(cut)
    working.seals = TreeSeals(whole)  # the sealer read it all, before it was cut
    manifest = asyncio.run(working.run(asked("g-1", formats=("ndjson", "csv")), tmp_path / "out"))
    _, found = checked(tmp_path / "out")
    assert [event.seq for event in found["g-1"]] == list(range(8, 22))
    assert manifest.parts[0].first_index == 7
    with pytest.raises(RangeGone, match="from offset 7 on"):
        run(cut, asked("g-1", begin=str(story.history[0].at_ms)), tmp_path / "before")
