"""The media engines of `warbler up`, and coturn's configuration; tests/real/test_turn.py has a real coturn read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import coturn
from ops.coturn import configuration, turn_env, turnserver_path
from ops.engines import engine_names, engine_programs, media_address
from ops.errors import OpsError


def test_embedded_engines_and_those_of_janus_are_processes_of_their_own() -> None:
    made = engine_programs(2, ["ws://a:1"], [1, 2, 3], "127.0.0.1", {"WARBLER_KAFKA": "k:1"}, {})
    assert [program.name for program in made] == engine_names(2, ["ws://a:1"]) == ["embedded-1", "embedded-2", "janus-1"]
    assert [program.env["RTC_ENGINE"] for program in made] == ["embedded", "embedded", "janus"]
    assert [program.env.get("RTC_JANUS_URL") for program in made] == [None, None, "ws://a:1"]
    assert [program.env.get("RTC_HOST") for program in made] == ["127.0.0.1", "127.0.0.1", None]
    assert {program.env["WARBLER_KAFKA"] for program in made} == {"k:1"}
    assert [program.env["WARBLER_NODE"] for program in made] == [program.name for program in made]


def test_media_listens_where_edges_do_and_says_an_address_that_is_one() -> None:
    assert media_address("127.0.0.1", {}) == {"RTC_HOST": "127.0.0.1"}
    assert media_address("localhost", {}) == {"RTC_HOST": "127.0.0.1"}
    assert media_address("0.0.0.0", {"RTC_PUBLIC_ADDRESS": "10.1.2.3"}) == {"RTC_HOST": "0.0.0.0", "RTC_PUBLIC_ADDRESS": "10.1.2.3"}
    found = media_address("0.0.0.0", {})
    assert found["RTC_PUBLIC_ADDRESS"] not in ("", "0.0.0.0")
    assert media_address("0.0.0.0", {"RTC_HOST": "10.0.0.7"}) == {}


def test_coturn_knows_the_secret_from_its_file_and_relays_to_no_cloud_secrets(tmp_path: Path) -> None:
    lines = configuration("10.0.0.7", "10.0.0.7", 3478, "s3cret", tmp_path).splitlines()
    assert {"use-auth-secret", "static-auth-secret=s3cret", "listening-ip=10.0.0.7", "no-cli"} <= set(lines)
    assert "denied-peer-ip=169.254.0.0-169.254.255.255" in lines
    assert "allow-loopback-peers" not in lines
    assert "allow-loopback-peers" in configuration("127.0.0.1", "127.0.0.1", 3478, "s", tmp_path).splitlines()
    assert "external-ip=1.2.3.4" in configuration("0.0.0.0", "1.2.3.4", 3478, "s", tmp_path).splitlines()


def test_tickets_name_it_by_udp_and_by_tcp(tmp_path: Path) -> None:
    env = turn_env("10.0.0.7", 3478, tmp_path / "secret")
    urls = "stun:10.0.0.7:3478,turn:10.0.0.7:3478?transport=udp,turn:10.0.0.7:3478?transport=tcp"
    assert env == {"RTC_TURN_URLS": urls, "RTC_TURN_SECRET_FILE": str(tmp_path / "secret")}


def test_without_coturn_the_command_that_brings_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(coturn, "FOLDERS", ())
    with pytest.raises(OpsError, match="apt-get install -y coturn"):
        turnserver_path()
