"""What holds for every phone maker's push channel beyond the laws of all channels, and for those that give access tokens."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from streams.push.channels.port import Accepted, BadCredentials, PushChannel, Refused
from streams.push.channels.vendor import VendorChannel
from streams.push.config import BadPushConfig, Secret, Section, module_of
from tests.push.channel_laws import ChannelLaws, alert, now, refused
from tests.push.fakes.base import Moods, Reply
from tests.push.fakes.makers import SECRET, FakeMaker

ENV = {"SECRET": SECRET, "UMLAUT": "schlüssel", "BELL": "a\x07b"}
HOUR_MS = 3_600_000


class MakerLaws(ChannelLaws):
    """`fields`: of the section, with the secret at env:SECRET. `silent`, `withdraws`: what the maker has."""

    name: ClassVar[str]
    maker: ClassVar[type[FakeMaker]]
    fields: ClassVar[Mapping[str, Any]]
    secret_field: ClassVar[str] = "app_secret"
    token_text: ClassVar[str] = "Tok3n-of_a.device:{:06}"
    silent: ClassVar[bool] = True
    withdraws: ClassVar[bool] = False
    codes: ClassVar[Mapping[str | int, str]]  # what the maker says inside of a 200: the verdict
    tells_retry_after = False

    def fake(self) -> FakeMaker:
        return self.maker()

    def channel(self, fake: Moods, timeout_ms: int, secret: str = "env:SECRET", **more: Any) -> VendorChannel:
        fields = {**self.fields, "url": cast(FakeMaker, fake).url, self.secret_field: secret, "timeout_ms": timeout_ms, **more}
        if cast(FakeMaker, fake).auth_path:
            fields["auth_url"] = cast(FakeMaker, fake).url + cast(FakeMaker, fake).auth_path
        return cast(VendorChannel, module_of(self.name).from_section(Section(self.name, "", fields, ENV, Path("push.yaml"))))

    def token(self, fake: Moods, number: int = 1) -> str:
        return self.token_text.format(number)

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        newest = cast(FakeMaker, fake).pushes[-1]
        return newest.title, newest.body

    def test_an_inner_error_with_status_200_is_no_success(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            maker, token = cast(FakeMaker, fake), self.token(fake)
            for code, verdict in self.codes.items():
                maker.say(token, [Reply(200, maker.refused(code, "no").body)])
                outcome = refused(await channel.send(token, alert(), now()))
                assert (outcome.code, outcome.verdict) == (str(code), verdict)
                assert verdict != "retry" or outcome.retry_after_ms is not None
            assert fake.shown[token] == []

        self.run(law)

    @pytest.mark.parametrize("body", [b"[]", b'"ok"', b"{}", b'{"code": null, "result": true}', b'{"code": {"a": 1}, "data": []}', b"\xff"])
    def test_an_answer_of_another_shape_is_tried_again(self, body: bytes) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            cast(FakeMaker, fake).say(self.token(fake), [Reply(200, body)])
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.code) == ("retry", "no_code" if body.startswith(b"{") else "not_json")

        self.run(law)

    def test_the_wait_that_a_header_names_goes_before_the_tables(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            cast(FakeMaker, fake).say(
                self.token(fake), [Reply(503, b"", (("retry-after", "7"),)), Reply(429, b"<p>", (("retry-after", "9"),))]
            )
            for after_ms in (7_000, 9_000):
                outcome = refused(await channel.send(self.token(fake), alert(), now()))
                assert (outcome.verdict, outcome.retry_after_ms) == ("retry", after_ms)

        self.run(law)

    def test_what_wakes_and_what_takes_back_is_never_shown(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            maker, token = cast(FakeMaker, fake), self.token(fake)
            await channel.send(token, alert(1), now())
            silent = await channel.send(token, alert(2, kind="silent"), now())
            withdrawn = await channel.send(token, alert(3, kind="withdraw"), now())
            assert isinstance(silent, Accepted) == self.silent == bool(maker.woken[token])
            assert isinstance(withdrawn, Accepted) == self.withdraws == channel.traits.withdraws
            assert maker.withdrawn[token] == [maker.pushes[0].notify] * self.withdraws
            assert fake.shown[token] == [alert(1).send_key]

        self.run(law)

    def test_a_later_push_of_the_conversation_replaces_the_earlier(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            for number in (1, 2):
                await channel.send(self.token(fake), alert(number), now())
            first, second = cast(FakeMaker, fake).pushes
            assert first.notify == second.notify != ""

        self.run(law)

    def test_the_maker_keeps_nothing_past_the_deadline(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            for number, ttl_ms in enumerate((61_500, HOUR_MS + 999, 30 * 24 * HOUR_MS), 1):
                some = alert(number, ttl_ms=ttl_ms)
                assert isinstance(await channel.send(self.token(fake), some, now()), Accepted)
                assert cast(FakeMaker, fake).pushes[-1].until_ms <= some.deadline_ms + 200  # its clock starts when the push comes

        self.run(law)

    def test_texts_that_are_blank_are_filled_in(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            for title, body, seen in (("Ana", " ", ("Ana", "Ana")), ("", "Hello", ("Hello", "Hello")), ("", "", ("•", "•"))):
                assert isinstance(await channel.send(self.token(fake), alert(title=title, body=body), now()), Accepted)
                assert self.shown_text(fake) == seen

        self.run(law)

    def test_data_that_is_too_long_is_left_out_and_not_cut(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            some = alert()
            some.data["app"] = "x" * 6_000
            assert isinstance(await channel.send(self.token(fake), some, now()), Accepted)

        self.run(law)

    def test_the_app_finds_its_part_by_the_names_of_all_channels(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            some = alert()
            await channel.send(self.token(fake), some, now())
            found = self.app_part(cast(FakeMaker, fake).pushes[-1].fields)
            assert {name: found[name] for name in ("kind", "tag", "key", "ticket", "at_ms", "data")} == {
                "kind": "alert",
                "tag": some.collapse_key,
                "key": some.send_key,
                "ticket": some.ticket,
                "at_ms": some.at_ms,
                "data": some.data,
            }

        self.run(law)

    def app_part(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What the app gets of a push, from the maker's own place for it."""
        raise NotImplementedError

    def test_without_a_secret_the_channel_is_off(self) -> None:
        async def body() -> None:
            async with self.fake() as fake:
                for place in ("env:NONE", "none.pem", "env:UMLAUT", "env:BELL"):
                    channel = self.channel(fake, 400, secret=place)
                    with pytest.raises(BadCredentials):
                        await channel.start()
                    await channel.close()

        asyncio.run(body())

    @pytest.mark.parametrize("field", ["url", "auth_url"])
    def test_an_address_that_anybody_could_read_is_refused(self, field: str) -> None:
        fields = {**self.fields, self.secret_field: "env:SECRET", field: "http://example.org"}
        with pytest.raises(BadPushConfig, match=self.name):
            module_of(self.name).from_section(Section(self.name, "", fields, ENV))

    def test_the_rows_of_its_table_name_no_code_twice_and_say_what_to_verify(self) -> None:
        table = module_of(self.name).from_section(Section(self.name, "", {**self.fields, self.secret_field: "env:SECRET"}, ENV))
        assert cast(VendorChannel, table).table.verify


