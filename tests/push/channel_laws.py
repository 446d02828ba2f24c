"""The sentences of `streams.push.channels.port`, as tests that every push channel runs against its fake vendor.

An adapter's test file: `class TestX(ChannelLaws)` with the four methods at the top. Each law makes its own fake and push channel.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from store.push_syntax import why_no_token
from streams.push.alert import Alert, AlertKind
from streams.push.channels.port import Accepted, Outcome, PushChannel, Refused
from tests.push.fakes.base import Mood, Moods

TIMEOUT_MS = 400
SLACK_S = 20  # of a machine that does other things
LONG = "Grüße 😀👩‍👩‍👧 " * 2_000


def alert(
    number: int = 1,
    kind: AlertKind = "alert",
    body: str = "Hello",
    title: str = "Ana",
    ttl_ms: int = 60_000,
    badge: int | None = 3,
    now_ms: int | None = None,
) -> Alert:
    at_ms = now() if now_ms is None else now_ms
    return Alert(
        kind=kind,
        send_key=f"{number:032x}",
        collapse_key="c0llapse-key_of-conversatio",
        title=title,
        body=body,
        badge=badge,
        at_ms=at_ms,
        deadline_ms=at_ms + ttl_ms,
        ticket="ticket.of.a.device",
        data={"conversation": "g-1", "seq": "12", "purpose": "message", "ref": ""},
    )


def now() -> int:
    return time.time_ns() // 1_000_000


class ChannelLaws:
    """Subclass per push channel."""

    answers_html = True  # whether an HTML page with status 200 can be told from the vendor's answer
    answers_empty = True  # whether nothing with status 200 can
    tells_retry_after = True  # whether the vendor has a way to say when to come back
    says_dead = True  # whether the vendor says that a token is dead

    def fake(self) -> Moods:
        """Not entered yet; an async context manager."""
        raise NotImplementedError

    def channel(self, fake: Moods, timeout_ms: int) -> PushChannel:
        """Configured for the running fake, not started."""
        raise NotImplementedError

    def token(self, fake: Moods, number: int = 1) -> str:
        """A token that is live at the fake."""
        raise NotImplementedError

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        """Title and body of the newest push that the fake accepted."""
        raise NotImplementedError

    def bad_tokens(self) -> list[str]:
        """What cannot be a token of this push channel."""
        return ["", "x" * 20_000, "with space", "line\nbreak", "nul\x00", "ümlaut"]

    # -- the laws

    def test_a_push_is_accepted_and_shown_once(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            outcome = await channel.send(self.token(fake), alert(), now())
            assert isinstance(outcome, Accepted), outcome
            assert fake.shown[self.token(fake)] == [alert().send_key]
            assert self.shown_text(fake) == ("Ana", "Hello")

        self.run(law)

    @pytest.mark.parametrize("kind", ["alert", "silent", "ring", "withdraw"])
    def test_every_kind_is_something_the_vendor_takes(self, kind: AlertKind) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            outcome = await channel.send(self.token(fake), alert(kind=kind, badge=None), now())
            # A kind that the vendor has no form for is given up, not sent in a form that would be shown.
            assert isinstance(outcome, Accepted) or (outcome.verdict, outcome.code) == ("give_up", "unsupported_kind"), outcome

        self.run(law)

    @pytest.mark.parametrize("mood", ["slow", "drip", "lost"])
    def test_a_vendor_that_is_slow_for_ever_costs_one_time_out(self, mood: Mood) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.script(self.token(fake), [mood])
            begun = time.monotonic()
            outcome = await channel.send(self.token(fake), alert(), now())
            assert time.monotonic() - begun < TIMEOUT_MS / 1000 + SLACK_S
            assert isinstance(outcome, Refused), outcome
            assert (outcome.verdict, outcome.status, outcome.code) == ("retry", 0, "timeout")
            assert isinstance(await channel.send(self.token(fake), alert(2), now()), Accepted)

        self.run(law)

    def test_a_connection_that_is_closed_without_an_answer_is_tried_again(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.script(self.token(fake), ["nothing"])
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("retry", 0, "connection")

        self.run(law)

    def test_a_vendor_that_is_not_there_is_tried_again(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            token = self.token(fake)
            await fake.__aexit__(None, None, None)  # type: ignore[attr-defined]
            outcome = refused(await channel.send(token, alert(), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("retry", 0, "connection")

        self.run(law)

    @pytest.mark.parametrize("mood", ["html", "empty"])
    def test_an_answer_that_is_none_is_no_success(self, mood: Mood) -> None:
        if not (self.answers_html if mood == "html" else self.answers_empty):
            pytest.skip("this vendor's success is the status alone")

        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.script(self.token(fake), [mood])
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.code) == ("retry", mood)

        self.run(law)

    def test_too_many_requests_are_tried_again_when_the_vendor_says(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.retry_after_s = 7
            fake.script(self.token(fake), ["busy"])
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert outcome.verdict == "retry"
            assert outcome.retry_after_ms is not None
            assert outcome.retry_after_ms == 7_000 or not self.tells_retry_after

        self.run(law)

    def test_an_error_of_the_vendor_is_tried_again(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.script(self.token(fake), ["error"])
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, fake.shown[self.token(fake)]) == ("retry", [])

        self.run(law)

    def test_a_dead_token_is_removed(self) -> None:
        if not self.says_dead:
            pytest.skip("this vendor does not say it in its answer")

        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.script(self.token(fake), ["dead"])
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert outcome.verdict == "remove_token"

        self.run(law)

    @pytest.mark.parametrize("late_ms", [0, 1, 60_000])
    def test_nothing_is_sent_past_its_deadline(self, late_ms: int) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            some = alert()
            outcome = refused(await channel.send(self.token(fake), some, some.deadline_ms + late_ms))
            assert (outcome.verdict, outcome.status, outcome.code) == ("give_up", 0, "expired")
            assert (sum(fake.moods.values()), fake.shown[self.token(fake)]) == (0, [])

        self.run(law)

    def test_what_is_too_long_is_shortened_between_characters(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            outcome = await channel.send(self.token(fake), alert(body=LONG), now())
            assert isinstance(outcome, Accepted), outcome
            title, body = self.shown_text(fake)
            assert title == "Ana"
            start = body.rstrip("…").rstrip()
            assert 20 < len(start) < len(LONG)
            assert LONG.startswith(start)
            assert not LONG[len(start) :].startswith(("\u200d", "\ufe0f"))

        self.run(law)

    def test_a_title_that_is_too_long_is_shortened_too(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            outcome = await channel.send(self.token(fake), alert(title=LONG, body=LONG), now())
            assert isinstance(outcome, Accepted), outcome

        self.run(law)

    def test_who_cancels_is_not_kept_waiting_and_the_channel_goes_on(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            fake.script(self.token(fake), ["slow"])
            sending = asyncio.create_task(channel.send(self.token(fake), alert(), now()))
            for _ in range(500):  # until the vendor has it: where an access token comes first, that takes longer
                if fake.moods["slow"]:
                    break
                await asyncio.sleep(0.01)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert isinstance(await channel.send(self.token(fake), alert(2), now()), Accepted)

        self.run(law, timeout_ms=10_000)

    def test_many_at_once_are_each_shown_once(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            tokens = [self.token(fake, number) for number in range(1, 101)]
            outcomes = await asyncio.gather(
                *(channel.send(token, alert(number), now()) for number, token in enumerate(tokens, 1)),
            )
            assert [outcome for outcome in outcomes if not isinstance(outcome, Accepted)] == []
            assert {token: fake.shown[token] for token in tokens} == {
                token: [alert(number).send_key] for number, token in enumerate(tokens, 1)
            }

        self.run(law, timeout_ms=10_000)

    def test_a_token_is_known_by_its_form(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert channel.check_token(self.token(fake)) is None
            assert [token for token in self.bad_tokens() if channel.check_token(token) is None] == []
            # Or the edge would refuse what could be sent to.
            assert why_no_token(channel.name, self.token(fake), insecure=True) is None

        self.run(law)

    def test_a_token_of_no_form_is_given_up_and_raises_nothing(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            for token in self.bad_tokens():
                outcome = refused(await channel.send(token, alert(), now()))
                assert outcome.verdict in ("remove_token", "give_up"), (token[:20], outcome)

        self.run(law)

    def test_the_vendor_would_have_refused_nothing(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            kinds: tuple[AlertKind, ...] = ("alert", "silent", "ring", "withdraw")
            for number, kind in enumerate(kinds, 1):
                await channel.send(self.token(fake), alert(number, kind=kind), now())

        self.run(law)

    def run(self, law: Callable[[Moods, PushChannel], Awaitable[None]], timeout_ms: int = TIMEOUT_MS) -> None:
        """Every law ends with nothing that the vendor would have refused."""

        async def body() -> None:
            fake = self.fake()
            async with asyncio.timeout(30), fake:  # type: ignore[attr-defined]
                channel = self.channel(fake, timeout_ms)
                await channel.start()
                try:
                    await law(fake, channel)
                finally:
                    await channel.close()
            assert fake.violations == []

        asyncio.run(body())


def refused(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome
