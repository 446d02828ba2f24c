import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from streams.push.channels.port import Accepted, PushChannel
from tests.push.channel_laws import alert, now, refused
from tests.push.channels.maker_laws import AccessLaws, skewed
from tests.push.fakes.base import Moods, json_reply
from tests.push.fakes.honor import APP, CLIENT, FakeHonor


class TestHonor(AccessLaws):
    name = "honor"
    maker = FakeHonor
    fields: ClassVar = {"app_id": APP, "client_id": CLIENT, "badge_class": "com.example.chat.Main"}
    secret_field = "client_secret"
    codes: ClassVar = {400: "give_up", 403: "misconfigured", 80300007: "remove_token", 503: "retry", 12345: "give_up"}

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.loads(fields["data"])["warbler"])
        return found

    @pytest.mark.parametrize(
        ("data", "verdict"),
        [
            ({"sendResult": True, "expireTokens": ["{}"]}, "remove_token"),
            ({"sendResult": True, "failTokens": ["{}"]}, "retry"),
            ({"sendResult": False}, "retry"),
            ({"sendResult": True, "expireTokens": ["another"], "failTokens": "none"}, None),
            ([], None),
        ],
    )
    def test_a_200_is_success_unless_our_token_is_listed(self, data: dict[str, object], verdict: str | None) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeHonor)
            token = self.token(fake)
            reply = json_reply(200, {"code": 200, "message": "success", "data": data})
            fake.say(token, [type(reply)(200, reply.body.replace(b"{}", token.encode()))])
            outcome = await channel.send(token, alert(), now())
            assert isinstance(outcome, Accepted) if verdict is None else refused(outcome).verdict == verdict

        self.run(law)

    def test_the_timestamp_goes_with_every_push(self) -> None:
        outcome, fake = skewed(self, 3_600_000)
        assert (outcome.verdict, outcome.code) == ("give_up", "400")
        assert fake.pushes == []

    def test_the_badge_is_set(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeHonor)
            await channel.send(self.token(fake), alert(badge=300), now())
            notification = fake.pushes[-1].fields["android"]["notification"]
            assert notification["badge"] == {"setNum": 99, "badgeClass": "com.example.chat.Main"}

        self.run(law)
