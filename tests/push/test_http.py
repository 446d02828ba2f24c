"""The HTTP client of the push channels against a server that does its worst."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate

import pytest

from log.web.connections import Connections
from streams.push.channels.answers import table_of
from streams.push.channels.http import Answer, PushHttp, fields_of
from streams.push.channels.port import Refused
from tests.push.fakes.base import FakeVendor, Mood, Reply, Request

NOW_MS = 1_795_000_000_000


class Worst(FakeVendor):
    """Answers what is next in line; keeps what it was asked."""

    def __init__(self, answers: Sequence[Reply | Mood]) -> None:
        super().__init__()
        self.answers = list(answers)
        self.seen: list[Request] = []

    async def receive(self, request: Request) -> Reply | Mood:
        self.seen.append(request)
        return self.answers.pop(0)


def run(answers: Sequence[Reply | Mood], body: Callable[[Worst, PushHttp], Awaitable[None]], timeout_ms: int = 400) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), Worst(answers) as fake:
            http = PushHttp(timeout_ms=timeout_ms, answer_bytes_limit=1_000)
            try:
                await body(fake, http)
            finally:
                await http.close()

    asyncio.run(whole())


def test_an_answer_is_a_value_whatever_its_status() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        answer = await http.post(f"{fake.url}/a?b=c", b"body", {"x-y": "z"})
        assert isinstance(answer, Answer)
        assert (answer.status, answer.body, answer.headers["x-a"]) == (418, b"tea", "1")
        seen = fake.seen[0]
        assert (seen.method, seen.target, seen.body, seen.headers["x-y"]) == ("POST", "/a?b=c", b"body", "z")

    run([Reply(418, b"tea", (("X-A", "1"),))], body)


@pytest.mark.parametrize("mood", ["slow", "drip"])
def test_the_time_out_is_over_all_and_not_for_each_byte(mood: Mood) -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        begun = time.monotonic()
        assert await http.post(fake.url, b"", {}) == Refused("retry", 0, "timeout")
        assert time.monotonic() - begun < 20

    run([mood], body)


def test_no_more_than_so_many_bytes_are_read() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        refused = await http.post(fake.url, b"", {})
        assert refused == Refused("retry", 200, "answer_too_long")
        answer = await http.post(fake.url, b"", {})
        assert isinstance(answer, Answer)
        assert len(answer.body) == 1_000

    run([Reply(200, b"x" * 500_000), Reply(200, b"y" * 1_000)], body)


def test_nothing_is_unpacked() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        answer = await http.post(fake.url, b"", {})
        assert isinstance(answer, Answer)
        assert answer.body == b"no gzip at all"

    run([Reply(200, b"no gzip at all", (("content-encoding", "gzip"),))], body)


def test_a_redirect_is_not_followed() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        answer = await http.post(fake.url, b"secret", {"authorization": "key"})
        assert isinstance(answer, Answer)
        assert (answer.status, len(fake.seen)) == (307, 1)

    run([Reply(307, b"", (("location", "/elsewhere"),)), Reply(200)], body)


def test_no_cookie_comes_back() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        await http.post(fake.url, b"", {})
        await http.post(fake.url, b"", {})
        assert "cookie" not in fake.seen[1].headers

    run([Reply(200, b"", (("set-cookie", "a=b; Path=/"),)), Reply(200)], body)


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://127.0.0.1/", "http://[", "http://127.0.0.1:99999/", "http://\x00/", "http://a b/"])
def test_an_address_that_is_none_is_refused_without_an_exception(url: str) -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        refused = await http.post(url, b"", {})
        assert isinstance(refused, Refused)
        assert refused.status == 0

    run([], body)


@pytest.mark.parametrize("value", ["a\nb: c", "ü", "\x00"])
def test_a_header_that_is_none_is_given_up(value: str) -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        refused = await http.post(fake.url, b"", {"x": value})
        assert isinstance(refused, Refused)
        assert (refused.verdict, refused.code, fake.seen) == ("give_up", "bad_request", [])

    run([], body)


def test_a_connection_that_breaks_is_tried_again_and_the_next_one_works() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        refused = await http.post(fake.url, b"", {})
        assert isinstance(refused, Refused)
        assert (refused.verdict, refused.code) == ("retry", "connection")
        assert isinstance(await http.post(fake.url, b"", {}), Answer)

    run(["nothing", Reply(200)], body)


def test_who_waits_for_a_free_connection_waits_no_longer_than_the_time_out() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        narrow = PushHttp(timeout_ms=300, in_flight_limit=1)
        begun = time.monotonic()
        outcomes = await asyncio.gather(*(narrow.post(fake.url, b"", {}) for _ in range(5)))
        assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {"timeout"}
        assert time.monotonic() - begun < 20
        assert isinstance(await narrow.post(fake.url, b"", {}), Answer)
        await narrow.close()

    run(["slow", *[Reply(200)] * 9], body)


def kept(http: PushHttp) -> Connections:
    transport = http.client._transport
    assert isinstance(transport, Connections)
    return transport


def test_a_connection_is_used_again_and_no_more_are_kept_than_needed() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        for _ in range(5):
            await http.post(fake.url, b"", {})
        assert (len(kept(http).idle), len(fake.tasks)) == (1, 1)
        await asyncio.gather(*(http.post(fake.url, b"", {}) for _ in range(5)))
        assert len(kept(http).idle) == len(fake.tasks) <= 5
        await http.close()
        assert (len(kept(http).idle), len(kept(http).idle_at), len(kept(http).busy)) == (0, 0, 0)

    run([Reply(200)] * 10, body, timeout_ms=5_000)


def test_idle_connections_have_a_limit_and_the_oldest_goes() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        narrow = PushHttp(timeout_ms=5_000, in_flight_limit=2)
        async with Worst([Reply(200)]) as second, Worst([Reply(200)]) as third:
            for each in (fake, second, third):
                assert isinstance(await narrow.post(each.url, b"", {}), Answer)
            assert {place[2] for place in kept(narrow).idle.values()} == {second.port, third.port}
        await narrow.close()

    run([Reply(200)], body)


def test_a_connection_that_the_other_side_closed_is_not_used_again() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        await http.post(fake.url, b"", {})
        for task in list(fake.tasks):
            task.cancel()
        await asyncio.gather(*fake.tasks, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert isinstance(await http.post(fake.url, b"", {}), Answer)

    run([Reply(200)] * 2, body)


@pytest.mark.parametrize("mood", ["slow", "drip", "nothing"])
def test_a_request_that_failed_leaves_nothing_behind(mood: Mood) -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        await asyncio.gather(*(http.post(fake.url, b"", {}) for _ in range(20)))
        assert (len(kept(http).idle), len(kept(http).idle_at), len(kept(http).busy)) == (0, 0, 0)

    run([mood] * 20, body)


def test_a_request_that_is_cancelled_leaves_nothing_behind() -> None:
    async def body(fake: Worst, http: PushHttp) -> None:
        for wait_s in (0, 0, 0.001, 0.01, 0.05):
            sending = asyncio.create_task(http.post(fake.url, b"", {}))
            await asyncio.sleep(wait_s)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        assert (len(kept(http).idle), len(kept(http).busy)) == (0, 0)

    run(["slow"] * 5, body)


def test_retry_after_is_read_from_the_answer() -> None:
    answer = Answer(429, {"retry-after": formatdate(NOW_MS / 1000 + 9, usegmt=True)}, b"")
    assert answer.retry_after_ms(NOW_MS) == 9_000


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (Answer(200, {}, b"<html>"), Refused("retry", 200, "html")),
        (Answer(200, {}, b""), Refused("retry", 200, "empty")),
        (Answer(404, {}, b"<html>"), Refused("retry", 404, "html")),
        (Answer(404, {}, b""), Refused("remove_token", 404, "empty")),
        (Answer(503, {"retry-after": "3"}, b"<html>"), Refused("retry", 503, "html", 3_000)),
        (Answer(429, {}, b"wait"), Refused("retry", 429, "not_json", 30_000)),
    ],
)
def test_a_page_of_somebody_in_between_removes_no_token(answer: Answer, refused: Refused) -> None:
    assert fields_of(answer, table_of("webpush"), NOW_MS) == refused


def test_the_fields_of_an_answer_are_its_fields() -> None:
    assert fields_of(Answer(400, {}, b'{"a": 1}'), table_of("webpush"), NOW_MS) == {"a": 1}
