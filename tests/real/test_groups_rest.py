"""Groups over the REST face of a real node: who sees what of them, nicknames, announcements, public groups, push modes, QR codes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.real.running import Running
from tests.real.talking import User, new_id, online, registered

pytestmark = pytest.mark.real
SETTINGS = {
    "visibility": "public",
    "joining": "apply",
    "question": "why?",
    "history": "all",
    "slow_mode_ms": 0,
    "description": "d",
    "avatar": "",
}


class Face:
    """One user's calls of the REST face."""

    def __init__(self, http: httpx.AsyncClient, user: User) -> None:
        self.http, self.user = http, user

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        answer = await self.http.request(method, "/v1" + path, headers={"Authorization": f"Bearer {self.user.token}"}, **more)
        return answer.status_code, answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text

    async def get(self, path: str) -> Any:
        status, body = await self.call("GET", path)
        assert status == 200, body
        return body

    async def until(self, path: str, wanted: Callable[[Any], bool]) -> Any:
        """A node may hear of an event a moment after another device's ack; bounded by a minute."""
        deadline = time.monotonic() + 60
        while not wanted(body := await self.get(path)):
            assert time.monotonic() < deadline, body
            await asyncio.sleep(0.05)
        return body


@asynccontextmanager
async def faces(warbler: Running, *users: User) -> AsyncIterator[list[Face]]:
    async with httpx.AsyncClient(base_url=warbler.page, timeout=90) as http:
        yield [Face(http, user) for user in users]


def acked(answer: dict[str, Any]) -> int:
    assert answer["type"] == "ack", answer
    return int(answer["seq"])


def test_a_group_is_seen_by_its_members_and_a_public_one_by_all(warbler: Running) -> None:
    async def body() -> None:
        ana, ben, eve = registered(warbler), registered(warbler), registered(warbler)
        async with faces(warbler, ana, ben, eve) as (a, b, e), online(warbler.page, ana) as phone:
            group = await phone.new_group(ben)
            seen = await b.get(f"/conversations/{group}")
            assert (seen["role"], seen["members_count"], seen["settings"]["visibility"]) == ("member", 2, "private")
            assert await e.call("GET", f"/conversations/{group}") == (404, await _problem("unknown_conversation"))
            word = "w" + new_id()[-12:]
            acked(await phone.command("rename_conversation", group, title=f"The {word} club"))
            acked(await phone.command("change_settings", group, settings=SETTINGS))
            open_one = await e.until(f"/conversations/{group}", lambda body: body["settings_version"] == 1)
            assert (open_one["role"], open_one["settings"]["question"]) == (None, "why?")
            found = await e.until(f"/conversations/public?q={word[:8]}%20cl", lambda body: bool(body["conversations"]))
            assert [each["conversation"] for each in found["conversations"]] == [group]
            assert (await e.call("GET", f"/conversations/{group}/roles"))[0] == 403
            acked(await phone.command("change_settings", group, settings={**SETTINGS, "visibility": "private"}))
            await a.until(f"/conversations/{group}", lambda body: body["settings_version"] == 2)
            assert (await e.call("GET", f"/conversations/{group}"))[0] == 404
            assert (await e.get(f"/conversations/public?q={word}"))["conversations"] == []

    asyncio.run(asyncio.wait_for(body(), 300))


async def _problem(code: str) -> dict[str, Any]:
    return {"code": code, "detail": "there is no such conversation", "retryable": False}


def test_links_bans_and_mutes_are_for_who_may_change_them_and_no_secret_is_served(warbler: Running) -> None:
    async def body() -> None:
        ana, ben, eve = registered(warbler), registered(warbler), registered(warbler)
        async with faces(warbler, ana, ben) as (a, b), online(warbler.page, ana) as phone:
            group = await phone.new_group(ben)
            acked(
                await phone.command("create_link", group, secret="s" * 43, expires_at_ms=int(time.time() * 1000) + 3_600_000, uses_limit=3)
            )
            acked(await phone.command("ban_member", group, member=eve.user, until_ms=0, reason="spam"))
            until_ms = int(time.time() * 1000) + 3_600_000
            acked(await phone.command("mute_member", group, member=ben.user, until_ms=until_ms))
            links = await a.until(f"/conversations/{group}/links", lambda body: bool(body["entries"]))
            assert links["entries"][0]["uses_limit"] == 3
            assert "s" * 43 not in str(links)
            assert "secret" not in str(links)
            bans = await a.until(f"/conversations/{group}/bans", lambda body: bool(body["entries"]))
            assert [(each["key"], each["until_ms"], each["reason"]) for each in bans["entries"]] == [(eve.user, 0, "spam")]
            await a.until(f"/conversations/{group}/mutes", lambda body: [each["key"] for each in body["entries"]] == [ben.user])
            members = {each["user"]: each for each in (await b.get(f"/conversations/{group}/members"))["members"]}
            assert (members[ben.user]["muted_until_ms"], members[ana.user]["muted_until_ms"]) == (until_ms, None)
            for kind in ("links", "bans", "mutes", "applications", "invitations"):
                assert (await b.call("GET", f"/conversations/{group}/{kind}"))[0] == 403, kind
            acked(await phone.command("unban_member", group, member=eve.user))
            await a.until(f"/conversations/{group}/bans", lambda body: body["entries"] == [])

    asyncio.run(asyncio.wait_for(body(), 300))


