"""Avro's own Java library and Confluent's Java client, run by the tests: jars by Maven, once, into the cache of the embedded servers."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from ops.embedded.jars import cache_folder, copy_dependencies, java_path

HERE = Path(__file__).with_name("java")
TIMEOUT_S = 240


def classpath() -> str:
    pom = HERE / "pom.xml"
    folder = cache_folder() / f"registry-tests-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        copying = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        copy_dependencies(pom, copying)
        if not folder.is_dir():
            copying.rename(folder)
    return f"{folder}/*"


def run_java(program: str, *arguments: str, lines: str = "") -> list[str]:
    """What the program writes, line by line. Raises: CalledProcessError."""
    command = [java_path(), "-Xmx256m", "-cp", classpath(), str(HERE / program), *arguments]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout.splitlines()
