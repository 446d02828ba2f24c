"""The Python SDK and `warbler chat` against a real Warbler: `warbler up` with two edges, real Kafka and Cassandra."""

from __future__ import annotations

import asyncio
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from warbler import Client, DeviceContent, Login, Rejected, RequestFailed, Rest, TimelineEvent
from warbler.codec import CodecName
from warbler.frames import SendMessage
from warbler.ids import uuid7

from tests.real.running import Running

pytestmark = pytest.mark.real
PASSWORD = "a long password"


def run(work: Coroutine[Any, Any, None], limit_s: float = 1200) -> None:
    async def within() -> None:
        await asyncio.wait_for(work, limit_s)

    asyncio.run(within())


@asynccontextmanager
async def signed_in(url: str, codec: CodecName = "json") -> AsyncIterator[tuple[Rest, Client]]:
    async with Rest(url) as rest:
        login = await rest.register(f"t-{secrets.token_hex(6)}", PASSWORD)
        assert isinstance(login, Login)
        async with Client(url, token=login.token, device=f"d-{secrets.token_hex(4)}", codec=codec) as client:
            yield rest, client


async def seen(client: Client, conversation: str, up_to_seq: int) -> list[TimelineEvent]:
    """The conversation's events from now on, until `up_to_seq`."""
    found: list[TimelineEvent] = []
    async for happening in client.events():
        if isinstance(happening, TimelineEvent) and happening.conversation == conversation:
            found.append(happening)
            if happening.event.seq >= up_to_seq:
                return found
    raise AssertionError("the client has ended")


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_two_users_on_two_edges_see_the_same_timeline(warbler: Running, codec: CodecName) -> None:
    async def work() -> None:
        first, second = warbler.addresses()
        async with signed_in(first, codec) as (rest, ana), signed_in(second, codec) as (_, ben):
            group = await ana.create_group("tea", [ben.user])
            futures = [ana.send_nowait(group, f"a{number}") for number in range(20)]
            assert [ack.seq for ack in await asyncio.gather(*futures)] == list(range(2, 22))
            got = await seen(ben, group, 21)
            assert [one.event.seq for one in got] == list(range(1, 22))
            edited = await ana.edit(group, 2, "changed")
            await ben.react(group, 2, "👍")
            await ana.recall(group, 3)
            last = await ben.mark_read(group, edited, 20)
            mine = await seen(ana, group, last)
            assert [one.event.seq for one in mine] == list(range(1, last + 1))
            page = await ben.history(group)
            assert page.messages[0].content is not None
            assert (page.messages[0].content.text, page.messages[0].reactions) == ("changed", {"👍": (ben.user,)})
            assert page.messages[1].recalled
            over_rest = await rest.events(group, 1, 500)
            assert [event.seq for event in over_rest.events] == list(range(1, last + 1))

    run(work())


def test_a_device_that_was_away_goes_on_where_it_stood(warbler: Running) -> None:
    async def work() -> None:
        async with signed_in(warbler.page) as (_, ana), Rest(warbler.page) as rest:
            login = await rest.register(f"t-{secrets.token_hex(6)}", PASSWORD)
            assert isinstance(login, Login)
            async with Client(warbler.page, token=login.token, device="phone") as ben:
                group = await ana.create_group("tea", [login.user])
                await ana.send(group, "one")
                await seen(ben, group, 2)
                positions, epoch = ben.positions(), ben.epoch
            await asyncio.gather(*(ana.send_nowait(group, str(number)) for number in range(700)))
            async with Client(warbler.page, token=login.token, device="phone", positions=positions, epoch=epoch) as ben:
                got = await seen(ben, group, 702)
                assert [one.event.seq for one in got] == list(range(3, 703))

    run(work())


def test_commands_survive_the_death_of_an_edge_and_are_stored_once(warbler: Running) -> None:
    """Method: a stream of pipelined messages; the edge they go through is killed in the middle and comes back."""

    async def work() -> None:
        async with signed_in(warbler.page) as (_, ana):
            group = await ana.create_group("tea")
            futures = []
            for number in range(300):
                futures.append(ana.send_nowait(group, f"m{number}"))
                if number == 150:
                    old_pid = warbler.kill("edge-1")
                await asyncio.sleep(0.005)
            acks = await asyncio.gather(*futures)
            await asyncio.to_thread(warbler.wait_for_successor, "edge-1", old_pid)
            texts = []
            async for page in ana.sync(group):
                texts += [event.content.text for event in page.events if event.content is not None]
            assert sorted(texts, key=lambda text: int((text or "m")[1:])) == [f"m{number}" for number in range(300)]
            assert len({ack.seq for ack in acks}) == 300
            got = await seen(ana, group, 301)
            assert [one.event.seq for one in got] == list(range(1, 302))

    run(work())


