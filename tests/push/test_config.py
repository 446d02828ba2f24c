from pathlib import Path
from typing import Any

import pytest
import yaml

from store.pushing import CHANNELS
from streams.push.channels.port import BadCredentials, Traits
from streams.push.config import MODULES, BadPushConfig, Common, PushConfig, Section, load_config, parse_config

FILE = Path("push.yaml")


def parsed(text: str, **env: str) -> PushConfig:
    return parse_config(yaml.safe_load(text), env, FILE)


def section(**fields: Any) -> Section:
    return Section("webpush", "", fields, {}, FILE)


def test_without_a_file_only_web_push_is_on_and_only_with_its_key(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.yaml", {}).sections == ()
    (only,) = load_config(tmp_path / "none.yaml", {"WARBLER_VAPID_KEY": "vapid.pem"}).sections
    assert (only.channel, only.app, only.fields) == ("webpush", "", {})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadPushConfig, match=r"STREAMS_PUSH_CONFIG=.*typo\.yaml: there is no such file"):
        load_config(tmp_path / "typo.yaml", {"STREAMS_PUSH_CONFIG": str(tmp_path / "typo.yaml"), "WARBLER_VAPID_KEY": "vapid.pem"})


def test_web_push_can_be_turned_off() -> None:
    assert parsed("webpush: off", WARBLER_VAPID_KEY="vapid.pem").sections == ()


def test_an_empty_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "push.yaml").write_text("# nothing yet\n")
    assert load_config(tmp_path / "push.yaml", {}).sections == ()


def test_a_section_is_one_app_or_several_that_share_its_fields() -> None:
    text = "fcm: {timeout_ms: 500, apps: {com.example.a: {per_second: 5}, com.example.b: {timeout_ms: 700}}}\napns: {timeout_ms: 900}"
    assert {(each.channel, each.app): each.read(Common).timeout_ms for each in parsed(text).sections} == {
        ("fcm", "com.example.a"): 500,
        ("fcm", "com.example.b"): 700,
        ("apns", ""): 900,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "sections by push channel"),
        ("pigeon: {}", "'pigeon' is no push channel"),
        ("fcm: hello", "fcm: fields are needed"),
        ("fcm: on", "fcm: fields are needed"),
        ("fcm: {apps: {}}", "fcm: `apps`"),
        ("fcm: {apps: [a]}", "fcm: `apps`"),
        ("fcm: {apps: {a: 1}}", "fcm: `apps`"),
        ("fcm: {apps: {'a b': {}}}", "fcm: `apps`"),
        ("1: {}", "1 is no push channel"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(BadPushConfig, match=words.replace("[", r"\[")) as caught:
        parsed(text)
    assert "push.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "\tx", "a: !!python/object:os.system {}", "[" * 5_000])
def test_a_file_that_is_no_yaml_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "push.yaml").write_text(text)
    with pytest.raises(BadPushConfig, match=r"push\.yaml"):
        load_config(tmp_path / "push.yaml", {})


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "push.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadPushConfig, match=r"push\.yaml"):
        load_config(tmp_path / "push.yaml", {})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"timeout_ms": "soon"}, "timeout_ms"),
        ({"timeout_ms": 1}, "timeout_ms"),
        ({"per_second": -1}, "per_second"),
        ({"odd": 1}, "odd"),
        ({"url": "http://example.org"}, "`url` must be https"),
        ({"url": "javascript:1"}, "`url` must be https"),
        ({"proxy": "socks9://x"}, "`proxy` must be https"),
        ({"answers": [{"status": 1, "verdict": "retry"}]}, "answers"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_section(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadPushConfig, match=f"webpush: .*{words}"):
        section(**fields).read(Common)


def test_rows_of_the_section_go_before_the_error_table() -> None:
    one = section(answers=[{"status": 403, "verdict": "remove_token"}])
    assert one.table(one.read(Common)).refused(403).verdict == "remove_token"
    twice = section(answers=[{"status": 403, "verdict": "retry"}] * 2)
    with pytest.raises(BadPushConfig, match="answers"):
        twice.table(twice.read(Common))


def test_quotas_of_the_section_go_before_the_push_channels_own() -> None:
    own = Traits(4_096, in_flight_limit=7, per_second=3)
    assert section().read(Common).traits(own) == own
    assert section(in_flight_limit=9, per_second=1.5).read(Common).traits(own) == Traits(4_096, in_flight_limit=9, per_second=1.5)


def test_a_secret_is_a_file_beside_the_config_or_a_variable(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("from the file\n")
    one = Section("fcm", "", {}, {"KEY": "from the environment"}, tmp_path / "push.yaml")
    assert one.secret("key.pem").read() == "from the file"
    assert one.secret(str(tmp_path / "key.pem")).read() == "from the file"
    assert one.secret("env:KEY").read() == "from the environment"
    assert "from the" not in repr(one.secret("env:KEY")) + repr(one)


def test_a_secret_that_is_not_there_turns_the_channel_off(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "long").write_text("x" * 100_000)
    (tmp_path / "bytes").write_bytes(b"\xff\x00")
    one = Section("fcm", "", {}, {"EMPTY": ""}, tmp_path / "push.yaml")
    for place in ("", "none.pem", "empty", "long", "bytes", "env:EMPTY", "env:NONE", ".", "a\x00b"):
        with pytest.raises(BadCredentials):
            one.secret(place).read()


def test_every_push_channel_has_a_module() -> None:
    assert set(MODULES) == set(CHANNELS)
