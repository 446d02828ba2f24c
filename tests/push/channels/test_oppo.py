import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from streams.push.channels.oppo import Oppo, OppoForm, OppoGrants
from streams.push.channels.port import PushChannel
from streams.push.channels.vendor import Draft
from streams.push.channels.wording import utf16_units
from tests.push.channel_laws import LONG, alert, now
from tests.push.channels.maker_laws import AccessLaws, skewed
from tests.push.fakes.base import Moods
from tests.push.fakes.oppo import KEY, FakeOppo

SHA256 = b"ee412f504f93d283888979ab4f37e98beb471243575d468a4048c57285abad84"  # of key1700000000000secret, made with coreutils


class TestOppo(AccessLaws):
    name = "oppo"
    maker = FakeOppo
    fields: ClassVar = {"app_key": KEY}
    secret_field = "master_secret"
    token_text = "OPPO_CN_b6bbd94b59cdb5df8391642c{:08}"
    silent = False
    codes: ClassVar = {
        -1: "retry",
        -2: "retry",
        13: "retry",
        16: "misconfigured",
        28: "misconfigured",
        33: "retry",
        41: "give_up",
        67: "misconfigured",
        10000: "remove_token",
        10999: "give_up",
    }

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.loads(fields["notification"]["action_parameters"])["warbler"])
        return found

    @pytest.mark.parametrize("skew_ms", [-11 * 60_000, 11 * 60_000])
    def test_a_clock_that_is_wrong_gets_no_access_token_and_turns_the_channel_off(self, skew_ms: int) -> None:
        outcome, fake = skewed(self, skew_ms)
        assert (outcome.verdict, outcome.code) == ("misconfigured", "19")
        assert (fake.grants_count, len(fake.violations)) == (0, 1)

    @pytest.mark.parametrize(("style", "limit"), [(1, 50), (2, 128)])
    def test_the_text_is_as_long_as_its_style_allows(self, style: int, limit: int) -> None:
        content = written(body=LONG, style=style)["content"]
        assert limit - 12 < utf16_units(content) <= limit

    def test_a_push_that_may_not_be_kept_for_a_second_is_shown_now_or_never(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeOppo)
            at_ms = now()
            await channel.send(self.token(fake), alert(ttl_ms=900, now_ms=at_ms), at_ms)
            notification = fake.pushes[-1].fields["notification"]
            assert (notification["off_line"], notification.get("off_line_ttl")) == (False, None)

        self.run(law)


def written(kind: Any = "alert", body: str = "Hello", **fields: Any) -> dict[str, Any]:
    draft = Oppo(OppoForm(app_key=KEY, master_secret="-", **fields), "https://x").write("t", alert(kind=kind, body=body), now())
    assert isinstance(draft, Draft)
    found: dict[str, Any] = json.loads(draft.fields["message"])["notification"]
    return found


def test_a_level_goes_only_with_a_category() -> None:
    assert {"category", "notify_level"} & set(written(notify_level=16)) == set()
    shown = written(category="IM", notify_level=2, call_category="CALL", call_notify_level=16)
    assert (shown["category"], shown["notify_level"]) == ("IM", 2)
    rings = written("ring", category="IM", notify_level=2, call_category="CALL", call_notify_level=16)
    assert (rings["category"], rings["notify_level"]) == ("CALL", 16)


def test_the_send_key_is_what_oppo_knows_repeats_by() -> None:
    assert written()["app_message_id"] == alert().send_key


def test_the_proof_is_of_key_time_and_secret() -> None:
    asked = OppoGrants("https://x/auth", "key").ask("secret", 1_700_000_000_000)
    assert b"sign=" + SHA256 in asked.content
