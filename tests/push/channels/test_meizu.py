import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from streams.push.channels.meizu import signature
from streams.push.channels.port import Accepted, PushChannel
from tests.push.channel_laws import alert, now, refused
from tests.push.channels.maker_laws import HOUR_MS, MakerLaws
from tests.push.fakes.base import Moods, json_reply
from tests.push.fakes.meizu import APP, FakeMeizu


class TestMeizu(MakerLaws):
    name = "meizu"
    maker = FakeMeizu
    fields: ClassVar = {"app_id": APP}
    token_text = "RA50c6348036344485d01776773577c6474046{:06}"
    codes: ClassVar = {
        "1001": "retry",
        "1003": "retry",
        "1005": "give_up",
        "1006": "misconfigured",
        "110000": "misconfigured",
        "110010": "retry",
        "110053": "give_up",
        "119999": "give_up",
    }

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(fields["clickTypeInfo"]["parameters"]["warbler"])
        return found

    @pytest.mark.parametrize(
        ("value", "verdict"),
        [
            ({"110002": ["another", "{}"]}, "remove_token"),
            ({"110002": ["another"], "110003": ["{}"]}, "remove_token"),
            ({"201": ["{}"]}, "give_up"),
            ({"513": ["{}"]}, "retry"),
            ({"520": ["{}"]}, "retry"),
            ({"777": ["{}"]}, "give_up"),
            ({"110003": ["another"]}, None),
            ({"110003": "{}"}, None),
            ([], None),
        ],
    )
    def test_what_failed_stands_in_the_value_of_a_200(self, value: object, verdict: str | None) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeMeizu)
            token = self.token(fake)
            reply = json_reply(200, {"code": "200", "message": "", "value": value, "msgId": "m-1"})
            fake.say(token, [type(reply)(200, reply.body.replace(b"{}", token.encode()))])
            outcome = await channel.send(token, alert(), now())
            assert outcome == Accepted(200, "m-1") if verdict is None else refused(outcome).verdict == verdict

        self.run(law)

    def test_it_is_kept_for_whole_hours_or_not_at_all(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeMeizu)
            at_ms = now()
            lives = [(HOUR_MS - 1, None), (HOUR_MS, 1), (5 * HOUR_MS + 1, 5), (90 * HOUR_MS, 72)]
            for number, (ttl_ms, hours) in enumerate(lives, 1):
                await channel.send(self.token(fake), alert(number, now_ms=at_ms, ttl_ms=ttl_ms), at_ms)
                life = fake.pushes[-1].fields["pushTimeInfo"]
                assert (life["offLine"], life.get("validTime")) == (0 if hours is None else 1, hours)

        self.run(law)

    def test_a_wrong_secret_turns_the_channel_off(self) -> None:
        async def body() -> None:
            async with self.fake() as fake:
                channel = self.channel(fake, 2_000)
                fake.secret = "another"
                await channel.start()
                outcome = refused(await channel.send(self.token(fake), alert(), now()))
                assert (outcome.verdict, outcome.code) == ("misconfigured", "1006")
                await channel.close()

        asyncio.run(body())


def test_the_signature_is_that_of_meizus_own_example() -> None:
    fields = {
        "pushIds": "RA50c6348036344485d01776773577c64740465480a6b",
        "appId": "10000",
        "messageJson": '{"title":"title","content":"content","pushTimeInfo":{"offLine":1,"validTime":24}}',
    }
    assert signature(fields, "<APP_SECRET>") == "ac076ff25d9900015a681cb5172aa53b"
