import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from streams.push.alert import AlertKind
from streams.push.channels.huawei import Huawei, HuaweiForm, is_illegal
from streams.push.channels.port import Accepted, PushChannel
from streams.push.channels.vendor import Draft
from tests.push.channel_laws import alert, now, refused
from tests.push.channels.maker_laws import AccessLaws
from tests.push.fakes.base import Moods, Reply, json_reply
from tests.push.fakes.huawei import APP, FakeHuawei

BADGE = "com.example.chat.MainActivity"


class TestHuawei(AccessLaws):
    name = "huawei"
    maker = FakeHuawei
    fields: ClassVar = {"client_id": APP, "badge_class": BADGE}
    secret_field = "client_secret"
    withdraws = True
    codes: ClassVar = {
        "80100003": "give_up",
        "80100016": "give_up",
        "80300002": "misconfigured",
        "80300007": "remove_token",
        "80300008": "give_up",
        "81000001": "retry",
        "89999999": "give_up",
    }

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.loads(fields["message"]["data"])["warbler"])
        return found

    @pytest.mark.parametrize(
        ("illegal", "verdict"),
        [(["{}"], "remove_token"), (["other", "{}"], "remove_token"), ([], "remove_token"), (["other"], None)],
    )
    def test_a_partial_success_is_ours_unless_our_token_is_listed(self, illegal: list[str], verdict: str | None) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeHuawei)
            token = self.token(fake)
            message = json.dumps({"success": 1, "failure": 1, "illegal_tokens": [each.format(token) for each in illegal]})
            fake.say(token, [json_reply(200, {"code": "80100000", "msg": message, "requestId": "r-1"})])
            outcome = await channel.send(token, alert(), now())
            assert outcome == Accepted(200, "r-1") if verdict is None else refused(outcome).verdict == verdict

        self.run(law)

    @pytest.mark.parametrize("message", ["", "no JSON", "[1]", '{"illegal_tokens": 3}', "[" * 100_000])
    def test_a_partial_failure_of_one_token_that_says_nothing_is_its_own(self, message: str) -> None:
        assert is_illegal(message, "token")

    def test_a_401_without_a_code_is_renewed_once_too(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeHuawei)
            fake.say(self.token(fake), [Reply(401, b'{"code": "80200001", "msg": "Oauth authentication error"}')])
            assert isinstance(await channel.send(self.token(fake), alert(), now()), Accepted)
            assert fake.grants_count == 2

        self.run(law)

    def test_a_clock_that_is_wrong_does_not_matter(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            at_ms = now() - 3_600_000
            assert isinstance(await channel.send(self.token(fake), alert(now_ms=at_ms), at_ms), Accepted)

        self.run(law)


def written(kind: AlertKind = "alert", badge: int | None = 3, **fields: Any) -> dict[str, Any]:
    draft = Huawei(HuaweiForm(client_id=APP, client_secret="-", **fields), "https://x").write("t", alert(kind=kind, badge=badge), now())
    assert isinstance(draft, Draft)
    android: dict[str, Any] = draft.fields["message"]["android"]
    return android


def test_messages_and_calls_have_their_classes() -> None:
    assert (written()["category"], written("ring")["category"]) == ("IM", "VOIP")
    assert all("urgency" not in found for found in (written(urgent_calls=True), written("silent", urgent_calls=True), written("ring")))
    assert "notification" in written("ring")


def test_with_huaweis_leave_a_call_wakes_the_app_which_shows_it_itself() -> None:
    dialect = Huawei(HuaweiForm(client_id=APP, client_secret="-", urgent_calls=True), "https://x")
    draft = dialect.write("t", alert(kind="ring", title="Ana", body="Incoming call"), now())
    assert isinstance(draft, Draft)
    message = draft.fields["message"]
    found = json.loads(json.loads(message["data"])["warbler"])
    assert {"urgency": "HIGH", "category": "VOIP"}.items() <= message["android"].items()
    assert "notification" not in message["android"]
    assert (found["kind"], found["title"], found["body"]) == ("ring", "Ana", "Incoming call")


@pytest.mark.parametrize(("badge", "sent"), [(None, None), (0, 0), (7, 7), (300, 99)])
def test_the_badge_is_set_where_its_class_is_known(badge: int | None, sent: int | None) -> None:
    assert "badge" not in written(badge=badge)["notification"]
    found = written(badge=badge, badge_class=BADGE)["notification"].get("badge")
    assert found == (None if sent is None else {"set_num": sent, "class": BADGE})


def test_a_tap_opens_the_app_or_what_is_configured() -> None:
    assert written()["notification"]["click_action"] == {"type": 3}
    assert written(intent="intent://x#Intent;end")["notification"]["click_action"] == {"type": 1, "intent": "intent://x#Intent;end"}


def test_withdrawing_can_be_turned_off() -> None:
    laws = TestHuawei()

    async def body() -> None:
        async with laws.fake() as fake:
            assert not laws.channel(fake, 400, withdraws=False).traits.withdraws

    asyncio.run(body())
