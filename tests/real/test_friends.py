"""Friends over real edges, workers and tables: two users with two devices each, on both edges."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ops.settings import ClusterSettings
from ops.verify import verify_rosters
from schemas.ids import direct_conversation_id
from tests.real.running import Running
from tests.real.talking import Device, User, minted, new_id, online

pytestmark = pytest.mark.real


class Pair:
    """Ana's and ben's devices: `ana[0]` and `ben[1]` on the first edge, the others on the second."""

    def __init__(self, warbler: Running, users: list[User], devices: list[Device]) -> None:
        self.ana_user, self.ben_user = users
        self.ana, self.ben = devices[:2], devices[2:]
        self.conversation = direct_conversation_id(self.ana_user.user, self.ben_user.user)
        self._warbler = warbler

    async def say(self, device: Device, kind: str, **fields: Any) -> dict[str, Any]:
        member = self.ben_user if device in self.ana else self.ana_user
        return await device.command(kind, "", member=member.user, **fields)

    async def rest(self, user: User, method: str, path: str, body: dict[str, Any] | None = None, edge: int = 0) -> Any:
        address = self._warbler.addresses()[edge]
        async with httpx.AsyncClient(base_url=address, timeout=90, headers={"Authorization": "Bearer " + user.token}) as http:
            answer = await http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def befriended(self) -> None:
        assert (await self.say(self.ana[0], "request_friend", text="hi"))["type"] == "ack"
        assert (await self.say(self.ben[0], "answer_friend_request", accept=True))["type"] == "ack"


@contextlib.asynccontextmanager
async def pair_of(warbler: Running) -> AsyncIterator[Pair]:
    users = minted(warbler, 2)
    one, two = warbler.addresses()
    async with contextlib.AsyncExitStack() as stack:
        places = [(one, users[0], "phone"), (two, users[0], "laptop"), (two, users[1], "phone"), (one, users[1], "laptop")]
        devices = [await stack.enter_async_context(online(*place)) for place in places]
        yield Pair(warbler, users, devices)


async def seen(device: Device, kind: str) -> dict[str, Any]:
    """The next event of the kind, in whatever frame."""
    frame = await device.hear(lambda f: f["type"] == "events" and any(event["kind"] == kind for event in f["events"]))
    event: dict[str, Any] = next(event for event in frame["events"] if event["kind"] == kind)
    return event


async def rostered(device: Device, **wanted: Any) -> dict[str, Any]:
    """The next roster frame with an entry that says this."""

    def fits(frame: dict[str, Any]) -> bool:
        entries = frame.get("entries", ()) if frame["type"] == "roster" else ()
        return any(all(entry[name] == value for name, value in wanted.items()) for entry in entries)

    return await device.hear(fits)


async def watched(device: Device, user: User) -> dict[str, Any]:
    request = secrets.token_hex(4)
    device.say(type="watch_presence", request=request, users=[user.user], conversations=[])
    answer = await device.hear(lambda f: f.get("request") == request)
    assert answer["type"] == "presence", answer
    entry: dict[str, Any] = answer["users"][0]
    return entry


async def seen_online(device: Device, user: User) -> None:
    async with asyncio.timeout(90):
        while (await watched(device, user))["state"] != "online":  # noqa: ASYNC110  it is asked again
            await asyncio.sleep(0.2)


def test_a_request_is_accepted_and_both_users_devices_on_both_edges_know(warbler: Running) -> None:
    async def body() -> None:
        async with pair_of(warbler) as pair:
            assert (await pair.say(pair.ana[0], "request_friend", text="remember me?"))["type"] == "ack"
            for device in pair.ben:
                assert (await seen(device, "friend_requested"))["text"] == "remember me?"
                await rostered(device, user=pair.ana_user.user, relation="asked", text="remember me?")
            await rostered(pair.ana[1], user=pair.ben_user.user, relation="requested")
            assert (await pair.say(pair.ana[1], "request_friend"))["code"] == "already_done"
            assert (await pair.say(pair.ben[0], "answer_friend_request", accept=True))["type"] == "ack"
            for device in (*pair.ana, pair.ben[1]):
                await seen(device, "friend_accepted")
                await rostered(device, relation="friends")
            # the alias that one device gives is seen on the other, at once, and by nobody else
            path = f"/v1/me/roster/{pair.ben_user.user}"
            await pair.rest(pair.ana_user, "PUT", path, {"alias": "Benny", "tags": ["birds", "work"]})
            frame = await rostered(pair.ana[1], alias="Benny", tags=["birds", "work"], relation="friends")
            page = await pair.rest(pair.ana_user, "GET", f"/v1/me/roster?since={frame['version']}", edge=1)
            assert (page["full"], page["entries"], page["version"]) == (False, [], frame["version"])
            bens = await pair.rest(pair.ben_user, "GET", "/v1/me/roster")
            assert [(each["relation"], each["alias"]) for each in bens["entries"]] == [("friends", "")]

    asyncio.run(body())


def test_a_block_holds_for_the_next_message_and_the_next_look_and_is_hidden_from_the_other(warbler: Running) -> None:
    async def body() -> None:
        async with pair_of(warbler) as pair:
            await pair.befriended()
            await seen_online(pair.ben[0], pair.ana_user)
            assert (await pair.ben[0].send_text(pair.conversation, "hello"))["type"] == "ack"
            block = await pair.say(pair.ana[0], "block_user")
            assert block["type"] == "ack"
            # ben looks on either edge: there is nothing in between that could be stale
            assert (await watched(pair.ben[0], pair.ana_user))["state"] == "offline"
            assert (await watched(pair.ben[1], pair.ana_user))["state"] == "offline"
            assert (await pair.ben[1].send_text(pair.conversation, "hello?"))["code"] == "blocked"
            assert (await pair.ben[0].send_text(pair.conversation, "psst", qos="ephemeral"))["code"] == "blocked"
            assert (await pair.ana[1].send_text(pair.conversation, "no"))["code"] == "blocked"
            assert (await pair.rest(pair.ben_user, "GET", f"/v1/users/{pair.ana_user.user}/may-message", edge=1)) == {
                "allowed": False,
                "code": "blocked",
            }
            # her other device sees what it was; his see that something was, in live events, pages and over HTTP
            assert (await seen(pair.ana[1], "user_blocked"))["member"] == pair.ben_user.user
            hidden = {"kind": "hidden", "seq": block["seq"], "user": "", "device": "", "id": ""}
            item = await seen(pair.ben[0], "hidden")
            assert {name: item[name] for name in hidden} == hidden
            assert set(item) == {*hidden, "ordinal", "at_ms"}
            request = new_id()
            pair.ben[0].say(type="sync", request=request, conversation=pair.conversation, from_seq=1)
            page = await pair.ben[0].hear(lambda f: f.get("request") == request)
            rest = await pair.rest(pair.ben_user, "GET", f"/v1/conversations/{pair.conversation}/events")
            for events in (page["events"], rest["events"]):
                assert events[block["seq"] - 1] == item
                assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
            await rostered(pair.ana[1], blocked=True, relation="friends")
            bens = await pair.rest(pair.ben_user, "GET", "/v1/me/roster")
            assert [(each["relation"], each["blocked"]) for each in bens["entries"]] == [("friends", False)]
            assert (await pair.say(pair.ana[1], "unblock_user"))["type"] == "ack"
            assert (await pair.ben[1].send_text(pair.conversation, "hello again"))["type"] == "ack"
            assert (await watched(pair.ben[0], pair.ana_user))["state"] == "online"

    asyncio.run(body())


def test_who_was_away_is_told_what_changed_and_what_ended(warbler: Running) -> None:
    async def body() -> None:
        async with pair_of(warbler) as pair:
            await pair.befriended()
            await rostered(pair.ana[0], relation="friends")
            known = await pair.rest(pair.ana_user, "GET", "/v1/me/roster")
            assert (known["full"], [each["relation"] for each in known["entries"]]) == (True, ["friends"])
            assert (await pair.say(pair.ben[0], "remove_friend"))["type"] == "ack"
            await rostered(pair.ana[0], relation="none")
            changed = await pair.rest(pair.ana_user, "GET", f"/v1/me/roster?since={known['version']}", edge=1)
            assert (changed["full"], [(each["user"], each["relation"]) for each in changed["entries"]]) == (
                False,
                [(pair.ben_user.user, "none")],
            )
            foreign = await pair.rest(pair.ana_user, "GET", "/v1/me/roster?since=another:0:1")
            assert (foreign["full"], foreign["entries"]) == (True, [])

    asyncio.run(body())


def test_strangers_and_requests_are_taken_as_the_user_chose(warbler: Running) -> None:
    async def body() -> None:
        async with pair_of(warbler) as pair:
            chosen = {"strangers": "friends", "friend_requests": "question", "friend_question": "Which bird?"}
            assert (await pair.rest(pair.ben_user, "PUT", "/v1/me/privacy", chosen))["presence"] == "everyone"
            await asyncio.sleep(1)  # every node has read it from the log
            asked = await pair.rest(pair.ana_user, "GET", f"/v1/users/{pair.ben_user.user}/friend-question", edge=1)
            assert asked == {"question": "Which bird?", "requests": "question"}
            may = f"/v1/users/{pair.ben_user.user}/may-message"
            assert (await pair.rest(pair.ana_user, "GET", may))["code"] == "strangers_refused"
            members = [{"user": pair.ben_user.user}]
            assert (await pair.ana[0].command("create_conversation", "", conversation_kind="direct", members=members))["type"] == "ack"
            assert (await pair.ana[1].send_text(pair.conversation, "hello"))["code"] == "strangers_refused"
            assert (await pair.say(pair.ana[0], "request_friend"))["code"] == "empty"
            assert (await pair.say(pair.ana[0], "request_friend", text="the warbler"))["type"] == "ack"
            assert (await pair.say(pair.ben[0], "answer_friend_request", accept=False, text="no"))["type"] == "ack"
            refused = await pair.say(pair.ana[0], "request_friend", text="the warbler!")
            assert (refused["code"], refused["retry_after_ms"] > 0) == ("too_soon", True)
            assert (await pair.ben[0].send_text(pair.conversation, "well..."))["type"] == "ack"
            assert (await pair.rest(pair.ana_user, "GET", may, edge=1)) == {"allowed": True, "code": None}
            assert (await pair.ana[1].send_text(pair.conversation, "hello"))["type"] == "ack"

    asyncio.run(body())


def test_the_tables_are_what_the_log_says(warbler: Running) -> None:
    """After all of the above, by the library and by the command."""
    clusters = ClusterSettings(kafka=warbler.kafka, cassandra=warbler.cassandra, keyspace=warbler.keyspace)
    report = asyncio.run(verify_rosters(clusters, 30.0, lambda _: None))
    assert (report.differences, report.unsure, report.damaged_count) == ([], [], 0)
    assert report.rows["rosters"] >= 2
    assert report.rows["ties"] >= 2
    command = [sys.executable, "-m", "ops.cli", "verify", "rosters", "--data", str(warbler.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal to the log" in done.stdout
