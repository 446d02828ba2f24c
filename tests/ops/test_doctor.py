"""`warbler doctor` judges facts: each missing thing is named with a command, and nothing else is."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.doctor import DISK_BYTES, FILES_COUNT, Facts, checks, java_major, nearest_existing, probe

WELL = Facts(
    embedded=True,
    python=(3, 11),
    java=17,
    java_found="17",
    maven=True,
    jars_cached=False,
    data_folder=Path("/data"),
    data_writable=True,
    disk_free_bytes=DISK_BYTES,
    files_limit=FILES_COUNT,
    page_port_free=True,
    loopback_ports_free=20,
    coturn=True,
    is_root=True,
)


def missing(**changes: object) -> dict[str, str]:
    """Items that are not well, with their remedies, when `changes` hold."""
    facts = dataclasses.replace(WELL, **changes)  # type: ignore[arg-type]
    return {check.item: check.remedy for check in checks(facts) if not check.ok}


def test_nothing_is_missing_on_a_machine_that_has_it_all() -> None:
    assert missing() == {}
    assert not any(check.remedy for check in checks(WELL))


def test_what_only_an_option_needs_is_not_missing_but_said() -> None:
    assert missing(coturn=False) == {}
    found = [check.found for check in checks(dataclasses.replace(WELL, coturn=False)) if check.item == "TURN for calls"]
    assert found == ["missing, needed for `warbler up --turn` only: apt-get install -y coturn"]


@pytest.mark.parametrize(
    ("changes", "item", "remedy"),
    [
        ({"python": (3, 10)}, "Python", "apt-get install -y python3.11 python3.11-venv"),
        ({"java": None}, "Java", "apt-get install -y openjdk-17-jre-headless"),
        ({"java": 11}, "Java", "apt-get install -y openjdk-17-jre-headless"),
        ({"java": 25}, "Java", "apt-get install -y openjdk-17-jre-headless"),
        ({"maven": False}, "Maven", "apt-get install -y maven"),
        ({"loopback_ports_free": 0}, "Loopback ports", "ip link set lo up"),
        ({"data_writable": False}, "Data folder", "install -d -o $(id -un) /data"),
        ({"disk_free_bytes": DISK_BYTES - 1}, "Disk", "warbler up --data FOLDER_ON_A_LARGER_DISK"),
        ({"files_limit": FILES_COUNT - 1}, "Open files", "prlimit --pid $$ --nofile=65536:65536"),
    ],
)
def test_each_missing_thing_has_the_one_command_that_mends_it(changes: dict[str, object], item: str, remedy: str) -> None:
    assert missing(**changes) == {item: remedy}


def test_who_is_not_root_is_given_sudo() -> None:
    assert missing(java=None, is_root=False)["Java"].startswith("sudo apt-get")


def test_maven_is_not_needed_once_the_jars_are_cached() -> None:
    assert missing(maven=False, jars_cached=True) == {}


def test_java_and_maven_are_not_needed_with_existing_clusters() -> None:
    assert missing(embedded=False, java=None, maven=False) == {}


def test_a_taken_page_port_is_told_but_is_no_fault() -> None:
    told = {check.item: check for check in checks(dataclasses.replace(WELL, page_port_free=False))}
    assert told["Page port"].ok
    assert "next free" in told["Page port"].found


@pytest.mark.parametrize(
    ("output", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "24-ea" 2025-03-18', 24),
        ("", None),
        ("Error: could not find libjvm.so", None),
    ],
)
def test_java_versions_are_read(output: str, major: int | None) -> None:
    assert java_major(output) == major


def test_this_machine_is_probed_for_real(tmp_path: Path) -> None:
    facts = probe(tmp_path / "not" / "yet", os.environ)
    assert facts.python == sys.version_info[:2]
    assert facts.disk_free_bytes > 0
    assert facts.data_writable
    assert nearest_existing(tmp_path / "not" / "yet") == tmp_path


def test_the_command_ends_with_1_and_names_the_remedy_when_java_is_missing(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "JAVA_HOME": str(tmp_path), "PYTHONPATH": str(root), "COLUMNS": "200"}
    for variable in ("WARBLER_KAFKA", "WARBLER_CASSANDRA"):
        env.pop(variable, None)
    command = [sys.executable, "-m", "ops.cli", "doctor", "--data", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "openjdk-17-jre-headless" in done.stdout
