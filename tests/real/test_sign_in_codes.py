"""Signing in by code and link through a real mail server and a real SMS gateway, with everything that can be wrong with a code."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests.real import running
from tests.real.running import Running
from tests.real.sign_in_world import Caller, MailServer, SmsGateway, problem, settings_of

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def site(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory, mail: MailServer, sms: SmsGateway) -> Iterator[Running]:
    env = {**settings_of(mail, sms), "EDGE_CODE_RESEND_MS": "1", "EDGE_ADDRESS_GUESSES_PER_HOUR": "1000"}
    started = running.start_beside(cassandra_address, tmp_path_factory.mktemp("codes"), "--edges", "2", env=env)
    try:
        yield started
    finally:
        running.stop(started.process)


@pytest.fixture
def http(site: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.page, timeout=90, headers={"X-Forwarded-For": f"10.0.0.{secrets.randbelow(250)}"}) as client:
        yield client


def address() -> str:
    return f"ana-{secrets.token_hex(4)}@example.org"


def code_in(text: str) -> str:
    found = re.search(r"Your code: (\d{6})", text)
    assert found is not None, text
    return found.group(1)


def token_in(text: str) -> str:
    found = re.search(r"#link=(\S+)", text)
    assert found is not None, text
    return found.group(1)


def test_the_ways_in_are_told(http: httpx.Client) -> None:
    assert http.get("/v1/sign-in/methods").json() == {
        "password": True, "email": True, "phone": True, "passkey": True, "providers": [],
    }  # fmt: skip


def test_a_code_by_mail_makes_the_account_and_signs_in_again(http: httpx.Client, site: Running, mail: MailServer) -> None:
    ana, to = Caller(http), address()
    asked = ana.post("/sign-in/code", kind="email", to=to.upper())
    assert asked.status_code == 202, asked.text
    assert ana.post("/sign-in/code/confirm", kind="email", to=to, code=code_in(mail.wait_for(to)), device=ana.device).status_code == 200
    first = ana.signed_in
    me = ana.call("GET", "/me").json()
    assert [(each["kind"], each["shown"].casefold()) for each in me["identifiers"]] == [("email", to)]
    with httpx.Client(base_url=site.addresses()[1], timeout=90) as other:  # the other node knows the code as well
        again = Caller(other)
        assert http.post("/v1/sign-in/code", json={"kind": "email", "to": to}).status_code == 202
        answer = again.post("/sign-in/code/confirm", kind="email", to=to, code=code_in(mail.wait_for(to, 2)))
        assert answer.status_code == 200, answer.text
        assert again.signed_in["user"] == first["user"]


def test_a_link_signs_in_once(http: httpx.Client, site: Running, mail: MailServer) -> None:
    ana, to = Caller(http), address()
    ana.post("/sign-in/code", kind="email", to=to)
    text = mail.wait_for(to)
    assert f"{site.page}/#link=" in text
    assert ana.post("/sign-in/link", token=token_in(text), device=ana.device).status_code == 200
    assert problem(ana.post("/sign-in/link", token=token_in(text))) == (401, "bad_code")
    assert problem(ana.post("/sign-in/code/confirm", kind="email", to=to, code=code_in(text))) == (401, "bad_code")


def test_a_code_by_phone_signs_in(http: httpx.Client, sms: SmsGateway) -> None:
    ana, to = Caller(http), f"+49151{secrets.randbelow(10**8):08d}"
    assert ana.post("/sign-in/code", kind="phone", to=f"{to[:5]} {to[5:8]}-{to[8:]}").status_code == 202
    assert ana.post("/sign-in/code/confirm", kind="phone", to=to, code=sms.wait_for(to), device=ana.device).status_code == 200
    assert ana.call("GET", "/me").json()["identifiers"][0]["kind"] == "phone"


def test_a_gateway_and_a_mail_server_that_stumble_are_asked_again(http: httpx.Client, sms: SmsGateway, mail: MailServer) -> None:
    ana, to, by_mail = Caller(http), f"+49152{secrets.randbelow(10**8):08d}", address()
    sms.states += [(503, "busy"), (429, "slow down")]
    ana.post("/sign-in/code", kind="phone", to=to)
    assert len(sms.wait_for(to)) == 6
    mail.refuse += ["451 try again", "421 busy"]
    ana.post("/sign-in/code", kind="email", to=by_mail)
    assert code_in(mail.wait_for(by_mail))


def test_the_sixth_guess_is_refused_though_it_is_right(http: httpx.Client, mail: MailServer) -> None:
    ana, to = Caller(http), address()
    ana.post("/sign-in/code", kind="email", to=to)
    right = code_in(mail.wait_for(to))
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    said = [problem(ana.post("/sign-in/code/confirm", kind="email", to=to, code=wrong)) for _ in range(5)]
    assert said == [(401, "bad_code")] * 5
    last = ana.post("/sign-in/code/confirm", kind="email", to=to, code=right)
    assert problem(last) == (429, "too_many")
    assert int(last.headers["Retry-After"]) >= 1


def test_who_guesses_at_many_addresses_from_one_place_is_stopped(site: Running) -> None:
    with httpx.Client(base_url=site.page, timeout=90, headers={"X-Forwarded-For": "192.0.2.7"}) as eve:
        said = [
            eve.post("/v1/sign-in/code/confirm", json={"kind": "email", "to": f"a{number}@example.org", "code": "123456"}).status_code
            for number in range(1_050)
        ]
    assert set(said[:900]) == {401}
    assert said[-1] == 429


def test_a_code_that_was_asked_for_something_else_is_wrong(http: httpx.Client, mail: MailServer) -> None:
    ana, eve, to = Caller(http), Caller(http), address()
    ana.register()
    eve.register()
    assert ana.post("/me/identifiers/code", kind="email", to=to).status_code == 202
    adding = code_in(mail.wait_for(to))
    assert "#link=" not in mail.wait_for(to)
    assert problem(Caller(http).post("/sign-in/code/confirm", kind="email", to=to, code=adding)) == (401, "bad_code")
    assert problem(eve.post("/me/identifiers", kind="email", to=to, code=adding)) == (401, "bad_code")
    added = ana.post("/me/identifiers", kind="email", to=to, code=adding)
    assert added.status_code == 201, added.text
    assert problem(ana.post("/me/identifiers", kind="email", to=to, code=adding)) == (401, "bad_code")
    # it signs in now, and cannot become another's
    http.post("/v1/sign-in/code", json={"kind": "email", "to": to})
    by_mail = Caller(http)
    assert by_mail.post("/sign-in/code/confirm", kind="email", to=to, code=code_in(mail.wait_for(to, 2))).status_code == 200
    assert by_mail.signed_in["user"] == ana.signed_in["user"]
    eve.post("/me/identifiers/code", kind="email", to=to)
    assert problem(eve.post("/me/identifiers", kind="email", to=to, code=code_in(mail.wait_for(to, 3)))) == (409, "identifier_taken")
    assert ana.call("DELETE", f"/me/identifiers/{added.json()['identifier']}").status_code == 204
    assert [each["kind"] for each in ana.call("GET", "/me").json()["identifiers"]] == ["name"]


def test_the_last_way_in_stays(http: httpx.Client, mail: MailServer) -> None:
    ana, to = Caller(http), address()
    ana.post("/sign-in/code", kind="email", to=to)
    ana.post("/sign-in/code/confirm", kind="email", to=to, code=code_in(mail.wait_for(to)), device=ana.device)
    own = ana.call("GET", "/me").json()["identifiers"][0]["identifier"]
    assert problem(ana.call("DELETE", f"/me/identifiers/{own}")) == (409, "last_way_in")
    assert problem(ana.call("DELETE", "/me/identifiers/i-nothing")) == (404, "unknown_identifier")


BAD: list[tuple[str, object]] = [
    ("/sign-in/code", {"kind": "email", "to": ""}),
    ("/sign-in/code", {"kind": "email", "to": "no address"}),
    ("/sign-in/code", {"kind": "email", "to": "a@" + "b" * 250 + ".org"}),
    ("/sign-in/code", {"kind": "email", "to": "ana@example.org\r\nBcc: all@example.org"}),
    ("/sign-in/code", {"kind": "phone", "to": "0151 1234567"}),
    ("/sign-in/code", {"kind": "phone", "to": "+1"}),
    ("/sign-in/code", {"kind": "pigeon", "to": "ana@example.org"}),
    ("/sign-in/code", {"kind": "email", "to": 7}),
    ("/sign-in/code", []),
    ("/sign-in/code/confirm", {"kind": "email", "to": "ana@example.org", "code": ""}),
    ("/sign-in/code/confirm", {"kind": "email", "to": "ana@example.org", "code": "1" * 65}),
    ("/sign-in/code/confirm", {"kind": "email", "to": "ana@example.org", "code": 123456}),
    ("/sign-in/code/confirm", {"kind": "email", "to": "ana@example.org", "code": "123456", "device": {"id": ""}}),
    ("/sign-in/link", {"token": ""}),
    ("/sign-in/link", {"token": "x" * 257}),
    ("/sign-in/link", {"token": None}),
]


@pytest.mark.parametrize(("path", "body"), BAD)
def test_bad_fields_are_refused_by_name(http: httpx.Client, path: str, body: object) -> None:
    status, code = problem(http.post(f"/v1{path}", json=body))
    assert (status, code) in [(422, "invalid"), (422, "bad_email"), (422, "bad_phone")]


@pytest.mark.parametrize("code", ["000000", "1" * 64, "１２３４５６", "é", "\u202e654321", "\x00"])
def test_any_text_may_be_guessed_and_is_wrong(http: httpx.Client, code: str) -> None:
    assert problem(Caller(http).post("/sign-in/code/confirm", kind="email", to=address(), code=code)) == (401, "bad_code")
