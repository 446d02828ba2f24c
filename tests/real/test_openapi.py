"""Schemathesis over the OpenAPI document against a running edge: nothing is answered that is not documented, and nothing with a 5xx.

The time that each run has: WARBLER_OPENAPI_SECONDS, by default short; the seed is fixed, so a failure comes again.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.real.running import Running

pytestmark = pytest.mark.real

SECONDS = int(os.environ.get("WARBLER_OPENAPI_SECONDS", "40"))
SEED = "20261126"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What would end the sign-in that the run acts with; each is called by other tests.
ENDING = "^/v1/(logout|me|me/deactivate|me/password)$"


def run(page: str, token: str, out: Path, *chosen: str) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{page}/openapi.json", "--url", page]
    command += ["--header", f"Authorization: Bearer {token}", "--checks", CHECKS, "--seed", SEED, "--max-time", str(SECONDS)]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--no-color", "--request-timeout", "20"]
    command += ["--suppress-health-check", "all", "--warnings", "off"]
    # one worker: two that make syntax trees at once end CPython 3.11's ast with "recursion depth mismatch"
    command += ["--workers", "1", *chosen]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, timeout=SECONDS * 3 + 120, check=False)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "No issues found" in done.stdout or "passed" in done.stdout, done.stdout[-2_000:]


def test_a_users_calls_are_answered_as_documented(own_warbler: Running, tmp_path: Path) -> None:
    name, password = f"fuzz-{secrets.token_hex(4)}", "correct horse battery"
    answer = httpx.post(f"{own_warbler.page}/v1/register", json={"name": name, "password": password}, timeout=90)
    assert answer.status_code == 201
    run(own_warbler.page, answer.json()["access_token"], tmp_path, "--exclude-path-regex", f"{ENDING}|^/v1/admin")


def test_an_administrators_calls_are_answered_as_documented(own_warbler: Running, tmp_path: Path) -> None:
    run(own_warbler.page, own_warbler.admin_key, tmp_path, "--include-path-regex", "^/v1/admin")


def test_every_route_documents_its_errors(own_warbler: Running) -> None:
    document = httpx.get(f"{own_warbler.page}/openapi.json", timeout=90).json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            said = operation["responses"]
            assert {"401", "403", "422", "429", "503"} <= said.keys(), f"{method} {path}"
            for status in ("401", "422", "503"):
                reference = said[status]["content"]["application/json"]["schema"]["$ref"]
                assert reference == "#/components/schemas/Problem", f"{method} {path}: {status}"
