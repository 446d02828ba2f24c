"""Pinned jars, resolved by Maven once into a cache that all data directories share, and their class-data archives.

Called by the Kafka and Cassandra nodes; calls `mvn` (first time only) and `java`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ops.errors import JarsUnavailable, JavaMissing

CONF = Path(__file__).with_name("conf")
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
RESOLVE_TIMEOUT_S = 900


def java_path() -> str:
    """The java to run: of JAVA_HOME if that is set, else of PATH.

    Raises: JavaMissing.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if found is None:
        raise JavaMissing("no java found: apt-get install openjdk-17-jre-headless")
    return found


@dataclass(frozen=True, slots=True)
class JarSet:
    """The jars of one pinned pom and the place of their class-data archive."""

    folder: Path
    archive: Path

    @property
    def classpath(self) -> str:
        # Explicit and sorted: an archive is valid only for the very same class path.
        return ":".join(str(jar) for jar in sorted(self.folder.glob("*.jar")))

    def archive_flags(self, writer: str) -> list[str]:
        """JVM flags that use the archive, or, where there is none yet, write one at a clean exit."""
        quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        if self.archive.exists():
            return [f"-XX:SharedArchiveFile={self.archive}", "-Xshare:auto", *quiet]
        return [f"-XX:ArchiveClassesAtExit={self.dump_path(writer)}", *quiet]

    def dump_path(self, writer: str) -> Path:
        """Where one writer dumps; `writer` keeps data directories that share the cache apart."""
        return self.archive.with_name(f"{self.archive.name}.{writer}.tmp")

    def keep_archive(self, writer: str) -> None:
        """After a clean exit: put the archive it wrote in its place. A half-written one (kill -9) never gets there."""
        dump = self.dump_path(writer)
        if dump.exists():
            dump.replace(self.archive)


def cache_folder() -> Path:
    """$WARBLER_JARS, else ~/.cache/warbler/jars."""
    chosen = os.environ.get("WARBLER_JARS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "warbler" / "jars"


def java_release(java: str) -> str:
    """Text that changes with the Java installation: an archive of another JVM is useless."""
    release = Path(java).resolve().parent.parent / "release"
    return release.read_text() if release.exists() else str(Path(java).resolve())


def resolve(name: str, java: str, cache: Path | None = None) -> JarSet:
    """The jars of `conf/NAME/pom.xml`, resolved if they are not in the cache yet.

    Raises: JarsUnavailable. Blocks: minutes on the first call of a machine, else not at all.
    """
    cache = (cache or cache_folder()).absolute()
    pom = CONF / name / "pom.xml"
    folder = cache / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    release = hashlib.sha256(java_release(java).encode()).hexdigest()[:8]
    jars = JarSet(folder, cache / f"{folder.name}-{release}.jsa")
    if folder.is_dir():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    copying = cache / f"{folder.name}.{os.getpid()}.tmp"
    shutil.rmtree(copying, ignore_errors=True)
    copy_dependencies(pom, copying)
    for stale in cache.glob(f"{folder.name}-*.jsa"):
        stale.unlink()
    try:
        copying.rename(folder)
    except OSError:
        # Another process resolved the same pom meanwhile; its copy is as good as ours.
        shutil.rmtree(copying, ignore_errors=True)
        if not folder.is_dir():
            raise
    return jars


def copy_dependencies(pom: Path, folder: Path) -> None:
    """Let Maven copy the pom's whole closure into `folder`."""
    maven = shutil.which("mvn")
    if maven is None:
        raise JarsUnavailable("no Maven found: apt-get install maven")
    command = [maven, "-q", "-B", "-f", str(pom), COPY_GOAL, f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RESOLVE_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise JarsUnavailable(f"Maven could not resolve {pom.parent.name}:\n{(done.stdout + done.stderr)[-2_000:]}")
