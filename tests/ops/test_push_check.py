"""`warbler push check` against the fakes."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ops.keys import vapid_pem
from ops.push import app
from ops.push_check import BadTestToken, Checked, NotConfigured, check_push, lines_of, push_env, read_token
from streams.push.channels.port import Accepted, Refused
from streams.push.config import BadPushConfig
from tests.push.fakes.fcm import FakeFcm
from tests.push.fakes.webpush import FakeWebPush

Check = Callable[..., Awaitable[Checked]]


def run(tmp_path: Path, body: Callable[[FakeFcm, FakeWebPush, Check], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(90), FakeFcm() as fcm, FakeWebPush() as web:
            fcm_section = {"service_account": "fcm.json", "url": fcm.url}
            sections = {"fcm": {"apps": {"com.example": fcm_section}}, "webpush": {"hosts": ["127.0.0.1"]}}
            (tmp_path / "push.yaml").write_text(yaml.safe_dump(sections))
            (tmp_path / "fcm.json").write_text(fcm.key_file())
            (tmp_path / "secrets").mkdir()
            (tmp_path / "secrets" / "vapid.pem").write_bytes(vapid_pem())

            async def check(channel: str, token: str, app: str = "", dry: bool = False) -> Checked:
                return await check_push(tmp_path / "push.yaml", push_env(tmp_path, {}), channel, app, token, dry)

            await body(fcm, web, check)

    asyncio.run(whole())


def text(checked: Checked) -> str:
    return "\n".join(lines_of(checked, Path("push.yaml")))


def test_an_accepted_push_says_so_and_what_to_look_at(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        checked = await check("fcm", FakeFcm.token(), "com.example")
        assert isinstance(checked.outcome, Accepted)
        assert checked.good
        assert fcm.messages[0]["notification"]["title"] == "Warbler"
        assert "Accepted with status 200" in text(checked)
        assert "To verify with real credentials:\n- That " in text(checked)

    run(tmp_path, body)


def test_web_push_goes_with_the_key_of_the_data_folder(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        assert (await check("webpush", web.subscribe())).good
        assert web.received[0]["data"] == {"purpose": "check"}

    run(tmp_path, body)


def test_a_refused_push_says_the_vendors_words_and_what_the_worker_would_do(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        fcm.script(FakeFcm.token(), ["dead", "ok"])
        checked = await check("fcm", FakeFcm.token(), "com.example")
        assert not checked.good
        assert isinstance(checked.outcome, Refused)
        assert "status 404, UNREGISTERED" in text(checked)
        assert "would remove this token" in text(checked)
        assert "Its words: Requested entity was not found." in text(checked)
        fcm.script(FakeFcm.token(2), ["busy"])
        assert "asks to wait 1 s" in text(await check("fcm", FakeFcm.token(2), "com.example"))

    run(tmp_path, body)


def test_dry_checks_form_and_credentials_and_sends_nothing(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        checked = await check("fcm", FakeFcm.token(), "com.example", dry=True)
        assert checked.good
        assert (fcm.tokens_made, fcm.messages) == (1, [])
        assert "Nothing was sent." in text(checked)
        assert not (await check("fcm", "short", "com.example", dry=True)).good

    run(tmp_path, body)


def test_a_token_of_no_form_is_not_sent(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        checked = await check("webpush", "not json")
        assert not checked.good
        assert "Token: the JSON of a PushSubscription is needed" in text(checked)

    run(tmp_path, body)


def test_credentials_that_are_none_are_told_apart_from_a_refusal(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        (tmp_path / "fcm.json").write_text("{}")
        checked = await check("fcm", FakeFcm.token(), "com.example")
        assert not checked.good
        assert "Credentials: the key file is none of a service account" in text(checked)
        assert "Nothing was sent." in text(checked)

    run(tmp_path, body)


def test_what_is_not_configured_is_named(tmp_path: Path) -> None:
    async def body(fcm: FakeFcm, web: FakeWebPush, check: Check) -> None:
        with pytest.raises(NotConfigured, match="'pigeon' is no push channel"):
            await check("pigeon", "x")
        with pytest.raises(NotConfigured, match="huawei is not in"):
            await check("huawei", "x")
        with pytest.raises(NotConfigured, match=r"--app is one of com\.example"):
            await check("fcm", "x", "com.other")
        (tmp_path / "push.yaml").write_text("fcm: {odd: 1}")
        with pytest.raises(BadPushConfig, match=r"push\.yaml: fcm: .*odd"):
            await check("fcm", "x")

    run(tmp_path, body)


def test_a_token_is_given_as_it_is_or_in_a_file_or_piped(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    assert read_token("as it is", io.BytesIO()) == "as it is"
    assert read_token(f"@{tmp_path / 'token'}", io.BytesIO()) == "from a file"
    assert read_token("-", io.BytesIO(b"piped\n")) == "piped"
    for bad in ("@/nowhere/at/all", f"@{tmp_path}", "@a\x00b"):
        with pytest.raises(BadTestToken):
            read_token(bad, io.BytesIO())
    for raw in (b"\xff", b"x" * 20_000):
        with pytest.raises(BadTestToken):
            read_token("-", io.BytesIO(raw))


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "push.yaml").write_text("pigeon: {}")
    result = CliRunner().invoke(
        app, ["check", "--channel", "fcm", "--token", "x", "--data", str(tmp_path)], env={"STREAMS_PUSH_CONFIG": ""}
    )
    assert result.exit_code == 2
    assert "'pigeon' is no push channel" in result.output


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--channel", "fcm", "--token", "x", "--config", str(tmp_path / "typo.yaml")])
    assert result.exit_code == 2
    assert "there is no such file" in result.output
