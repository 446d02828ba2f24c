"""Administrators, API keys, roles, policies, profiles and search against a whole Warbler with two edges."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pyotp
import pytest

from schemas.ids import uuid7
from tests.real.running import Running

pytestmark = pytest.mark.real

PASSWORD = "correct horse battery"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo0MTIzNDU"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture(scope="module")
def http(own_warbler: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own_warbler.addresses()[0], timeout=90) as client:
        yield client


@pytest.fixture(scope="module")
def other(own_warbler: Running) -> Iterator[httpx.Client]:
    """The other edge."""
    with httpx.Client(base_url=own_warbler.addresses()[1], timeout=90) as client:
        yield client


@pytest.fixture(scope="module")
def root(own_warbler: Running) -> dict[str, str]:
    return {"Authorization": "Bearer " + own_warbler.admin_key}


def new_command_id() -> str:
    return uuid7(int(time.time() * 1000), secrets.randbits(74))  # the server runs on this machine


def named(prefix: str = "ad") -> str:
    return f"{prefix}-{secrets.token_hex(5)}"


def signed_up(http: httpx.Client, name: str = "") -> dict[str, Any]:
    answer = http.post("/v1/register", json={"name": name or named(), "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearer(signed_in: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": "Bearer " + signed_in["access_token"]}


def key_of(http: httpx.Client, root: dict[str, str], *scopes: str, **more: Any) -> tuple[str, dict[str, str]]:
    made = http.post("/v1/admin/keys", json={"name": "backend", "scopes": list(scopes), **more}, headers=root)
    assert made.status_code == 201, made.text
    return made.json()["id"], {"Authorization": "Bearer " + made.json()["key"]}


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def told(http: httpx.Client, root: dict[str, str], target: str) -> list[dict[str, Any]]:
    """What administrators did to the target, the newest first."""
    found, after = [], ""
    while True:
        page = http.get("/v1/admin/events", params={"after": after, "limit": 200}, headers=root).json()
        found += page["events"]
        after = page["next"]
        if after is None:
            return [event for event in found if target in (event.get("target"), event.get("actor"), event.get("role"), event.get("key_id"))]


def test_a_role_gives_what_it_names_and_no_more(http: httpx.Client, other: httpx.Client, root: dict[str, str]) -> None:
    ana, ben = signed_up(http), signed_up(http)
    role = named("role")
    freeze = f"/v1/admin/users/{ben['user']}/freeze"
    assert problem(http.post(freeze, json={}, headers=bearer(ana))) == (403, "not_allowed")
    definition = {"level": 40, "permissions": ["users.freeze", "users.read"]}
    assert http.put(f"/v1/admin/roles/{role}", json=definition, headers=root).status_code == 204
    assert http.put(f"/v1/admin/users/{ana['user']}/role", json={"role": role}, headers=root).status_code == 204
    assert http.get("/v1/me", headers=bearer(ana)).json()["role"] == role
    assert http.post(freeze, json={"reason": "spam"}, headers=bearer(ana)).status_code == 204
    assert problem(http.get("/v1/me", headers=bearer(ben))) == (403, "account_frozen")
    assert problem(http.delete(f"/v1/admin/users/{ben['user']}", headers=bearer(ana))) == (403, "not_allowed")
    # nobody acts on who stands as high, itself included
    assert problem(http.post(f"/v1/admin/users/{ana['user']}/freeze", json={}, headers=bearer(ana))) == (403, "level_too_high")
    detail = http.get(f"/v1/admin/users/{ben['user']}", headers=bearer(ana)).json()
    assert (detail["state"], detail["reason"], detail["changed_by"]) == ("frozen", "spam", ana["user"])
    assert http.post(f"/v1/admin/users/{ben['user']}/unfreeze", json={}, headers=bearer(ana)).status_code == 204
    assert http.delete(f"/v1/admin/roles/{role}", headers=root).status_code == 204
    assert problem(http.post(freeze, json={}, headers=bearer(ana))) == (403, "not_allowed")
    events = told(http, root, ben["user"])
    outcomes = [(event["action"], event["actor"], event["outcome"]) for event in reversed(events)]
    assert outcomes == [
        ("users.freeze", ana["user"], "not_allowed"),
        ("users.freeze", ana["user"], "begun"),
        ("users.freeze", ana["user"], "done"),
        ("users.delete", ana["user"], "not_allowed"),
        ("users.get", ana["user"], "done"),
        ("users.unfreeze", ana["user"], "begun"),
        ("users.unfreeze", ana["user"], "done"),
        ("users.freeze", ana["user"], "not_allowed"),
    ]
    assert {event["from_address"] for event in events} == {"127.0.0.1"}


def test_an_administrator_that_is_a_user_steps_up_and_raises_nobody_above_itself(http: httpx.Client, root: dict[str, str]) -> None:
    ana, ben = signed_up(http), signed_up(http)
    assert http.put(f"/v1/admin/users/{ana['user']}/role", json={"role": "admin"}, headers=root).status_code == 204
    for role, code in (("admin", "level_too_high"), ("root", "level_too_high"), ("nothing", "unknown_role")):
        answer = http.put(f"/v1/admin/users/{ben['user']}/role", json={"role": role}, headers=bearer(ana))
        assert problem(answer) == (404 if code == "unknown_role" else 403, code)
    own = {"level": 95, "permissions": ["users.read"]}
    assert problem(http.put("/v1/admin/roles/admin", json=own, headers=bearer(ana))) == (403, "level_too_high")
    minted = http.post(f"/v1/admin/users/{ana['user']}/tokens", json={}, headers=root)
    assert minted.status_code == 201
    # a token that no sign-in stands behind showed no factor: what is sensitive stays closed to it
    answer = http.put(f"/v1/admin/users/{ben['user']}/role", json={"role": "support"}, headers=bearer(minted.json()))
    assert problem(answer) == (403, "step_up_needed")
    assert http.put(f"/v1/admin/users/{ben['user']}/role", json={"role": "support"}, headers=bearer(ana)).status_code == 204
    assert http.put(f"/v1/admin/users/{ben['user']}/role", json={"role": "user"}, headers=root).status_code == 204


def test_an_apps_backend_makes_users_and_mints_their_tokens_with_a_key(
    http: httpx.Client, other: httpx.Client, root: dict[str, str]
) -> None:
    key, backend = key_of(http, root, "users.create", "tokens.mint")
    names = [{"name": named("app")} for _ in range(3)]
    made = other.post("/v1/admin/users", json={"users": names}, headers=backend).json()["users"]
    assert [user["user"] for user in http.post("/v1/admin/users", json={"users": names}, headers=backend).json()["users"]] == [
        user["user"] for user in made
    ]
    assert http.get("/v1/me", headers=bearer(made[0])).json()["user"] == made[0]["user"]
    short = http.post(f"/v1/admin/users/{made[0]['user']}/tokens", json={"ttl_ms": 5_000}, headers=backend)
    assert (short.status_code, http.get("/v1/me", headers=bearer(short.json())).status_code) == (201, 200)
    assert problem(http.get("/v1/admin/users", headers=backend)) == (403, "not_allowed")
    assert problem(http.post("/v1/admin/keys", json={"name": "x", "scopes": ["tokens.mint"]}, headers=backend)) == (403, "not_allowed")
    # who stands higher than the key's scopes reach is not to be had by minting
    assert http.put(f"/v1/admin/users/{made[1]['user']}/role", json={"role": "support"}, headers=root).status_code == 204
    assert problem(http.post(f"/v1/admin/users/{made[1]['user']}/tokens", json={}, headers=backend)) == (403, "beyond_own")
    assert problem(http.post("/v1/admin/users", json={"users": names}, headers=backend)) == (403, "beyond_own")
    bot = http.post("/v1/admin/bots", json={"name": named("bot"), "kind": "bot"}, headers=backend)
    assert bot.status_code == 201
    assert http.get(f"/v1/admin/users/{bot.json()['user']}", headers=root).json()["user_kind"] == "bot"
    # one that is revoked is dead on the other edge as well, at once
    assert http.delete(f"/v1/admin/keys/{key}", headers=root).status_code == 204
    assert problem(other.post("/v1/admin/users", json={"users": names}, headers=backend)) == (401, "bad_key")
    listed = next(each for each in http.get("/v1/admin/keys", headers=root).json()["keys"] if each["id"] == key)
    assert listed["revoked_at_ms"] > listed["used_at_ms"] > 0
    assert "secret" not in json.dumps(listed)
    assert [event["kind"] for event in told(http, root, key) if event["kind"] != "admin_acted"] == ["api_key_revoked", "api_key_made"]


def test_keys_end_and_guesses_are_nobody(http: httpx.Client, root: dict[str, str]) -> None:
    key, backend = key_of(http, root, "users.read", ttl_ms=1_000)
    assert problem(http.post("/v1/admin/keys", json={"name": "x", "scopes": ["all"]}, headers=root)) == (422, "unknown_permission")
    guesses = [f"{key}.", f"{key}.guess", "wk-0000000000000000.x", "wk-", "wk-" + "x" * 500, "wk-é.x"]
    for guess in guesses:
        assert http.get("/v1/admin/users", headers={b"Authorization": b"Bearer " + guess.encode()}).status_code == 401
    assert problem(http.get("/v1/admin/users")) == (401, "no_token")
    for _ in range(60):
        if http.get("/v1/admin/users", headers=backend).status_code == 401:
            break
    else:
        raise AssertionError("the key did not end")


def test_a_key_falls_with_who_made_it(http: httpx.Client, root: dict[str, str]) -> None:
    ana = signed_up(http)
    assert http.put(f"/v1/admin/users/{ana['user']}/role", json={"role": "admin"}, headers=root).status_code == 204
    _, backend = key_of(http, bearer(ana), "users.read")
    assert http.get("/v1/admin/users", headers=backend).status_code == 200
    assert http.put(f"/v1/admin/users/{ana['user']}/role", json={"role": "moderator"}, headers=root).status_code == 204
    assert http.get("/v1/admin/users", headers=backend).status_code == 200  # a moderator may still read users
    assert http.post(f"/v1/admin/users/{ana['user']}/freeze", json={}, headers=root).status_code == 204
    assert problem(http.get("/v1/admin/users", headers=backend)) == (403, "not_allowed")


def test_a_policy_holds_on_the_other_edge(http: httpx.Client, other: httpx.Client, root: dict[str, str]) -> None:
    ana = signed_up(http)
    try:
        put = http.put("/v1/admin/policies/directory", json={"value": {"search": False}}, headers=root)
        assert (put.status_code, put.json()) == (200, {"value": {"search": False}})
        for _ in range(100):
            if other.get("/v1/users/search", params={"q": "zz"}, headers=bearer(ana)).status_code == 403:
                break
        else:
            raise AssertionError("the other edge did not hear of the policy")
    finally:
        assert http.put("/v1/admin/policies/directory", json={"value": {}}, headers=root).status_code == 200
    assert problem(http.put("/v1/admin/policies/step_up", json={"value": {"minutes": 0}}, headers=root)) == (422, "bad_policy")
    assert problem(http.put("/v1/admin/policies/no_such", json={"value": {}}, headers=root)) == (404, "bad_policy")
    assert set(http.get("/v1/admin/policies", headers=root).json()["policies"]) >= {"login_policy", "second_factor", "names"}


def test_a_profile_has_versions_an_image_and_settings(http: httpx.Client, other: httpx.Client, root: dict[str, str]) -> None:
    ana, ben = signed_up(http), signed_up(http)
    changed = http.patch("/v1/me/profile", json={"display_name": " Ána  ", "fields": {"team": "x"}, "version": 0}, headers=bearer(ana))
    assert changed.json() == {"display_name": "Ána", "about": "", "avatar": "", "fields": {"team": "x"}, "version": 1}
    stale = http.patch("/v1/me/profile", json={"about": "hi", "version": 0}, headers=bearer(ana))
    assert problem(stale) == (409, "stale")
    assert problem(http.patch("/v1/me/profile", json={"display_name": "a\u202eb"}, headers=bearer(ana))) == (422, "bad_display_name")
    assert problem(http.put("/v1/me/avatar", content=b"<svg/>", headers=bearer(ana))) == (422, "bad_avatar")
    assert problem(http.put("/v1/me/avatar", content=PNG + b"\0" * 65_536, headers=bearer(ana))) == (413, "too_long")
    profile = http.put("/v1/me/avatar", content=PNG, headers=bearer(ana)).json()
    assert profile["version"] == 2
    image = other.get(f"/v1/users/{ana['user']}/avatar", params={"ref": profile["avatar"]})
    assert (image.status_code, image.content, image.headers["content-type"]) == (200, PNG, "image/png")
    assert image.headers["x-content-type-options"] == "nosniff"
    assert http.get(f"/v1/users/{ana['user']}/avatar").status_code == 401
    assert problem(http.get(f"/v1/users/{ana['user']}/avatar", params={"ref": "a-guess"})) == (404, "no_avatar")
    seen = other.get(f"/v1/users/{ana['user']}", headers=bearer(ben)).json()
    assert (seen["name"], seen["display_name"], seen["avatar"]) == (ana["name"], "Ána", profile["avatar"])
    put = http.put("/v1/me/settings", json={"settings": {"theme": "dark"}, "version": 0}, headers=bearer(ana))
    assert put.json()["version"] == 1
    assert problem(other.put("/v1/me/settings", json={"settings": {}, "version": 0}, headers=bearer(ana))) == (409, "stale")
    assert other.get("/v1/me/settings", headers=bearer(ana)).json() == {"settings": {"theme": "dark"}, "version": 1}
    too_long = {"settings": {"x": "y" * 16_384}, "version": 1}
    assert problem(http.put("/v1/me/settings", json=too_long, headers=bearer(ana))) == (422, "bad_settings")


def test_users_find_each_other_unless_one_does_not_want_it(http: httpx.Client, root: dict[str, str]) -> None:
    word = secrets.token_hex(4)
    users = [signed_up(http, f"f{word}{number}") for number in range(4)]
    ana = users[0]
    assert http.patch("/v1/me/profile", json={"display_name": f"Maria Q{word}"}, headers=bearer(users[1])).status_code == 200

    def found(query: str) -> set[str]:
        answer = http.get("/v1/users/search", params={"q": query}, headers=bearer(ana))
        assert answer.status_code == 200, answer.text
        return {user["user"] for user in answer.json()["users"]}

    assert found(f"F{word}") == {user["user"] for user in users}
    assert found(f"q{word}") == {users[1]["user"]}
    privacy = http.get("/v1/me/privacy", headers=bearer(users[2])).json()
    assert http.put("/v1/me/privacy", json={**privacy, "searchable": False}, headers=bearer(users[2])).status_code == 200
    assert http.post(f"/v1/admin/users/{users[3]['user']}/freeze", json={}, headers=root).status_code == 204
    assert found(f"f{word}") == {users[0]["user"], users[1]["user"]}
    assert http.patch("/v1/me/profile", json={"display_name": ""}, headers=bearer(users[1])).status_code == 200
    assert found(f"q{word}") == set()
    assert problem(http.get("/v1/users/search", params={"q": "x"}, headers=bearer(ana))) == (422, "query_too_short")
    # pages, and administrators who see them all
    everybody, after = set(), ""
    while after is not None:
        page = http.get("/v1/admin/users", params={"q": f"f{word}", "limit": 3, "after": after}, headers=root).json()
        everybody |= {user["user"] for user in page["users"]}
        after = page["next"]
    assert everybody == {user["user"] for user in users}
    assert http.delete(f"/v1/admin/users/{users[1]['user']}", headers=root).status_code == 204
    assert found(f"f{word}") == {users[0]["user"]}
    assert problem(http.get(f"/v1/users/{users[1]['user']}", headers=bearer(ana))) == (404, "unknown_user")


def test_an_import_may_be_repeated_and_says_what_became_of_each_line(http: httpx.Client, root: dict[str, str]) -> None:
    word = secrets.token_hex(4)
    stranger = signed_up(http)
    lines: list[dict[str, Any]] = [
        {"name": f"i{word}a", "email": f"{word}@example.com", "password_hash": HASH, "profile": {"display_name": "Ina"}},
        {"name": f"i{word}b", "email": f"{word}@example.com"},
        {"name": f"i{word}c", "kind": "god"},
        {"name": stranger["name"], "email": f"x{word}@example.com"},
        *({"name": f"i{word}-{number}"} for number in range(40)),
    ]
    body = "\n".join(json.dumps(line) for line in lines) + "\n\n"

    def outcomes() -> list[dict[str, Any]]:
        answer = http.post("/v1/admin/users/import", content=body.encode(), headers=root)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    first, second = outcomes(), outcomes()
    assert [(each["outcome"], each.get("code")) for each in first[:4]] == [
        ("made", None),
        ("refused", "identifier_taken"),
        ("refused", "invalid"),
        ("exists", None),
    ]
    assert first[-1] == {"outcome": "total", "made": 41, "exists": 1, "refused": 2, "failed": 0, "left": 0}
    assert [each.get("line") for each in first[:-1]] == list(range(1, 45))
    assert second[-1] == {"outcome": "total", "made": 0, "exists": 42, "refused": 2, "failed": 0, "left": 0}
    assert first[0]["user"] == second[0]["user"]
    detail = http.get(f"/v1/admin/users/{first[0]['user']}", headers=root).json()
    assert (detail["display_name"], detail["password"], {each["kind"] for each in detail["identifiers"]}) == (
        "Ina",
        True,
        {"name", "email"},
    )
    # whoever may import does not come into somebody's account by it
    assert {each["kind"] for each in http.get("/v1/me", headers=bearer(stranger)).json()["identifiers"]} == {"name"}
    assert problem(http.post("/v1/admin/users/import", content=b"{}\n" * 10_001, headers=root)) == (413, "too_long")


def test_tokens_are_revoked_and_sign_ins_ended(http: httpx.Client, other: httpx.Client, root: dict[str, str]) -> None:
    ana = signed_up(http)
    minted = http.post(f"/v1/admin/users/{ana['user']}/tokens", json={}, headers=root).json()
    assert http.post("/v1/admin/tokens/revoke", json={"access_token": minted["access_token"]}, headers=root).status_code == 204
    assert problem(other.get("/v1/me", headers=bearer(minted))) == (401, "token_revoked")
    assert other.get("/v1/me", headers=bearer(ana)).status_code == 200
    listed = http.get(f"/v1/admin/users/{ana['user']}/sign-ins", headers=root).json()["sign_ins"]
    assert [each["sign_in"] for each in listed] == [ana["sign_in"]]
    assert http.delete(f"/v1/admin/users/{ana['user']}/sign-ins/{ana['sign_in']}", headers=root).status_code == 204
    assert problem(other.get("/v1/me", headers=bearer(ana))) == (401, "token_revoked")
    assert problem(http.post("/v1/admin/tokens/revoke", json={"access_token": "x.y.z"}, headers=root)) == (422, "bad_token")


def test_an_administrator_acts_for_a_member_and_asks_why(http: httpx.Client, root: dict[str, str]) -> None:
    ana, ben = signed_up(http), signed_up(http)
    body = {"conversation_kind": "group", "title": "one", "members": [{"user": ben["user"]}]}
    conversation = http.post("/v1/conversations", json=body, headers=bearer(ana)).json()["conversation"]
    where = f"/v1/admin/conversations/{conversation}"
    command = {"type": "mute_member", "id": new_command_id(), "member": ben["user"], "until_ms": int(time.time() * 1000) + 3_600_000}
    refused = http.post(f"{where}/commands", json={"as_user": ben["user"], "command": command}, headers=root)
    assert problem(refused) == (403, "not_allowed")
    command["id"] = new_command_id()
    muted = http.post(f"{where}/commands", json={"as_user": ana["user"], "command": command}, headers=root)
    assert muted.status_code == 200, muted.text
    asked = {"user": ben["user"], "action": "send", "conversation": conversation}
    decision = http.get("/v1/admin/decisions", params=asked, headers=root).json()
    assert (decision["allowed"], decision["code"], decision["by_seq"]) == (False, "muted", muted.json()["seq"])
    before = http.get("/v1/admin/decisions", params={**asked, "at_ms": muted.json()["at_ms"] - 1}, headers=root).json()
    assert (before["allowed"], before["by_seq"]) == (True, 1)
    facts = http.get(where, headers=root).json()
    assert (facts["title"], facts["members_count"]) == ("one", 2)
    assert {(member["user"], member["role"]) for member in facts["members"]} == {(ana["user"], "owner"), (ben["user"], "member")}
    assert problem(http.get("/v1/admin/conversations/g-none", headers=root)) == (404, "unknown_conversation")
    bad = {"as_user": ana["user"], "command": {"type": "hello"}}
    assert problem(http.post(f"{where}/commands", json=bad, headers=root)) == (422, "invalid")
    acted = [event for event in told(http, root, conversation) if event["action"] == "conversations.act"]
    assert [(event["outcome"], json.loads(event["detail"])["as_user"]) for event in reversed(acted)] == [
        ("begun", ben["user"]),
        ("not_allowed", ben["user"]),
        ("begun", ana["user"]),
        ("done", ana["user"]),
    ]


def test_calls_that_cannot_be_read_are_told(http: httpx.Client, root: dict[str, str]) -> None:
    role = named("role")
    bodies: list[Any] = [{"level": 100, "permissions": []}, {"level": -1, "permissions": []}, {"level": "x"}, [], None]
    for body in bodies:
        assert problem(http.put(f"/v1/admin/roles/{role}", json=body, headers=root)) == (422, "invalid")
    unknown = {"level": 1, "permissions": ["fly"]}
    assert problem(http.put(f"/v1/admin/roles/{role}", json=unknown, headers=root)) == (422, "unknown_permission")
    invalid = [event for event in told(http, root, "root") if event.get("outcome") == "invalid"]
    assert any(event["action"] == "PUT /v1/admin/roles/{role}" for event in invalid)


def test_policies_close_the_doors_they_name(http: httpx.Client, root: dict[str, str]) -> None:
    def put(policy: str, **value: Any) -> None:
        assert http.put(f"/v1/admin/policies/{policy}", json={"value": value}, headers=root).status_code == 200

    ana = signed_up(http)
    word = secrets.token_hex(4)
    try:
        put("names", chars_min=3, reserved=[f"Boss{word}"])
        put("passwords", chars_min=12)
        put("sign_in", methods=["email"])
        refusals = {("ab", PASSWORD): "bad_name", (f"boss{word}", PASSWORD): "bad_name", (f"x{word}", "eleven char"): "bad_password"}
        for (name, password), code in refusals.items():
            assert problem(http.post("/v1/register", json={"name": name, "password": password})) == (422, code)
        answer = http.put("/v1/me/password", json={"old": PASSWORD, "new": "eleven char"}, headers=bearer(ana))
        assert problem(answer) == (422, "bad_password")
        assert problem(http.post("/v1/login", json={"name": ana["name"], "password": PASSWORD})) == (403, "method_off")
        put("sign_up", open=False)
        assert problem(http.post("/v1/register", json={"name": f"y{word}", "password": PASSWORD})) == (403, "sign_up_closed")
    finally:
        for policy in ("names", "passwords", "sign_in", "sign_up"):
            put(policy)
    assert http.post("/v1/login", json={"name": ana["name"], "password": PASSWORD}).status_code == 200


def test_a_lost_factor_is_removed_by_who_may(http: httpx.Client, root: dict[str, str]) -> None:
    ana = signed_up(http)
    begun = http.post("/v1/me/factors/totp", json={}, headers=bearer(ana))
    assert begun.status_code == 201, begun.text
    code = pyotp.TOTP(begun.json()["secret"]).now()
    confirmed = http.post(f"/v1/me/factors/totp/{begun.json()['factor']}/confirm", json={"code": code}, headers=bearer(ana))
    assert confirmed.status_code == 200, confirmed.text
    where = f"/v1/admin/users/{ana['user']}/factors"
    assert "totp" in {factor["kind"] for factor in http.get(where, headers=root).json()["factors"]}
    assert http.post("/v1/login", json={"name": ana["name"], "password": PASSWORD}).status_code == 202
    _, reader = key_of(http, root, "factors.read")
    assert problem(http.delete(f"{where}/{begun.json()['factor']}", headers=reader)) == (403, "not_allowed")
    assert http.delete(f"{where}/{begun.json()['factor']}", headers=root).status_code == 204
    assert http.get(where, headers=reader).json() == {"factors": [], "recovery_codes_left": 0}
    assert http.post("/v1/login", json={"name": ana["name"], "password": PASSWORD}).status_code == 200
    assert problem(http.delete(f"{where}/{begun.json()['factor']}", headers=root)) == (404, "unknown_factor")


def test_a_push_to_an_audience_and_what_became_of_it(
    http: httpx.Client, other: httpx.Client, root: dict[str, str], own_warbler: Running
) -> None:
    ana, ben = signed_up(http), signed_up(http)
    _, backend = key_of(http, root, "push")
    labels = {"tags": ["news", " news "], "alias": "ana"}
    assert http.put(f"/v1/admin/users/{ana['user']}/push-labels", json=labels, headers=backend).status_code == 204
    asked = {"campaign": new_command_id(), "audience": "users", "audience_of": [ana["user"], ben["user"]], "title": "Hello"}
    made = http.post("/v1/admin/pushes", json=asked, headers=backend)
    assert made.status_code == 201, made.text
    name = made.json()["campaign"]
    assert other.post("/v1/admin/pushes", json=asked, headers=backend).json()["made_at_ms"] == made.json()["made_at_ms"]
    assert problem(http.post("/v1/admin/pushes", json=asked | {"title": "Bye"}, headers=backend)) == (409, "other_campaign")
    tagged = http.post("/v1/admin/pushes", json={"audience": "tags", "audience_of": ["news"], "title": "Tags"}, headers=backend).json()
    for campaign, users in ((name, 2), (tagged["campaign"], 1)):
        found = until_counted(other, backend, campaign, users)
        assert (found["state"], found["users"], found["states"]) == ("finished", users, {"suppressed": users})
        assert found["counts"] == [{"channel": "", "state": "suppressed", "reason": "no_device", "count": users}]  # nobody has a token
    later = asked | {"campaign": new_command_id(), "send_at_ms": int(time.time() * 1000) + 3_600_000}
    planned = http.post("/v1/admin/pushes", json=later, headers=backend).json()["campaign"]
    assert other.delete(f"/v1/admin/pushes/{planned}", headers=backend).status_code == 204
    page = http.get("/v1/admin/pushes", params={"limit": 2}, headers=backend).json()
    assert [(each["campaign"], each["state"]) for each in page["pushes"]] == [(planned, "cancelled"), (tagged["campaign"], "finished")]
    older = http.get("/v1/admin/pushes", params={"after": page["next"]}, headers=backend).json()
    assert next(each["campaign"] for each in older["pushes"]) == name
    results = http.get("/v1/admin/push/results", params={"user": ben["user"], "state": "suppressed"}, headers=backend).json()["results"]
    assert [(each["ref"], each["reason"]) for each in results] == [(name, "no_device")]
    assert http.get("/v1/admin/push/stats", headers=backend).json()["states"]["suppressed"] >= 3
    assert {event["action"] for event in told(http, root, name)} >= {"pushes.make", "pushes.get"}
    command = [sys.executable, "-m", "ops.cli", "push", "stats", "--data", str(own_warbler.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "no_device" in done.stdout) == (0, True), done.stdout + done.stderr


def until_counted(http: httpx.Client, key: dict[str, str], campaign: str, results: int) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while True:
        found: dict[str, Any] = http.get(f"/v1/admin/pushes/{campaign}", headers=key).json()
        if found["finished_at_ms"] and sum(found["states"].values()) >= results:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_push_that_cannot_be_is_refused(http: httpx.Client, root: dict[str, str]) -> None:
    refused: list[dict[str, Any]] = [
        {"audience": "all", "audience_of": ["u-1"], "title": "x"},
        {"audience": "tags", "title": "x"},
        {"audience": "all", "title": ""},
        {"audience": "all", "title": "x", "data": {"a": "b" * 1_100}},
        {"audience": "all", "title": "x", "ttl_ms": 10},
        {"audience": "all", "title": "x", "campaign": "mine"},
        {"audience": "all", "title": "x", "send_at_ms": 2**52},
        {"audience": "users", "audience_of": ["x" * 120] * 3_000, "title": "x"},
    ]
    for body in refused:
        assert problem(http.post("/v1/admin/pushes", json=body, headers=root)) == (422, "invalid"), body
    _, reader = key_of(http, root, "users.read")
    assert problem(http.post("/v1/admin/pushes", json={"audience": "all", "title": "x"}, headers=reader)) == (403, "not_allowed")
    for call in (http.get, http.delete):
        assert problem(call("/v1/admin/pushes/unheard-of", headers=root)) == (404, "unknown_push")
    ana = signed_up(http)
    bad = {"tags": ["a\u0000b"]}
    assert problem(http.put(f"/v1/admin/users/{ana['user']}/push-labels", json=bad, headers=root)) == (422, "bad_label")
    assert problem(http.put("/v1/admin/users/u-nobody/push-labels", json={}, headers=root)) == (404, "unknown_user")


def test_after_all_of_this_the_log_replayed_gives_the_rows(own_warbler: Running) -> None:
    command = [sys.executable, "-m", "ops.cli", "verify", "accounts", "--data", str(own_warbler.data), "--wait-s", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tenant_roles" in done.stdout
    assert "api_keys" in done.stdout
