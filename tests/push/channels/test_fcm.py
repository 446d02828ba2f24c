"""FCM against a fake that verifies the signed assertion, the access token and every field."""

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.push.alert import AlertKind
from streams.push.channels.access import Grant
from streams.push.channels.answers import table_of
from streams.push.channels.fcm import FcmChannel, data_of, error_of, from_section, size_of
from streams.push.channels.port import Accepted, BadCredentials, PushChannel, Refused
from streams.push.config import BadPushConfig, Section
from tests.push.channel_laws import LONG, ChannelLaws, alert, now, refused
from tests.push.fakes.base import Mood, Moods
from tests.push.fakes.fcm import PROJECT, FakeFcm


def channel_of(fake: FakeFcm, key_file: str | None = None, **fields: Any) -> FcmChannel:
    env = {"KEY": fake.key_file() if key_file is None else key_file}
    return from_section(Section("fcm", "", {"service_account": "env:KEY", "url": fake.url, **fields}, env, Path("push.yaml")))


class TestFcm(ChannelLaws):
    def fake(self) -> Moods:
        return FakeFcm()

    def channel(self, fake: Moods, timeout_ms: int) -> PushChannel:
        assert isinstance(fake, FakeFcm)
        return channel_of(fake, timeout_ms=timeout_ms)

    def token(self, fake: Moods, number: int = 1) -> str:
        return FakeFcm.token(number)

    def shown_text(self, fake: Moods) -> tuple[str, str]:
        assert isinstance(fake, FakeFcm)
        shown = fake.messages[-1]["notification"]
        return shown["title"], shown["body"]

    # -- what is FCM's own

    def test_an_alert_is_shown_by_the_system_and_told_to_the_app(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            some = alert(ttl_ms=90_500)
            await channel.send(self.token(fake), some, some.at_ms)
            own = {"kind": "alert", "tag": some.collapse_key, "key": some.send_key, "ticket": some.ticket, "at_ms": str(some.at_ms)}
            assert fake.messages == [
                {
                    "token": self.token(fake),
                    "notification": {"title": "Ana", "body": "Hello"},
                    "data": {"conversation": "g-1", "seq": "12", "purpose": "message", "ref": "", **own, "badge": "3"},
                    "android": {
                        **{"priority": "HIGH", "ttl": "90s", "collapse_key": some.collapse_key},
                        "notification": {"tag": some.collapse_key, "notification_count": 3},
                    },
                }
            ]

        self.run(law)

    @pytest.mark.parametrize(("kind", "priority"), [("ring", "HIGH"), ("silent", "NORMAL"), ("withdraw", "NORMAL")])
    def test_what_the_app_has_to_do_is_data_alone(self, kind: AlertKind, priority: str) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            await channel.send(self.token(fake), alert(kind=kind), now())
            message = fake.messages[-1]
            assert "notification" not in message
            assert "notification" not in message["android"]
            assert (message["android"]["priority"], message["data"]["kind"], message["data"]["title"]) == (priority, kind, "Ana")

        self.run(law)

    def test_an_app_that_shows_its_alerts_itself_gets_data(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            own = channel_of(fake, shows="app")
            await own.start()
            await own.send(self.token(fake), alert(body=LONG), now())
            message = fake.messages[-1]
            assert "notification" not in message
            assert message["data"]["body"].endswith("…")
            await own.close()

        self.run(law)

    def test_the_access_token_serves_for_all_and_is_fetched_once(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            await asyncio.gather(*(channel.send(self.token(fake, number), alert(number), now()) for number in range(20)))
            assert fake.tokens_made == 1

        self.run(law, timeout_ms=10_000)

    def test_an_access_token_that_ended_early_is_replaced_within_the_send(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            fake.revoke()
            assert isinstance(await channel.send(self.token(fake), alert(), now()), Accepted)
            assert fake.tokens_made == 2

        self.run(law, timeout_ms=10_000)

    def test_a_service_account_that_is_refused_later_turns_the_channel_off(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            fake.revoke()
            fake.token_mood = "dead"
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.code) == ("misconfigured", "bad_credentials")

        self.run(law, timeout_ms=10_000)

    @pytest.mark.parametrize("mood", ["html", "empty", "nothing"])
    def test_a_token_end_point_that_answers_nothing_good_is_tried_again(self, mood: Mood) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            fake.revoke()
            fake.token_mood = mood
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("retry", 0, "no_access_token")

        self.run(law, timeout_ms=10_000)

    @pytest.mark.parametrize("mood", ["slow", "drip"])
    def test_a_token_end_point_that_is_slow_costs_one_time_out(self, mood: Mood) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            fake.revoke()
            fake.token_mood = mood
            outcome = refused(await channel.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.code) in {("retry", "timeout"), ("retry", "no_access_token")}

        self.run(law)

    def test_a_token_of_no_form_of_theirs_is_removed(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            outcome = refused(await channel.send("x" * 100, alert(), now()))
            assert (outcome.verdict, outcome.status, outcome.code) == ("remove_token", 400, "INVALID_TOKEN")

        self.run(law)

    def test_a_project_that_is_unknown_removes_no_token(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            other = channel_of(fake, project="another")
            await other.start()
            outcome = refused(await other.send(self.token(fake), alert(), now()))
            assert (outcome.verdict, outcome.code) == ("misconfigured", "NOT_FOUND")
            await other.close()

        self.run(law)

    def test_the_token_is_fetched_beside_the_loop(self) -> None:
        async def law(fake: Moods, channel: PushChannel) -> None:
            assert isinstance(fake, FakeFcm)
            assert isinstance(channel, FcmChannel)
            seen: list[str] = []
            assert channel.access is not None
            account = channel.access.ask.__self__  # type: ignore[attr-defined]
            inner = account.fetch

            def fetch(now_ms: int) -> Grant | Refused:
                seen.append(threading.current_thread().name)
                return inner(now_ms)  # type: ignore[no-any-return]

            account.fetch = fetch
            fake.revoke()
            await channel.send(self.token(fake), alert(), now())
            assert len(seen) == 1
            assert seen[0] != threading.main_thread().name

        self.run(law, timeout_ms=10_000)


def started(fake: FakeFcm, **fields: Any) -> None:
    async def body() -> None:
        async with fake:
            one = channel_of(fake, **fields)
            try:
                await one.start()
            finally:
                await one.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "key_file",
    [
        "{",
        "[]",
        '{"type": "authorized_user"}',
        '{"type": "service_account"}',
        '{"type": "service_account", "token_uri": "http://example.org/token"}',
        FakeFcm(1).key_file(private_key="nothing"),
        FakeFcm(1).key_file(private_key=5),
        FakeFcm(1).key_file(project_id=""),
    ],
)
def test_a_key_file_that_is_none_turns_the_channel_off(key_file: str) -> None:
    with pytest.raises(BadCredentials) as caught:
        started(FakeFcm(), key_file=key_file)
    assert "PRIVATE KEY" not in str(caught.value)


def test_a_service_account_that_google_refuses_turns_the_channel_off() -> None:
    fake = FakeFcm()
    fake.token_mood = "dead"
    with pytest.raises(BadCredentials, match="invalid_grant"):
        started(fake)


@pytest.mark.parametrize("mood", ["html", "slow", "nothing"])
def test_a_google_that_does_not_answer_leaves_the_channel_on(mood: Mood) -> None:
    fake = FakeFcm()
    fake.token_mood = mood
    started(fake, timeout_ms=300)


def test_a_section_without_a_service_account_is_refused() -> None:
    with pytest.raises(BadPushConfig, match="service_account"):
        from_section(Section("fcm", "", {}, {}))


def told(status: int, name: str, code: str = "", field: str = "", words: str = "words") -> tuple[str, str]:
    """Verdict and code of an answer in Google's form."""
    details: list[object] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    if field:
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field}]})
    found, _ = error_of({"error": {"code": status, "status": name, "message": words, "details": details}})
    outcome = table_of("fcm").refused(status, found)
    return outcome.verdict, outcome.code


def test_the_errors_that_google_documents_have_their_verdicts() -> None:
    token_words = "The registration token is not a valid FCM registration token"
    assert told(404, "NOT_FOUND", "UNREGISTERED") == ("remove_token", "UNREGISTERED")
    assert told(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH") == ("remove_token", "SENDER_ID_MISMATCH")
    assert told(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", words=token_words) == ("remove_token", "INVALID_TOKEN")
    assert told(400, "INVALID_ARGUMENT", "", "message.token") == ("remove_token", "INVALID_TOKEN")
    assert told(400, "INVALID_ARGUMENT", "", "message.data[0].value", token_words) == ("give_up", "INVALID_ARGUMENT")
    assert told(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT") == ("give_up", "INVALID_ARGUMENT")
    assert told(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED") == ("retry", "QUOTA_EXCEEDED")
    assert told(503, "UNAVAILABLE", "UNAVAILABLE") == ("retry", "UNAVAILABLE")
    assert told(500, "INTERNAL", "INTERNAL") == ("retry", "INTERNAL")
    assert told(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR") == ("give_up", "THIRD_PARTY_AUTH_ERROR")
    assert told(401, "UNAUTHENTICATED") == ("misconfigured", "UNAUTHENTICATED")
    assert told(403, "PERMISSION_DENIED") == ("misconfigured", "PERMISSION_DENIED")
    assert told(404, "NOT_FOUND") == ("misconfigured", "NOT_FOUND")


NAMES = st.sampled_from(["status", "details", "message", "@type", "errorCode", "fieldViolations", "field"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "details", "message", "@type"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values)
def test_no_error_breaks_the_reading_of_it(error: object) -> None:
    code, words = error_of({"error": error})
    assert isinstance(code, str)
    assert isinstance(words, str)


@given(st.text(max_size=2_000), st.text(max_size=9_000))
def test_a_message_always_fits_and_is_always_json(title: str, body: str) -> None:
    one = from_section(Section("fcm", "", {"service_account": "env:KEY"}, {}))
    raw = one.message(FakeFcm.token(), alert(title=title, body=body), now())
    assert raw is not None
    message = json.loads(raw)["message"]
    assert size_of({name: value for name, value in message.items() if name != "token"}) <= 4_096


def test_data_that_alone_is_too_long_is_given_up() -> None:
    one = from_section(Section("fcm", "", {"service_account": "env:KEY"}, {}))
    assert one.message(FakeFcm.token(), replace(alert(), data={"x": "y" * 5_000}), now()) is None


def test_names_that_fcm_keeps_for_itself_are_left_out_of_the_data() -> None:
    found = data_of(replace(alert(), data={"from": "a", "google.x": "b", "gcm.y": "c", "fromage": "d"}), "", "")
    assert {"from", "google.x", "gcm.y"} & set(found) == set()
    assert found["fromage"] == "d"


def test_the_project_is_the_key_files_unless_the_section_says_another() -> None:
    async def body() -> None:
        async with FakeFcm() as fake:
            one = channel_of(fake)
            await one.start()
            assert one.url == f"{fake.url}/v1/projects/{PROJECT}/messages:send"
            await one.close()

    asyncio.run(body())
