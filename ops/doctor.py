"""`warbler doctor`: what this machine lacks, and for each thing the one command that mends it.

`checks` judges facts and is pure; `probe` gathers them. Imports nothing beyond rich, so that it works in a half-installed environment.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops.embedded.ports import PORT_FIRST, PORT_LAST, is_free
from ops.tables import put_table

JAVA_FIRST, JAVA_LAST = 17, 21  # Kafka 4 needs 17; Cassandra 5.0 uses the security manager, which later releases dropped
PYTHON_FIRST = (3, 11)
DISK_BYTES = 2 << 30  # jars 0.2 GB, empty data 0.2 GB, room for logs
FILES_COUNT = 8_192  # Kafka and Cassandra some hundred each, and one for every session
PAGE_PORT = 8480
PORTS_PROBED = 20
JAVA_COMMAND = "apt-get install -y openjdk-17-jre-headless"
COTURN_COMMAND = "apt-get install -y coturn"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. `embedded`: at least one of Kafka and Cassandra is ours to start."""

    embedded: bool
    python: tuple[int, int]
    java: int | None
    java_found: str
    maven: bool
    jars_cached: bool
    data_folder: Path
    data_writable: bool
    disk_free_bytes: int
    files_limit: int
    page_port_free: bool
    loopback_ports_free: int
    coturn: bool
    is_root: bool


@dataclass(frozen=True, slots=True)
class Check:
    """`remedy` is one command; empty when the item is well."""

    item: str
    ok: bool
    found: str
    remedy: str = ""


def java_major(version_output: str) -> int | None:
    """The major release in what `java -version` prints: 8 for 1.8.0_392, 17 for 17.0.15."""
    found = re.search(r'version "(\d+)(?:\.(\d+))?', version_output)
    if found is None:
        return None
    major = int(found.group(1))
    return int(found.group(2) or 0) if major == 1 else major


def checks(facts: Facts) -> list[Check]:
    """One line an item, in the order in which they matter."""
    sudo = "" if facts.is_root else "sudo "
    gib = 1 << 30

    def check(item: str, ok: bool, found: str, remedy: str) -> Check:
        return Check(item, ok, found, "" if ok else remedy)

    python = ".".join(map(str, facts.python))
    done = [check("Python", facts.python >= PYTHON_FIRST, python, f"{sudo}apt-get install -y python3.11 python3.11-venv")]
    if facts.embedded:
        java_ok = facts.java is not None and JAVA_FIRST <= facts.java <= JAVA_LAST
        done.append(check("Java", java_ok, facts.java_found, f"{sudo}{JAVA_COMMAND}"))
        maven = "found" if facts.maven else "missing, not needed: jars are in the cache" if facts.jars_cached else "missing"
        done.append(check("Maven", facts.maven or facts.jars_cached, maven, f"{sudo}apt-get install -y maven"))
        ports = f"{facts.loopback_ports_free} of {PORTS_PROBED} probed are free"
        done.append(
            check(
                "Loopback ports", facts.loopback_ports_free > 0, ports, "ip link set lo up" if facts.is_root else "sudo ip link set lo up"
            )
        )
    else:
        done.append(Check("Java, Maven", True, "not needed: Kafka and Cassandra are existing clusters"))
    page = f"{PAGE_PORT} is free" if facts.page_port_free else f"{PAGE_PORT} is taken: `warbler up` will take the next free one"
    done.append(Check("Page port", True, page))
    coturn = "coturn is found" if facts.coturn else f"missing, needed for `warbler up --turn` only: {sudo}{COTURN_COMMAND}"
    done.append(Check("TURN for calls", True, coturn))
    folder_remedy = f"{sudo}install -d -o $(id -un) {facts.data_folder}"
    done.append(check("Data folder", facts.data_writable, str(facts.data_folder), folder_remedy))
    disk_ok = facts.disk_free_bytes >= DISK_BYTES
    disk = f"{facts.disk_free_bytes / gib:.1f} GiB free, {DISK_BYTES / gib:.0f} needed"
    done.append(check("Disk", disk_ok, disk, "warbler up --data FOLDER_ON_A_LARGER_DISK"))
    files_remedy = f"{sudo}prlimit --pid $$ --nofile=65536:65536"
    done.append(check("Open files", facts.files_limit >= FILES_COUNT, f"{facts.files_limit}, {FILES_COUNT} needed", files_remedy))
    return done


def probe(data: Path, env: Mapping[str, str]) -> Facts:
    """The facts of this machine."""
    from ops.embedded.jars import cache_folder

    java, java_found = probe_java(env)
    existing = nearest_existing(data)
    cached = {path.name.split("-")[0] for path in cache_folder().glob("*-*") if path.is_dir()}
    ports = range(PORT_FIRST, PORT_LAST, (PORT_LAST - PORT_FIRST) // PORTS_PROBED + 1)
    return Facts(
        embedded=not (env.get("WARBLER_KAFKA") and env.get("WARBLER_CASSANDRA")),
        python=sys.version_info[:2],
        java=java,
        java_found=java_found,
        maven=shutil.which("mvn") is not None,
        jars_cached={"kafka", "cassandra"} <= cached,
        data_folder=data,
        data_writable=os.access(existing, os.W_OK | os.X_OK),
        disk_free_bytes=shutil.disk_usage(existing).free,
        files_limit=hard_files_limit(),
        page_port_free=is_free(PAGE_PORT),
        loopback_ports_free=sum(is_free(port) for port in ports),
        coturn=shutil.which("turnserver") is not None,
        is_root=os.geteuid() == 0,
    )


def hard_files_limit() -> int:
    """The limit `warbler up` can raise itself to; a very large number for "unlimited"."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 30 if hard == resource.RLIM_INFINITY else hard


def probe_java(env: Mapping[str, str]) -> tuple[int | None, str]:
    """(major release or None, words for the table) of the java that `warbler up` would run."""
    home = env.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if java is None:
        return None, f"missing (JAVA_HOME={home})" if home else "missing"
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        return None, f"{java} does not run: {failed}"
    major = java_major(done.stderr + done.stdout)
    return major, f"{major}, {JAVA_FIRST} to {JAVA_LAST} needed" if major else f"{java}: unknown version"


def nearest_existing(path: Path) -> Path:
    """`path` or the nearest of its parents that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def reached(env: Mapping[str, str]) -> list[Check]:
    """Whether the clusters that the environment names let us in."""
    if not (env.get("WARBLER_KAFKA") or env.get("WARBLER_CASSANDRA")):
        return []
    try:
        from ops.let_in import cluster_checks
    except ImportError as lacking:
        return [Check("Kafka, Cassandra", False, f"not asked: {lacking}", "scripts/up")]
    return cluster_checks(env)


def run_doctor(data: Path, console: Console) -> int:
    """Print the table; 0 when nothing is missing, else 1."""
    done = [*checks(probe(data, os.environ)), *reached(os.environ)]
    table = Table("", "item", "found", "mend it with")
    for check in done:
        table.add_row("[green]ok[/green]" if check.ok else "[red]no[/red]", check.item, check.found, check.remedy)
    put_table(console, table)
    return 0 if all(check.ok for check in done) else 1
