"""An export onto a disk that is really full, which then gets room."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.export.errors import DiskFull
from tests.export.story import Story
from tests.export.world import asked, checked, exporter, log_of, tree_of


def mount(*line: str) -> None:
    subprocess.run(["mount", *line], check=True, capture_output=True, timeout=30)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a tmpfs can be mounted only by root")
    try:
        mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no tmpfs can be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True, timeout=30)


def test_a_full_disk_is_said_again_and_again_until_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    story = Story()
    for number in range(1500):
        story.say(f"message {number} " + "x" * 100)
    log, what = log_of([story.history]), asked("g-1")
    asyncio.run(exporter(log, commit_records=200).run(what, tmp_path / "whole"))
    fulls = 0
    for megabytes in (1, 2, 4, 8, 64):
        mount("-o", f"remount,size={megabytes}m", str(small_disk))
        try:
            asyncio.run(exporter(log, commit_records=200).run(what, small_disk / "out"))
        except DiskFull:
            fulls += 1
        else:
            break
    assert fulls >= 2
    checked(small_disk / "out")
    assert tree_of(small_disk / "out") == tree_of(tmp_path / "whole")