def test_a_nickname_is_a_row_that_an_event_names_and_a_refused_one_is_not_shown(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with faces(warbler, ana, ben) as (a, b), online(warbler.page, ana) as phone:
            group = await phone.new_group(ben)
            path, command_id = f"/conversations/{group}/nicknames/{ben.user}", new_id()
            for _ in range(2):  # the same command again: the same answer
                assert await b.call("PUT", path, json={"nickname": "Benny", "command_id": command_id}) == (
                    200,
                    {"user": ben.user, "nickname": "Benny"},
                )
            assert (await b.call("PUT", path, json={"nickname": "Other", "command_id": command_id}))[0] == 409
            assert (await b.call("PUT", f"/conversations/{group}/nicknames/{ana.user}", json={"nickname": "Boss"}))[0] == 403
            shown = await a.until(f"/conversations/{group}/nicknames?users={ben.user},{ana.user}", lambda body: bool(body["nicknames"]))
            assert shown == {"nicknames": [{"user": ben.user, "nickname": "Benny"}]}
            members = (await a.get(f"/conversations/{group}/members"))["members"]
            assert [each["nickname"] for each in members if each["user"] == ben.user] == ["Benny"]
            assert (await b.call("PUT", path, json={"nickname": ""}))[0] == 200
            await a.until(f"/conversations/{group}/nicknames?users={ben.user}", lambda body: body["nicknames"] == [])
            assert (await b.call("PUT", path, json={"nickname": "a\u202eb"}))[0] == 422

    asyncio.run(asyncio.wait_for(body(), 300))


def test_announcements_have_a_history_and_push_modes_and_codes_are_kept(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with faces(warbler, ana, ben) as (a, b), online(warbler.page, ana) as phone:
            group = await phone.new_group(ben)
            seqs = [acked(await phone.send_text(group, f"hear {n}", announcement=n % 2 == 0)) for n in range(7)]
            told = await b.until(f"/conversations/{group}/announcements", lambda body: len(body["messages"]) == 4)
            assert [each["seq"] for each in told["messages"]] == seqs[::2]
            assert all(each["announcement"] for each in told["messages"])
            first = await b.get(f"/conversations/{group}/announcements?limit=2")
            second = await b.get(f"/conversations/{group}/announcements?limit=2&before_seq={first['before_seq']}")
            assert [each["seq"] for each in (*second["messages"], *first["messages"])] == seqs[::2]
            path = f"/conversations/{group}/push-mode"
            assert await b.get(path) == {"mode": "all", "until_ms": 0}
            assert (await b.call("PUT", path, json={"mode": "mentions"}))[0] == 200
            assert (await b.get(path), await a.get(path)) == ({"mode": "mentions", "until_ms": 0}, {"mode": "all", "until_ms": 0})
            assert (await b.call("PUT", path, json={"mode": "mentions", "until_ms": 1}))[0] == 200
            assert (await b.get(path))["mode"] == "all"  # its time is over
            status, picture = await b.call("POST", "/qr", json={"text": "https://example.org/#join"})
            assert (status, picture[:4]) == (200, "<svg")

    asyncio.run(asyncio.wait_for(body(), 300))


def test_a_newcomer_reads_nothing_from_before_it_joined_where_the_group_says_so(warbler: Running) -> None:
    async def body() -> None:
        ana, ben, eve = registered(warbler), registered(warbler), registered(warbler)
        async with faces(warbler, ben, eve) as (b, e), online(warbler.page, ana) as phone:
            group = await phone.new_group(ben)
            acked(await phone.send_text(group, "before"))
            acked(await phone.command("change_settings", group, settings={**SETTINGS, "history": "joined"}))
            joined_seq = acked(await phone.command("add_member", group, member=eve.user))
            after_seq = acked(await phone.send_text(group, "after"))
            seen = await e.until(f"/conversations/{group}/history", lambda body: bool(body["messages"]))
            assert ([each["seq"] for each in seen["messages"]], seen["before_seq"]) == ([after_seq], None)
            page = await e.get(f"/conversations/{group}/events?from_seq=1")
            assert (page["events"], page["missing"], page["more"]) == ([], list(range(1, joined_seq)), True)
            rest = await e.get(f"/conversations/{group}/events?from_seq={page['next_seq']}")
            assert [each["seq"] for each in rest["events"]] == [joined_seq, after_seq]
            assert (await e.call("GET", f"/messages/{group}/2/journey"))[0] == 404
            async with online(warbler.page, eve) as late:
                late.say(type="sync", request="s", conversation=group, from_seq=1, limit=50)
                told = await late.heard("page")
                assert (told["missing"], told["next_seq"]) == (list(range(1, joined_seq)), joined_seq)
            whole = await b.get(f"/conversations/{group}/history")
            assert [each["seq"] for each in whole["messages"]] == [2, after_seq]
            acked(await phone.command("change_settings", group, settings=SETTINGS))
            await e.until(f"/conversations/{group}/history", lambda body: len(body["messages"]) == 2)
            await e.until("/conversations/public", lambda body: group in [each["conversation"] for each in body["conversations"]])

    asyncio.run(asyncio.wait_for(body(), 300))
