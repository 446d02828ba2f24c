"""The REST face of a real node: accounts, tokens, conversations; and what it says to bad input."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import httpx
import pytest

from edge.clocks import clock_ms
from schemas.ids import uuid7
from tests.real.running import Running

pytestmark = pytest.mark.real
PASSWORD = "correct horse battery"


@pytest.fixture
def http(warbler: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=warbler.page, timeout=90) as client:
        yield client


def signed_up(http: httpx.Client) -> dict[str, str]:
    answer = http.post("/v1/register", json={"name": "t-" + secrets.token_hex(6), "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def bearer(user: dict[str, str]) -> dict[str, str]:
    return {"Authorization": "Bearer " + user["access_token"]}


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"code", "detail", "retryable"}, body
    return answer.status_code, body["code"]


def test_a_name_is_taken_once_and_opens_with_its_password_only(http: httpx.Client) -> None:
    ana = signed_up(http)
    assert problem(http.post("/v1/register", json={"name": ana["name"], "password": PASSWORD})) == (409, "name_taken")
    assert http.post("/v1/login", json={"name": ana["name"], "password": PASSWORD}).json()["user"] == ana["user"]
    wrong = http.post("/v1/login", json={"name": ana["name"], "password": "not the password"})
    nobody = http.post("/v1/login", json={"name": "nobody-" + secrets.token_hex(6), "password": PASSWORD})
    assert problem(wrong) == problem(nobody) == (401, "bad_credentials")
    assert wrong.json() == nobody.json()  # the answer does not tell which it was


def test_a_connection_stays_open_between_two_requests(warbler: Running) -> None:
    """A load balancer that sends a request into one that is being closed answers 502."""
    address = httpx.URL(warbler.page)
    connection = HTTPConnection(address.host, address.port, timeout=90)
    connection.connect()
    connection.auto_open = 0  # a second one would hide it
    for pause_s in (6, 0):  # longer than uvicorn's own 5
        connection.request("GET", "/live")
        with connection.getresponse() as answer:
            assert (answer.status, bool(answer.read())) == (200, True)
        time.sleep(pause_s)
    connection.close()


BAD_BODIES: list[object] = [
    {"name": "", "password": PASSWORD},
    {"name": "ana", "password": "short"},
    {"name": "ana"},
    [],
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_bad_credentials_bodies_are_invalid(http: httpx.Client, body: object) -> None:
    assert problem(http.post("/v1/register", json=body)) == (422, "invalid")


@pytest.mark.parametrize("name", ["a b", "ana\u200b", "\u202eana", "\u0430na", "a" * 65])
def test_a_name_that_could_be_taken_for_another_is_refused(http: httpx.Client, name: str) -> None:
    assert problem(http.post("/v1/register", json={"name": name, "password": PASSWORD})) == (422, "bad_name")
    assert problem(http.post("/v1/login", json={"name": name, "password": PASSWORD})) == (401, "bad_credentials")


def test_a_refresh_token_has_one_successor_so_that_a_lost_answer_signs_nobody_out(http: httpx.Client) -> None:
    ana = signed_up(http)
    second, again = (http.post("/v1/refresh", json={"refresh_token": ana["refresh_token"]}).json() for _ in range(2))
    assert second["user"] == ana["user"]
    assert again["refresh_token"] == second["refresh_token"] != ana["refresh_token"]
    third = http.post("/v1/refresh", json={"refresh_token": second["refresh_token"]}).json()
    assert http.post("/v1/refresh", json={"refresh_token": ana["refresh_token"]}).json()["refresh_token"] == second["refresh_token"]
    assert http.get("/v1/conversations", headers=bearer(third)).status_code == 200


def test_after_logging_out_no_token_works(http: httpx.Client) -> None:
    ana = signed_up(http)
    assert http.post("/v1/logout", json={"refresh_token": ana["refresh_token"]}).status_code == 204
    assert problem(http.get("/v1/conversations", headers=bearer(ana))) == (401, "token_revoked")
    assert problem(http.post("/v1/refresh", json={"refresh_token": "l-none.x"})) == (401, "bad_token")


def test_a_stranger_with_half_a_refresh_token_cannot_end_a_sign_in(http: httpx.Client) -> None:
    ana = signed_up(http)
    login = ana["refresh_token"].partition(".")[0]
    assert problem(http.post("/v1/logout", json={"refresh_token": login + ".guess"})) == (401, "bad_token")
    assert problem(http.post("/v1/refresh", json={"refresh_token": login + ".guess"})) == (401, "bad_token")
    assert http.get("/v1/conversations", headers=bearer(ana)).status_code == 200


def test_conversations_are_made_once_and_listed_to_their_members_only(http: httpx.Client) -> None:
    ana, ben, eve = signed_up(http), signed_up(http), signed_up(http)
    direct = {"conversation_kind": "direct", "members": [{"user": ben["user"]}]}
    made = http.post("/v1/conversations", json=direct, headers=bearer(ana))
    again = http.post("/v1/conversations", json={**direct, "members": [{"user": ana["user"]}]}, headers=bearer(ben))
    assert (made.status_code, again.status_code) == (201, 200)
    conversation = made.json()["conversation"]
    assert again.json()["conversation"] == conversation
    entry = next(e for e in http.get("/v1/conversations", headers=bearer(ben)).json()["directory"] if e["conversation"] == conversation)
    assert (entry["peer"], entry["head_seq"], entry["unread"]) == (ana["user"], 1, 0)
    members = http.get(f"/v1/conversations/{conversation}/members", headers=bearer(ana)).json()["members"]
    assert {member["user"] for member in members} == {ana["user"], ben["user"]}
    for path in ("history", "events", "members"):
        assert problem(http.get(f"/v1/conversations/{conversation}/{path}", headers=bearer(eve))) == (403, "not_member")


def test_the_same_command_id_makes_one_group(http: httpx.Client) -> None:
    ana = signed_up(http)
    group = {"conversation_kind": "group", "title": "one"}
    first = http.post("/v1/conversations", json=group, headers=bearer(ana))
    assert first.status_code == 201
    hexes = first.json()["conversation"].removeprefix("g-")
    command_id = f"{hexes[:8]}-{hexes[8:12]}-{hexes[12:16]}-{hexes[16:20]}-{hexes[20:]}"
    again = http.post("/v1/conversations", json={**group, "command_id": command_id}, headers=bearer(ana))
    assert (again.status_code, again.json()) == (201, first.json())
    other = http.post("/v1/conversations", json={**group, "title": "two", "command_id": command_id}, headers=bearer(ana))
    assert problem(other) == (422, "command_id_reused")


def test_any_command_goes_over_http_and_a_retry_has_the_same_seq(http: httpx.Client) -> None:
    ana, ben, eve = signed_up(http), signed_up(http), signed_up(http)
    body = {"conversation_kind": "group", "title": "one", "settings": {"joining": "open", "visibility": "public"}}
    made = http.post("/v1/conversations", json=body, headers=bearer(ana)).json()
    path = f"/v1/conversations/{made['conversation']}/commands"

    def give(user: dict[str, str], **command: object) -> httpx.Response:
        return http.post(path, json={"command": command}, headers=bearer(user))

    added = give(ana, type="add_member", member=ben["user"])
    assert (added.status_code, added.json()["seq"]) == (200, 2), added.text
    said = {"type": "send_message", "id": uuid7(clock_ms(), secrets.randbits(74)), "content": {"text": "by http"}}
    first, again = give(ben, **said), give(ben, **said)
    assert first.json() == again.json()
    assert first.json()["seq"] == 3
    assert problem(give(eve, **{**said, "id": uuid7(clock_ms(), secrets.randbits(74))})) == (403, "not_member")
    assert problem(give(ben, type="rename_conversation", title="mine")) == (403, "not_allowed")
    assert problem(give(ana, type="recall_message", target_seq=99)) == (409, "seq_ahead")
    assert problem(give(ana, type="no_such_command")) == (422, "invalid")
    assert give(eve, type="apply_to_join").status_code == 200, "everybody may join"
    assert give(eve, type="send_message", content={"text": "here I am"}).json()["seq"] == 5


def test_a_friends_command_goes_over_http_to_the_direct_conversation(http: httpx.Client) -> None:
    ana, ben = signed_up(http), signed_up(http)

    def give(user: dict[str, str], other: dict[str, str], **command: object) -> httpx.Response:
        return http.post(f"/v1/users/{other['user']}/commands", json={"command": command}, headers=bearer(user))

    asked = give(ana, ben, type="request_friend", text="hi")
    assert asked.status_code == 200, asked.text
    answered = give(ben, ana, type="answer_friend_request", accept=True)
    assert answered.json()["conversation"] == asked.json()["conversation"]
    assert problem(give(ana, ben, type="request_friend")) == (409, "already_friends")
    assert problem(give(ana, ben, type="leave_conversation")) == (422, "invalid")
    assert problem(give(ana, ben, type="block_user", member=ana["user"])) == (422, "invalid")


def test_without_or_with_a_foreign_token_nothing_is_told(http: httpx.Client) -> None:
    assert problem(http.get("/v1/conversations")) == (401, "no_token")
    assert problem(http.get("/v1/conversations", headers={"Authorization": "Bearer x.y.z"})) == (401, "bad_token")
    assert problem(http.post("/v1/admin/users", json={"users": [{"name": "x"}]})) == (401, "no_token")
    assert problem(http.get("/v1/nothing")) == (404, "not_found")


def test_the_administrator_makes_users_that_keep_their_ids(http: httpx.Client, warbler: Running) -> None:
    names = [{"name": f"adm-{secrets.token_hex(5)}"} for _ in range(3)]
    key = {"Authorization": "Bearer " + warbler.admin_key}
    first = http.post("/v1/admin/users", json={"users": names}, headers=key).json()["users"]
    second = http.post("/v1/admin/users", json={"users": names}, headers=key).json()["users"]
    assert [user["user"] for user in first] == [user["user"] for user in second]
    assert http.get("/v1/conversations", headers=bearer(first[0])).status_code == 200
    found = http.get("/v1/users", params={"ids": ",".join(user["user"] for user in first)}, headers=bearer(first[0])).json()["users"]
    assert {(user["user"], user["name"]) for user in found} == {(user["user"], user["name"]) for user in first}
    assert problem(http.get("/v1/users/by-name/nobody-at-all", headers=bearer(first[0]))) == (404, "unknown_user")
