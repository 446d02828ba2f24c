"""REST calls: typed answers, typed errors, and tokens that are renewed once, whoever asks."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from warbler import FactorNeeded, Login, RequestFailed, Rest, StepUpNeeded, Tokens, Unreachable
from warbler.groups import JoinLink
from warbler.http import Http
from warbler.people import Privacy

Handler = Callable[[httpx.Request], httpx.Response]
FAR_MS = int(time.time() * 1000) + 3_600_000


def over(http: Http, handler: Handler) -> None:
    http._http = httpx.AsyncClient(base_url="http://edge", transport=httpx.MockTransport(handler))


def tokens(number: int, expires_ms: int = FAR_MS) -> dict[str, Any]:
    times = {"access_token": f"a{number}", "access_expires_at_ms": expires_ms}
    return {"user": "u-ana", "name": "ana", **times, "refresh_token": f"r{number}", "sign_in": "s-1"}


def body_of(request: httpx.Request) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(request.content)
    return body


def test_a_second_factor_is_a_value_and_showing_it_ends_in_a_login() -> None:
    def edge(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/login":
            needed = {"challenge": "ch", "factors": ["totp", "recovery_codes"], "enrol": False, "expires_at_ms": 9}
            return httpx.Response(202, json=needed)
        assert body_of(request) == {"challenge": "ch", "kind": "totp", "remember": True, "code": "123456"}
        return httpx.Response(200, json={**tokens(1), "remember_token": "m-1"})

    async def work() -> None:
        async with Rest("http://edge") as rest:
            over(rest, edge)
            needed = await rest.login("ana", "a password")
            assert needed == FactorNeeded("ch", ("totp", "recovery_codes"), False, 9)
            assert isinstance(needed, FactorNeeded)
            login = await rest.ways.factor(needed, "totp", "123456", remember=True)
            assert isinstance(login, Login)
            assert (login.user, login.tokens.remember_token, rest.access_token) == ("u-ana", "m-1", "a1")

    asyncio.run(work())


def test_a_first_factor_is_added_with_the_challenge_in_place_of_a_token() -> None:
    seen: list[str] = []

    def edge(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(201, json={"factor": "f", "secret": "S", "uri": "otpauth:", "qr_svg": "<svg/>"})

    async def work() -> None:
        async with Rest("http://edge") as rest:
            over(rest, edge)
            people = rest.ways.enrolling(FactorNeeded("ch", (), True, 9))
            assert (await people.enrol_totp("phone")).secret == "S"

    asyncio.run(work())
    assert seen == ["Challenge ch"]


def test_errors_say_their_code_whether_to_retry_and_when() -> None:
    answers = {
        "/v1/me": httpx.Response(403, json={"code": "step_up_needed", "detail": "show a factor", "retryable": False}),
        "/v1/me/profile": httpx.Response(429, json={"code": "rate_limited", "detail": "", "retryable": True}, headers={"Retry-After": "7"}),
        "/v1/me/settings": httpx.Response(502, text="<html>a proxy</html>", headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    }

    async def work() -> None:
        async with Rest("http://edge", access_token="t") as rest:
            over(rest, lambda request: answers[request.url.path])
            with pytest.raises(StepUpNeeded):
                await rest.people.me()
            with pytest.raises(RequestFailed) as limited:
                await rest.people.profile()
            assert (limited.value.status, limited.value.retryable, limited.value.retry_after_ms) == (429, True, 7_000)
            with pytest.raises(RequestFailed) as broken:
                await rest.people.settings()
            assert (broken.value.code, broken.value.retryable, broken.value.retry_after_ms) == ("http_error", True, 0)

    asyncio.run(work())


def test_many_who_need_a_token_at_once_renew_it_once() -> None:
    refreshed: list[str] = []

    def edge(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/refresh":
            refreshed.append(body_of(request)["refresh_token"])
            assert "authorization" not in request.headers
            return httpx.Response(200, json=tokens(2))
        assert request.headers["authorization"] == "Bearer a2"
        return httpx.Response(200, json=msgspec.to_builtins(Privacy()))

    async def work() -> None:
        async with Rest("http://edge") as rest:
            over(rest, edge)
            login = Login(rest, msgspec.convert({**tokens(1, 0), "remember_token": "m-1"}, Tokens))
            await asyncio.gather(*(rest.people.privacy() for _ in range(20)), *(login.token() for _ in range(5)))
            assert login.tokens.remember_token == "m-1", "a refresh does not say it again"

    asyncio.run(work())
    assert refreshed == ["r1"]


def test_a_refresh_whose_answer_was_lost_is_asked_again_with_the_same_token() -> None:
    asked: list[str] = []

    def edge(request: httpx.Request) -> httpx.Response:
        asked.append(body_of(request)["refresh_token"])
        if len(asked) == 1:
            raise httpx.ReadError("cut")
        return httpx.Response(200, json=tokens(2))

    async def work() -> None:
        async with Rest("http://edge") as rest:
            over(rest, edge)
            login = Login(rest, msgspec.convert(tokens(1, 0), Tokens))
            with pytest.raises(Unreachable):
                await login.token()
            assert await login.token() == "a2"

    asyncio.run(work())
    assert asked == ["r1", "r1"]


def test_a_token_that_the_server_calls_expired_is_renewed_once_whatever_the_clock_here_says() -> None:
    seen: list[str] = []

    def edge(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization", request.url.path))
        if request.url.path == "/v1/refresh":
            return httpx.Response(200, json=tokens(2))
        over = request.headers["authorization"] != "Bearer a2" or request.url.path == "/v1/me/factors"
        problem = {"code": "token_expired", "detail": "", "retryable": False}
        return httpx.Response(401, json=problem) if over else httpx.Response(200, json=msgspec.to_builtins(Privacy()))

    async def work() -> None:
        async with Rest("http://edge") as rest:
            over(rest, edge)
            Login(rest, msgspec.convert(tokens(1), Tokens))
            assert await rest.people.privacy() == Privacy()
            assert seen == ["Bearer a1", "/v1/refresh", "Bearer a2"]
            seen.clear()
            with pytest.raises(RequestFailed):
                await rest.people.factors()
            assert seen == ["Bearer a2", "/v1/refresh", "Bearer a2"], "and not again and again"

    asyncio.run(work())


def test_a_join_link_is_text_and_back_and_foreign_text_is_none() -> None:
    link = JoinLink("g-1", "k-2", "s_e-cret")
    assert JoinLink.parse(str(link)) == link
    assert [JoinLink.parse(text) for text in ("", "g-1", "g-1.k-2.", "a.b.c.d")] == [None] * 4
