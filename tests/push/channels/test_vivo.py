import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from streams.push.channels.port import Accepted, PushChannel, Refused
from streams.push.channels.vivo import VivoForm, VivoGrants
from streams.push.channels.wording import half_widths
from tests.push.channel_laws import alert, now, refused
from tests.push.channels.maker_laws import AccessLaws, skewed
from tests.push.fakes.base import Moods, json_reply
from tests.push.fakes.vivo import APP, KEY, FakeVivo

MD5 = "1a5e4a970cc45a50c5253c24940f0d04"  # of 10004k1700000000000secret, made with coreutils


class TestVivo(AccessLaws):
    name = "vivo"
    maker = FakeVivo
    fields: ClassVar = {"app_id": APP, "app_key": KEY, "call_category": "CALL"}
    token_text = "15513410784181118{:06}"
    silent = False
    codes: ClassVar = {10070: "retry", 10072: "retry", 10094: "misconfigured", 10302: "remove_token", 10103: "give_up", 19999: "give_up"}

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(fields["clientCustomMap"]["warbler"])
        return found

    @pytest.mark.parametrize("skew_ms", [-11 * 60_000, 11 * 60_000])
    def test_a_clock_that_is_wrong_gets_no_access_token_and_turns_the_channel_off(self, skew_ms: int) -> None:
        outcome, fake = skewed(self, skew_ms)
        assert (outcome.verdict, outcome.code) == ("misconfigured", "10205")
        assert (fake.grants_count, len(fake.violations)) == (0, 1)

    @pytest.mark.parametrize(
        ("status", "verdict"), [(1, "remove_token"), (2, "remove_token"), (3, "remove_token"), (4, "give_up"), (9, "give_up")]
    )
    def test_a_device_that_is_gone_stands_beside_the_success(self, status: int, verdict: str) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeVivo)
            token = self.token(fake)
            invalid = {"status": status, "userid": token}
            fake.say(token, [json_reply(200, {"result": 0, "desc": "ok", "taskId": "1", "invalidUser": invalid})])
            outcome = refused(await channel.send(token, alert(), now()))
            assert (outcome.code, outcome.verdict) == (f"invalidUser_{status}", verdict)

        self.run(law)

    def test_less_than_the_least_minute_is_given_up_but_for_calls(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeVivo)
            at_ms = now()
            assert await channel.send(self.token(fake), alert(ttl_ms=54_999, now_ms=at_ms), at_ms) == Refused("give_up", 0, "expired")
            ring = alert(2, kind="ring", ttl_ms=30_000, now_ms=at_ms)
            assert isinstance(await channel.send(self.token(fake), ring, at_ms), Accepted)
            (push,) = fake.pushes
            assert (push.fields["timeToLive"], push.fields["category"]) == (60, "CALL")

        self.run(law)

    def test_the_app_gets_its_data_under_one_key(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeVivo)
            await channel.send(self.token(fake), alert(badge=4), now())
            found = json.loads(fake.pushes[-1].fields["clientCustomMap"]["warbler"])
            assert (found["data"]["conversation"], found["key"], found["ticket"], found["badge"]) == (
                "g-1",
                alert().send_key,
                "ticket.of.a.device",
                4,
            )

        self.run(law)


def test_a_chinese_character_is_as_wide_as_two_of_ascii() -> None:
    assert [half_widths(text) for text in ("", "ab", "你好", "ü", "😀")] == [0, 2, 4, 2, 4]


def test_the_proof_is_of_id_key_time_and_secret() -> None:
    asked = VivoGrants("https://x/auth", VivoForm(app_id=10004, app_key="k", app_secret="-")).ask("secret", 1_700_000_000_000)
    assert json.loads(asked.content) == {"appId": 10004, "appKey": "k", "timestamp": 1_700_000_000_000, "sign": MD5}