class AccessLaws(MakerLaws):
    """For makers that give access tokens. `expired`: their answer to one that ended; `says_wrong_secret`: of the request for one."""

    @pytest.mark.parametrize("sends", [1, 50])
    def test_one_access_token_is_asked_for_however_many_send(self, sends: int) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            for _ in range(3):
                found = await asyncio.gather(*(channel.send(self.token(fake, number), alert(number), now()) for number in range(sends)))
                assert all(isinstance(outcome, Accepted) for outcome in found), found
            assert cast(FakeMaker, fake).grants_count == 1

        self.run(law, timeout_ms=10_000)

    @pytest.mark.parametrize("sends", [1, 50])
    def test_one_that_ended_early_is_renewed_once_for_all(self, sends: int) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            maker = cast(FakeMaker, fake)
            await channel.send(self.token(fake), alert(), now())
            maker.end_grants()
            found = await asyncio.gather(*(channel.send(self.token(fake, number), alert(number), now()) for number in range(sends)))
            assert all(isinstance(outcome, Accepted) for outcome in found), found
            assert maker.grants_count == 2

        self.run(law, timeout_ms=10_000)

    def test_a_maker_that_refuses_every_access_token_is_not_asked_for_each_push(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            maker, at_ms = cast(FakeMaker, fake), now()
            maker.holds = lambda token: False  # type: ignore[method-assign]
            for number in range(20):
                outcome = refused(await channel.send(self.token(fake), alert(number), at_ms))
                assert outcome.verdict in ("retry", "misconfigured")
            assert maker.grants_count == 2
            await channel.send(self.token(fake), alert(99, ttl_ms=HOUR_MS), at_ms + 11_000)
            assert maker.grants_count == 3

        self.run(law)

    def test_it_is_renewed_before_it_ends(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            maker, at_ms = cast(FakeMaker, fake), now()
            channel = cast(VendorChannel, channel)
            first = await channel.access.token(at_ms)
            assert await channel.access.token(at_ms + (maker.grant_s - 301) * 1000) == first
            late_ms = at_ms + (maker.grant_s - 299) * 1000
            maker.now_ms = lambda: late_ms  # type: ignore[method-assign]
            assert await channel.access.token(late_ms) not in (first, None)
            assert maker.grants_count == 2

        self.run(law)

    def test_a_wrong_secret_turns_the_channel_off_and_blames_no_token(self) -> None:
        async def body() -> None:
            async with self.fake() as fake:
                channel = self.channel(fake, 2_000)
                fake.secret = "another"
                await channel.start()
                outcomes = [await channel.send(self.token(fake, number), alert(number), now()) for number in range(5)]
                assert [refused(outcome).verdict for outcome in outcomes] == ["misconfigured"] * 5
                assert (len(fake.violations), fake.pushes) == (1, [])  # one request for an access token, not five
                channel.secret = Secret("env:SECRET", {"SECRET": "another"})
                await channel.start()  # as the outbox does after an operator mended it
                assert isinstance(await channel.send(self.token(fake), alert(ttl_ms=HOUR_MS), now() + 2_000), Accepted)
                await channel.close()

        asyncio.run(body())

    def run(self, law: Callable[[Moods, PushChannel], Awaitable[None]], timeout_ms: int = 700) -> None:
        """More time than the laws give: two requests have to be through in it."""
        super().run(law, timeout_ms)

    @pytest.mark.parametrize("mood", ["html", "empty", "nothing", "slow"])
    def test_no_access_token_for_now_means_later(self, mood: str) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            cast(FakeMaker, fake).auth_replies.append(mood)  # type: ignore[arg-type]
            at_ms = now()
            outcome = refused(await channel.send(self.token(fake), alert(), at_ms))
            assert (outcome.verdict, fake.shown[self.token(fake)]) == ("retry", [])
            if (asking := cast(VendorChannel, channel).access.asking) is not None:
                await asking  # its own time-out may come a little after the push's
            assert isinstance(await channel.send(self.token(fake), alert(ttl_ms=600_000), at_ms + 2_000), Accepted)

        self.run(law)

    @pytest.mark.parametrize("body", [b"", b"<p>", b'{"code": ""}', b"{}"])
    def test_a_401_is_an_access_token_that_ended_whatever_it_says(self, body: bytes) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            cast(FakeMaker, fake).say(self.token(fake), [Reply(401, body)])
            assert isinstance(await channel.send(self.token(fake), alert(), now()), Accepted)
            assert cast(FakeMaker, fake).grants_count == 2

        self.run(law)

    def test_who_gives_up_waiting_for_the_access_token_leaves_it_to_the_others(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            cast(FakeMaker, fake).latency_s = 0.1
            first = asyncio.create_task(channel.send(self.token(fake), alert(), now()))
            second = asyncio.create_task(channel.send(self.token(fake, 2), alert(2), now()))
            await asyncio.sleep(0.03)
            first.cancel()
            assert isinstance(await second, Accepted)
            assert cast(FakeMaker, fake).grants_count == 1

        self.run(law, timeout_ms=5_000)

    def test_an_access_token_or_secret_is_in_no_outcome(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            maker = cast(FakeMaker, fake)
            maker.holds = lambda token: False  # type: ignore[method-assign]
            outcome = repr(await channel.send(self.token(fake), alert(), now()))
            assert [secret for secret in (*maker.grants, maker.secret) if secret in outcome] == []

        self.run(law)


def skewed(laws: AccessLaws, skew_ms: int) -> tuple[Refused, FakeMaker]:
    """What comes of a push from a machine whose clock is wrong by so much."""

    async def body() -> tuple[Refused, FakeMaker]:
        async with laws.fake() as fake:
            channel = laws.channel(fake, 2_000)
            await channel.start()
            at_ms = now() + skew_ms
            outcome = refused(await channel.send(laws.token(fake), alert(now_ms=at_ms, ttl_ms=24 * HOUR_MS), at_ms))
            await channel.close()
            return outcome, fake

    return asyncio.run(body())
