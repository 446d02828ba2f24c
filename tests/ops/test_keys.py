"""Secrets are made once, readable by their owner alone, and left alone afterwards."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner

from edge.tokens import Grant, TokenKeys
from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from ops.keys import MADE, app, ensure_keys, made_and_told, rotate
from store.push_keys import push_sealer, vapid_public_key
from tests.ops.test_acts import acts_in


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


FILES = [
    "admin-key",
    "audit-key.pem",
    "audit-key.pub",
    "push-key",
    "token-key.pem",
    "turn-secret",
    "vapid.pem",
    "witness-key.pem",
    "witness-key.pub",
]


def test_all_keys_are_made_with_owner_rights_only(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path, {})
    assert mode(tmp_path / "secrets") == 0o700
    assert {mode(path) for path in (tmp_path / "secrets").iterdir()} == {0o600}
    assert isinstance(load_pem_private_key(keys.token_key.read_bytes(), None), Ed25519PrivateKey)
    assert len(keys.admin_key.read_text().strip()) >= 43
    assert sorted(path.name for path in (tmp_path / "secrets").iterdir()) == FILES


def test_a_second_call_keeps_what_is_there(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path, {})
    before = (keys.token_key.read_bytes(), keys.admin_key.read_bytes())
    assert ensure_keys(tmp_path, {}) == keys
    assert (keys.token_key.read_bytes(), keys.admin_key.read_bytes()) == before


def test_the_keys_of_pushes_are_what_edges_and_workers_read(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path, {})
    sealer, public = push_sealer({"WARBLER_PUSH_KEY": str(keys.push_key)}), vapid_public_key({"WARBLER_VAPID_KEY": str(keys.vapid_key)})
    assert sealer is not None
    assert sealer.open(sealer.seal(b"token", "here", bytes(12)), "here") == b"token"
    assert public is not None
    assert len(public) == 87  # a point of 65 bytes


def test_two_data_directories_have_different_keys(tmp_path: Path) -> None:
    one, other = ensure_keys(tmp_path / "1", {}), ensure_keys(tmp_path / "2", {})
    assert one.token_key.read_bytes() != other.token_key.read_bytes()
    assert one.admin_key.read_bytes() != other.admin_key.read_bytes()


def test_keys_given_by_variable_are_used_and_not_made(tmp_path: Path) -> None:
    env = {variable: str(tmp_path / variable.lower()) for variable in MADE}
    keys = ensure_keys(tmp_path / "data", env)
    assert (keys.token_key, keys.vapid_key) == (tmp_path / "warbler_token_key", tmp_path / "warbler_vapid_key")
    assert not (tmp_path / "data").exists()
    assert not keys.token_key.exists()


def test_a_rotation_keeps_who_may_read_the_file_and_every_refresh_token(tmp_path: Path) -> None:
    path = ensure_keys(tmp_path, {}).token_key
    before = TokenKeys(path.read_bytes())
    grant, refresh = Grant("u-ana", "l-1", 9_000_000_000_000), before.mint_refresh("l-1", "secret")
    old_token = before.mint(grant, 1_000)
    file = rotate(path, 1_000, signs_in_ms=0, keep_ms=5_000)
    after = TokenKeys(path.read_bytes())
    assert [key.checks_until_ms for key in file.keys] == [0, 6_000]
    assert (mode(path), after.successor(refresh)) == (0o600, before.successor(refresh))
    assert after.check(old_token, 5_999).user == after.check(after.mint(grant, 1_000), 7_000).user == "u-ana"
    assert [each["kid"] for each in after.jwks(7_000)["keys"]] == [file.keys[0].key_id]
    assert sorted(each.name for each in path.parent.iterdir()) == FILES  # nothing half-written is left


async def away(operation: str, moment: Moment) -> None:
    raise LogUnavailable("away")


def test_a_rotation_is_told_and_one_that_cannot_be_told_is_not_made(tmp_path: Path) -> None:
    path = ensure_keys(tmp_path, {}).token_key

    async def body() -> None:
        log = MemoryLog()
        file = await made_and_told(log, lambda: rotate(path, 1_000, signs_in_ms=0, keep_ms=5_000))
        begun, done = await acts_in(log)
        assert [(act.action, act.outcome) for act in (begun, done)] == [("keys.rotate", "begun"), ("keys.rotate", "done")]
        assert json.loads(done.detail) == {"keys": [key.key_id for key in file.keys]}
        before = path.read_bytes()
        with pytest.raises(LogUnavailable):
            await made_and_told(MemoryLog(fault=away), lambda: rotate(path, 2_000, signs_in_ms=0, keep_ms=5_000))
        assert path.read_bytes() == before

    asyncio.run(body())


def test_where_nothing_runs_a_rotation_says_that_it_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WARBLER_KAFKA", "WARBLER_TOKEN_KEY"):
        monkeypatch.delenv(variable, raising=False)
    path = ensure_keys(tmp_path, {}).token_key
    before = path.read_bytes()
    result = CliRunner().invoke(app, ["rotate", "--data", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "not told" in result.output
    assert path.read_bytes() != before