def test_a_retry_gets_the_same_seq_and_another_payload_is_a_conflict(warbler: Running) -> None:
    async def work() -> None:
        async with signed_in(warbler.page) as (_, ana):
            group = await ana.create_group("tea")
            command_id = uuid7(ana.server_ms(), secrets.randbits(74))
            first = await ana.send_nowait(group, "once", command_id=command_id)
            again = await ana.send_nowait(group, "once", command_id=command_id)
            assert (again.seq, again.ordinal) == (first.seq, first.ordinal)
            with pytest.raises(Rejected) as caught:
                await ana.send_nowait(group, "twice", command_id=command_id)
            assert caught.value.code == "command_id_reused"
            with pytest.raises(Rejected) as caught:
                await ana.send_nowait(group, "old", command_id=uuid7(ana.server_ms() - 2 * 86_400_000, 1))
            assert caught.value.code == "stale"

    run(work())


def test_refusals_are_typed(warbler: Running) -> None:
    async def work() -> None:
        async with signed_in(warbler.page) as (rest, ana):
            for code, frame in (
                ("unknown_conversation", SendMessage(id="", conversation="g-0", content=DeviceContent(text="x"))),
                ("empty", SendMessage(id="", conversation=await ana.create_group("tea"), content=DeviceContent(text=""))),
            ):
                with pytest.raises(Rejected) as caught:
                    await ana.submit(frame)
                assert caught.value.code == code
            with pytest.raises(RequestFailed) as failed:
                await ana.history("g-0")
            assert failed.value.code in ("not_member", "unknown_conversation")
            with pytest.raises(RequestFailed) as failed:
                await rest.user_by_name("nobody-at-all")
            assert (failed.value.code, failed.value.status) == ("unknown_user", 404)

    run(work())


def test_a_login_is_refreshed_when_its_token_is_refused(warbler: Running) -> None:
    async def work() -> None:
        async with Rest(warbler.page) as rest:
            login = await rest.register(f"t-{secrets.token_hex(6)}", PASSWORD)
            assert isinstance(login, Login)
            old = login.tokens
            await login.token(refused=old.access_token)
            assert login.tokens.refresh_token != old.refresh_token
            async with Client(warbler.page, token=login.token, device="d") as client:
                assert client.user == login.user

    run(work())


# ---- warbler chat


def chat(warbler: Running, name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "ops.cli", "chat", "--url", warbler.page, "--name", name, "--data", str(warbler.data), *options]


def test_chat_works_when_its_input_is_a_pipe(warbler: Running) -> None:
    name = f"t-{secrets.token_hex(6)}"
    lines = "/new tea\nhello tea\n/edit 2 good morning\n/list\n/nonsense\n/quit\n"
    env = {**os.environ, "WARBLER_PASSWORD": PASSWORD}
    done = subprocess.run(chat(warbler, name, "--register"), input=lines, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "hello tea" in done.stdout
    assert "changed 2 to good morning" in done.stdout
    assert "/open N|TITLE" in done.stdout
    env["WARBLER_PASSWORD"] = "not this one"
    wrong = subprocess.run(chat(warbler, name), input="", env=env, capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 1
    assert "bad_credentials" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_chat_in_a_terminal_shows_what_others_say_above_the_line_being_typed(warbler: Running, tmp_path: Path) -> None:
    """Method: the command on a pseudo terminal; another client writes while a line is half typed."""
    name = f"t-{secrets.token_hex(6)}"
    main, child = os.openpty()
    env = {**os.environ, "WARBLER_PASSWORD": PASSWORD, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(chat(warbler, name, "--register"), stdin=child, stdout=child, stderr=child, env=env, start_new_session=True)
    os.close(child)
    screen = Terminal(main)

    async def work() -> None:
        await screen.until("no conversations yet")
        async with signed_in(warbler.page) as (rest, ben):
            user = (await rest.user_by_name(name)).user
            group = await ben.create_group("tea", [user])
            await screen.until("you are in tea now")
            screen.type("/list\n/open 1\n")
            await screen.until("\x1b[1mtea")  # its title, in bold: it is open
            screen.type("half a li")
            await screen.until("half a li")
            await ben.send(group, "hello there")
            await screen.until("hello there")
            await screen.until("> half a li")
            screen.type("ne\n")
            got = await seen(ben, group, 4)
            assert [one.event.content.text for one in got if one.event.content] == ["hello there", "half a line"]
        screen.type("/quit\n")
        assert await asyncio.to_thread(process.wait, 20) == 0

    try:
        run(work())
    finally:
        (tmp_path / "screen.txt").write_text(screen.text)
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(main)


class Terminal:
    """What the command wrote; `until` looks only at what came after the last match."""

    def __init__(self, main: int) -> None:
        self.main, self.text, self.read = main, "", 0

    def type(self, text: str) -> None:
        os.write(self.main, text.encode())

    async def until(self, wanted: str, limit_s: float = 120) -> None:
        deadline = time.monotonic() + limit_s
        while (found := self.text.find(wanted, self.read)) < 0:
            assert time.monotonic() < deadline, f"{wanted!r} is not on the screen: {self.text[-2000:]!r}"
            if select.select([self.main], [], [], 0)[0]:
                self.text += os.read(self.main, 65_536).decode(errors="replace")
            await asyncio.sleep(0.02)
        self.read = found + len(wanted)
