"""Accounts, sign-ins, tokens and the kill path over two real edges; at the end the rows are compared with the log."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from edge import closing
from tests.real.running import Running
from tests.real.talking import PASSWORD, User, minted, online, opened

pytestmark = pytest.mark.real

WANTING_ONE_NAME = 1_000
REFRESHING = 50
KILLED = 20
LONG_WAIT_S = 8  # longer than a busy machine takes for the calls that must find the wait not over


@pytest.fixture
def http(warbler: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=warbler.page, timeout=60) as client:
        yield client


def bearer(user: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": "Bearer " + user["access_token"]}


def sign_up(http: httpx.Client, device: str = "") -> dict[str, Any]:
    name = "t-" + secrets.token_hex(6)
    about = {"device": {"id": device, "name": "her " + device, "platform": "web"}} if device else {}
    answer = http.post("/v1/register", json={"name": name, "password": PASSWORD, **about})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def log_in(http: httpx.Client, user: dict[str, Any], password: str = PASSWORD, device: str = "") -> httpx.Response:
    about = {"device": {"id": device, "platform": "web"}} if device else {}
    return http.post("/v1/login", json={"name": user["name"], "password": password, **about})


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def as_user(signed_in: dict[str, Any]) -> User:
    return User(signed_in["user"], signed_in["access_token"], signed_in["refresh_token"])


def test_of_a_thousand_who_want_one_name_at_once_one_gets_it(warbler: Running) -> None:
    """Over both edges, in two spellings of the name."""
    name = "wanted-" + secrets.token_hex(4)

    async def body() -> list[tuple[int, str]]:
        addresses = warbler.addresses()
        limits = httpx.Limits(max_connections=10)
        async with AsyncExitStack() as stack:
            # twenty clients: one looks through all that waits whenever anything happens, and was busier than the edges
            clients = [await stack.enter_async_context(httpx.AsyncClient(timeout=300, limits=limits, verify=False)) for _ in range(20)]

            async def one(number: int) -> tuple[int, str]:
                address, spelt = addresses[number % 2], name.upper() if number % 3 else name
                answer = await clients[number % 20].post(address + "/v1/register", json={"name": spelt, "password": PASSWORD})
                return answer.status_code, answer.json().get("code", "")

            return await asyncio.gather(*(one(number) for number in range(WANTING_ONE_NAME)))

    outcomes = Counter(asyncio.run(body()))
    assert outcomes == {(201, ""): 1, (409, "name_taken"): WANTING_ONE_NAME - 1}
    assert httpx.post(warbler.page + "/v1/login", json={"name": name, "password": PASSWORD}, timeout=60).status_code == 200


def test_of_fifty_refreshes_of_one_token_at_once_all_get_one_family_and_nobody_is_signed_out(warbler: Running, http: httpx.Client) -> None:
    ana = sign_up(http)

    async def body() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=120) as client:
            addresses, token = warbler.addresses(), {"refresh_token": ana["refresh_token"]}
            return await asyncio.gather(*(client.post(addresses[n % 2] + "/v1/refresh", json=token) for n in range(REFRESHING)))

    answers = asyncio.run(body())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert {answer.json()["sign_in"] for answer in answers} == {ana["sign_in"]}
    last = http.post("/v1/refresh", json={"refresh_token": answers[0].json()["refresh_token"]})
    assert http.get("/v1/me", headers=bearer(last.json())).json()["user"] == ana["user"]


def test_an_own_device_is_listed_and_signed_out_from_another(warbler: Running, http: httpx.Client) -> None:
    phone = sign_up(http, "phone")
    laptop = log_in(http, phone, device="laptop").json()
    listed = http.get("/v1/me/sign-ins", headers=bearer(laptop)).json()["sign_ins"]
    assert [(each["device"], each["device_name"], each["platform"], each["method"], each["current"]) for each in listed] == [
        ("phone", "her phone", "web", "password", False),
        ("laptop", "", "web", "password", True),
    ]

    async def body() -> int:
        async with online(warbler.addresses()[1], as_user(phone)) as device:
            ending = await asyncio.to_thread(http.delete, f"/v1/me/sign-ins/{phone['sign_in']}", headers=bearer(laptop))
            assert ending.status_code == 204
            return await device.closed()

    assert asyncio.run(body()) == closing.REVOKED.code
    assert problem(http.get("/v1/me", headers=bearer(phone))) == (401, "token_revoked")
    assert problem(http.post("/v1/refresh", json={"refresh_token": phone["refresh_token"]})) == (401, "token_revoked")
    assert http.get("/v1/me", headers=bearer(laptop)).status_code == 200
    assert problem(http.delete("/v1/me/sign-ins/l-none", headers=bearer(laptop))) == (404, "unknown_sign_in")
    third = log_in(http, phone).json()
    assert http.delete("/v1/me/sign-ins", headers=bearer(third)).json() == {"ended": 1}
    assert len(http.get("/v1/me/sign-ins", headers=bearer(third)).json()["sign_ins"]) == 1


def test_users_who_sign_out_lose_every_session_on_every_edge_at_once(warbler: Running, http: httpx.Client) -> None:
    users = [sign_up(http) for _ in range(KILLED)]

    async def body() -> list[float]:
        async with httpx.AsyncClient(base_url=warbler.page, timeout=60) as client, asyncio.timeout(120):

            async def killed(number: int, user: dict[str, Any]) -> float:
                async with online(warbler.addresses()[number % 2], as_user(user)) as device:
                    began = time.monotonic()
                    answer, code = await asyncio.gather(
                        client.post("/v1/logout", json={"refresh_token": user["refresh_token"]}), device.closed()
                    )
                    assert (answer.status_code, code) == (204, closing.REVOKED.code)
                    return time.monotonic() - began

            return [await killed(number, user) for number, user in enumerate(users)]

    took = sorted(asyncio.run(body()))
    assert took[len(took) // 2] < 5, took  # without being told it would be minutes; `bench kill_path` measures it


def test_an_edge_that_could_not_hear_closes_what_was_revoked_meanwhile_when_it_can(warbler: Running, http: httpx.Client) -> None:
    """Stopped by a signal: its connections stand, and nothing that happens reaches it. tests/edge/people cuts one off from the log."""
    ana = sign_up(http)
    pid = warbler.pid("edge-2")

    async def body() -> tuple[int, float]:
        async with online(warbler.addresses()[1], as_user(ana)) as device:
            os.kill(pid, signal.SIGSTOP)
            try:
                ending = await asyncio.to_thread(http.post, "/v1/logout", json={"refresh_token": ana["refresh_token"]})
                assert ending.status_code == 204
                await asyncio.sleep(1.5)
            finally:
                os.kill(pid, signal.SIGCONT)
            back = time.monotonic()
            return await device.closed(), time.monotonic() - back

    code, took_s = asyncio.run(body())
    assert code == closing.REVOKED.code
    assert took_s < 60  # a second on a quiet machine


def test_a_ticket_opens_one_socket_from_its_url(warbler: Running, http: httpx.Client) -> None:
    ana = sign_up(http)
    ticket = http.post("/v1/ticket", headers=bearer(ana)).json()["ticket"]

    async def body() -> tuple[str, int]:
        async with opened(warbler.page, path=f"/v1/socket?ticket={ticket}") as device:
            device.say(type="hello", token="", device="phone")
            welcome = await device.heard("welcome")
        async with opened(warbler.addresses()[1]) as again:
            again.say(type="hello", token=ticket, device="phone")
            return welcome["user"], await again.closed()

    assert asyncio.run(body()) == (ana["user"], closing.BAD_TOKEN.code)
    assert problem(http.get("/v1/me", headers={"Authorization": f"Bearer {ticket}"})) == (401, "bad_token")


def test_others_can_check_our_tokens_with_the_published_keys(http: httpx.Client) -> None:
    ana = sign_up(http)
    keys = KeySet.import_key_set(http.get("/.well-known/jwks.json").json())
    claims = jwt.decode(ana["access_token"], keys, algorithms=["Ed25519"]).claims
    assert (claims["sub"], claims["sid"], claims["iss"], claims["aud"], claims["amr"]) == (
        *(ana["user"], ana["sign_in"], "warbler", "warbler"),
        ["password"],
    )
    assert "d" not in http.get("/.well-known/jwks.json").json()["keys"][0]


def test_a_new_password_signs_every_other_device_out(http: httpx.Client) -> None:
    ana = sign_up(http)
    other = log_in(http, ana).json()
    assert problem(http.put("/v1/me/password", json={"old": "wrong one", "new": "another horse"}, headers=bearer(ana))) == (
        403,
        "bad_credentials",
    )
    assert http.put("/v1/me/password", json={"old": PASSWORD, "new": "another horse"}, headers=bearer(ana)).status_code == 204
    assert problem(http.get("/v1/me", headers=bearer(other))) == (401, "token_revoked")
    assert http.get("/v1/me", headers=bearer(ana)).status_code == 200
    assert problem(log_in(http, ana)) == (401, "bad_credentials")
    assert log_in(http, ana, "another horse").status_code == 200


def test_who_deactivates_itself_is_out_and_back_by_signing_in(http: httpx.Client) -> None:
    ana = sign_up(http)
    assert http.post("/v1/me/deactivate", headers=bearer(ana)).status_code == 204
    assert problem(http.get("/v1/me", headers=bearer(ana))) == (401, "token_revoked")
    back = log_in(http, ana).json()
    assert http.get("/v1/me", headers=bearer(back)).json()["state"] == "active"
    assert problem(http.post("/v1/refresh", json={"refresh_token": ana["refresh_token"]})) == (401, "token_revoked")


def test_who_deletes_its_account_leaves_nothing_personal_and_a_name_that_is_kept_back(http: httpx.Client) -> None:
    ana, ben = sign_up(http), sign_up(http)
    assert http.delete("/v1/me", headers=bearer(ana)).status_code == 204
    assert problem(http.get("/v1/me", headers=bearer(ana))) == (401, "token_revoked")
    assert problem(log_in(http, ana)) == (401, "bad_credentials")
    assert problem(http.post("/v1/register", json={"name": ana["name"], "password": PASSWORD})) == (409, "name_taken")
    assert http.get("/v1/users", params={"ids": ana["user"]}, headers=bearer(ben)).json() == {"users": []}
    assert problem(http.get(f"/v1/users/by-name/{ana['name']}", headers=bearer(ben))) == (404, "unknown_user")


def test_names_that_are_spelt_alike_are_one_name(http: httpx.Client) -> None:
    ana = sign_up(http)
    wide = "".join(chr(ord(each) + 0xFEE0) for each in ana["name"])
    for spelt in (ana["name"].upper(), wide):
        assert problem(http.post("/v1/register", json={"name": spelt, "password": PASSWORD})) == (409, "name_taken")
        assert http.post("/v1/login", json={"name": spelt, "password": PASSWORD}).json()["user"] == ana["user"]
    assert http.get("/v1/me", headers=bearer(ana)).json()["identifiers"][0]["shown"] == ana["name"]


def guess_until_it_takes_long(http: httpx.Client, user: dict[str, Any]) -> list[tuple[int, str]]:
    """Wrong passwords until the next one must wait LONG_WAIT_S; what was answered, each answer once in a row."""
    answers: list[tuple[int, str]] = []
    while True:
        answer = log_in(http, user, "a guess")
        if [problem(answer)] != answers[-1:]:
            answers.append(problem(answer))
        wait_s = int(answer.headers.get("Retry-After", 0))
        if wait_s >= LONG_WAIT_S:
            return answers
        time.sleep(wait_s)


def test_strangers_who_guess_do_not_keep_the_owner_out_of_a_device_it_used(http: httpx.Client) -> None:
    ana = sign_up(http, "phone")
    answers = guess_until_it_takes_long(http, ana)
    assert answers[:2] == [(401, "bad_credentials"), (429, "too_many_tries")]
    assert problem(log_in(http, ana)) == (429, "too_many_tries")
    assert problem(log_in(http, ana, device="unknown-device")) == (429, "too_many_tries")
    assert log_in(http, ana, device="phone").status_code == 200
    nobody = {**ana, "name": "nobody-" + secrets.token_hex(6)}
    # does not tell who exists; how often the two answers take turns is the clock's matter
    assert list(dict.fromkeys(guess_until_it_takes_long(http, nobody))) == list(dict.fromkeys(answers))


def test_one_guess_on_each_of_many_accounts_is_stopped_at_the_address(http: httpx.Client) -> None:
    ana = sign_up(http, "phone")
    codes: list[int] = []
    while 429 not in codes and len(codes) < 400:
        codes.append(http.post("/v1/login", json={"name": f"n-{len(codes)}", "password": "password"}).status_code)
    assert set(codes) == {401, 429}
    assert log_in(http, ana, device="phone").status_code == 200


def test_at_the_end_the_rows_are_those_of_the_log(warbler: Running) -> None:
    minted(warbler, 3)
    command = [sys.executable, "-m", "ops.cli", "verify", "accounts", "--data", str(warbler.data), "--wait-s", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the accounts are equal to the log" in done.stdout
