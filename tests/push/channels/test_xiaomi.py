import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from streams.push.channels.port import Accepted, PushChannel
from tests.push.channel_laws import alert, now, refused
from tests.push.channels.maker_laws import HOUR_MS, MakerLaws
from tests.push.fakes.base import Moods, json_reply
from tests.push.fakes.xiaomi import PACKAGE, FakeXiaomi, failed


class TestXiaomi(MakerLaws):
    name = "xiaomi"
    maker = FakeXiaomi
    fields: ClassVar = {"package": PACKAGE, "channel_id": "110001", "call_channel_id": "110002"}
    token_text = "d//igwEhgBGCI2TG6lWqlB3{:06}+Bg="
    withdraws = True
    codes: ClassVar = {
        10002: "retry",
        10016: "give_up",
        10034: "retry",
        20301: "retry",
        21301: "misconfigured",
        22022: "misconfigured",
        65009: "give_up",
        200001: "retry",
        77777: "give_up",
    }

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(fields["payload"])
        return found

    @pytest.mark.parametrize(
        ("fields", "verdict"),
        [
            (failed(20301, "No valid targets!"), "remove_token"),
            (failed(20301, "something else"), "retry"),
            ({"result": "ok", "code": 0, "data": {"id": "m-1", "bad_regids": ["{}"]}}, "remove_token"),
            ({"result": "ok", "code": 0, "data": {"id": "m-1", "bad_regids": ["another"]}}, None),
        ],
    )
    def test_one_code_for_every_failure_is_told_apart_by_its_reason(self, fields: dict[str, object], verdict: str | None) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeXiaomi)
            token = self.token(fake)
            reply = json_reply(200, fields)
            fake.say(token, [type(reply)(200, reply.body.replace(b"{}", token.encode()))])
            outcome = await channel.send(token, alert(), now())
            assert outcome == Accepted(200, "m-1") if verdict is None else refused(outcome).verdict == verdict

        self.run(law)

    def test_the_time_to_live_is_in_milliseconds_and_at_most_ten_days(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeXiaomi)
            at_ms = now()
            for number, (ttl_ms, sent) in enumerate(((1_234, 1_234), (30 * 24 * HOUR_MS, 10 * 24 * HOUR_MS)), 1):
                await channel.send(self.token(fake), alert(number, now_ms=at_ms, ttl_ms=ttl_ms), at_ms)
                assert fake.pushes[-1].fields["time_to_live"] == str(sent)

        self.run(law)

    def test_messages_and_calls_have_their_channel(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeXiaomi)
            await channel.send(self.token(fake), alert(1), now())
            await channel.send(self.token(fake), alert(2, kind="ring"), now())
            assert [push.fields["extra.channel_id"] for push in fake.pushes] == ["110001", "110002"]
            assert [push.fields["extra.jobkey"] for push in fake.pushes] == [push.send_key[:20] for push in fake.pushes]

        self.run(law)

    def test_a_wrong_secret_turns_the_channel_off(self) -> None:
        async def body() -> None:
            async with self.fake() as fake:
                channel = self.channel(fake, 2_000)
                fake.secret = "another"
                await channel.start()
                outcome = refused(await channel.send(self.token(fake), alert(), now()))
                assert (outcome.verdict, outcome.status, outcome.code) == ("misconfigured", 401, "21301")
                assert fake.secret not in repr(outcome)
                await channel.close()

        asyncio.run(body())
