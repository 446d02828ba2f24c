"""Bad input over a real edge, worker, Kafka and Cassandra: each kind with the error it must give."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import closing, frames
from edge.settings import EdgeSettings
from edge.tokens import Grant, TokenKeys
from ops import statefile
from tests.edge.raw_socket import BINARY, CONT, FIN, RSV1, TEXT, Client
from tests.real import running
from tests.real.running import Running
from tests.real.talking import Device, User, minted, new_id, online, opened, registered

pytestmark = pytest.mark.real

MEMBERS_LIMIT = 4
TEXT_BYTES_LIMIT = 16_384
FRAME_BYTES_LIMIT = EdgeSettings().frame_bytes_limit
OUTBOX_BYTES_LIMIT = 1 << 20
NOWHERE = "g-" + "0" * 32


@pytest.fixture(scope="module")
def strict(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Warbler of its own, whose limits are low enough to be reached."""
    env = {"STREAMS_MEMBERS_LIMIT": str(MEMBERS_LIMIT), "EDGE_AUTH_TIMEOUT_MS": "8000", "EDGE_SESSIONS_PER_USER_LIMIT": "3"}
    env["EDGE_OUTBOX_AGE_LIMIT_MS"] = "2000"
    started = running.start_beside(cassandra_address, tmp_path_factory.mktemp("strict"), env=env)
    try:
        yield started
    finally:
        running.stop(started.process)


@pytest.fixture(scope="module")
def users(strict: Running) -> list[User]:
    return minted(strict, MEMBERS_LIMIT + 2)


def with_device(strict: Running, user: User, body: Callable[[Device], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with online(strict.page, user) as device:
            await body(device)

    asyncio.run(whole())


def code_of(answer: dict[str, Any]) -> str:
    assert answer["type"] == "reject", answer
    code: str = answer["code"]
    return code


# ---- the protocol


Send = Callable[[Client], None]
PING = b'{"type":"ping","nonce":"n"}'


def send_in_two(client: Client) -> None:
    client.send(TEXT, b" " * FRAME_BYTES_LIMIT, flags=0)
    client.send(CONT, PING)


BAD_FRAMES: dict[str, tuple[Send, closing.CloseCode]] = {
    "not JSON": (lambda c: c.send(TEXT, b"hello?"), closing.BAD_FRAME),
    "an unknown frame": (lambda c: c.send(TEXT, b'{"type":"shout"}'), closing.BAD_FRAME),
    "a frame of the edge": (lambda c: c.send(TEXT, b'{"type":"pong","nonce":"n","now_ms":1}'), closing.BAD_FRAME),
    "a missing field": (lambda c: c.send(TEXT, b'{"type":"sync","request":"r"}'), closing.BAD_FRAME),
    "a field of another kind": (lambda c: c.send(TEXT, b'{"type":"ping","nonce":7}'), closing.BAD_FRAME),
    "a number beyond any seq": (
        lambda c: c.send(TEXT, b'{"type":"mark","state":"delivered","conversation":"","up_to_seq":1e300}'),
        closing.BAD_FRAME,
    ),
    "MessagePack in a JSON session": (lambda c: c.send(BINARY, frames.encode_msgpack(frames.Ping())), closing.BAD_FRAME),
    "nesting without end": (lambda c: c.send(TEXT, b'{"type":"ping","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"), closing.BAD_FRAME),
    "bad UTF-8": (lambda c: c.send(TEXT, b'{"type":"ping","nonce":"\xff"}'), closing.NOT_TEXT),
    "an over-long frame": (lambda c: c.send(TEXT, b" " * FRAME_BYTES_LIMIT + PING), closing.FRAME_TOO_LONG),
    "an over-long message in fragments": (send_in_two, closing.FRAME_TOO_LONG),
    "a compressed bomb": (lambda c: c.send(TEXT, zlib.compress(b" " * 50_000_000)[2:-4], flags=FIN | RSV1), closing.PROTOCOL_ERROR),
    "a second hello": (lambda c: c.send(TEXT, b'{"type":"hello","token":"t","device":"d"}'), closing.HELLO_EXPECTED),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_closes_the_session_with_its_code(strict: Running, users: list[User], name: str) -> None:
    send, close = BAD_FRAMES[name]

    async def body(device: Device) -> None:
        send(device.client)
        assert await device.closed() == close.code
        said = [frame["code"] for frame in device.frames if frame["type"] == "error"]
        assert said == (["bad_frame"] if close is closing.BAD_FRAME else [])

    with_device(strict, users[0], body)


@pytest.mark.parametrize("offered", ["", "chat", "warbler.v2+json", "WARBLER.V1+JSON"])
def test_an_unknown_subprotocol_is_told_which_ones_there_are(strict: Running, offered: str) -> None:
    async def body() -> None:
        async with opened(strict.page, subprotocols=offered) as device:
            assert await device.closed() == closing.UNKNOWN_SUBPROTOCOL.code

    asyncio.run(body())


def test_the_first_frame_must_be_hello(strict: Running) -> None:
    async def body() -> None:
        async with opened(strict.page) as device:
            device.say(type="ping")
            assert await device.closed() == closing.HELLO_EXPECTED.code

    asyncio.run(body())


def test_who_says_nothing_is_closed_in_time(strict: Running) -> None:
    async def body() -> None:
        async with opened(strict.page) as device:
            assert await device.closed() == closing.AUTH_TIMEOUT.code

    asyncio.run(body())


def test_a_user_may_have_so_many_sessions_and_no_more(strict: Running, users: list[User]) -> None:
    async def body() -> None:
        user = users[1]
        async with online(strict.page, user, "d1"), online(strict.page, user, "d2"), online(strict.page, user, "d3"):
            await asyncio.sleep(1)  # the cluster counts through the log
            async with opened(strict.page) as fourth:
                fourth.say(type="hello", token=user.token, device="d4")
                assert await fourth.closed() == closing.TOO_MANY_SESSIONS.code
        deadline_s = time.monotonic() + 20
        while True:
            async with opened(strict.page) as again:
                again.say(type="hello", token=user.token, device="d4")
                if await again.read():
                    assert again.frames[0]["type"] == "welcome"
                    return
                assert time.monotonic() < deadline_s, "closed sessions still count"
            await asyncio.sleep(0.2)

    asyncio.run(body())


# ---- tokens


def forged(user: str) -> str:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    now_ms = int(time.time() * 1000)
    return TokenKeys(pem).mint(Grant(user, "l-1", now_ms + 60_000), now_ms)


def expired(strict: Running, user: str) -> str:
    key = TokenKeys(Path(statefile.read(strict.data).token_key).read_bytes())
    now_ms = int(time.time() * 1000)
    return key.mint(Grant(user, "l-1", now_ms - 1_000), now_ms - 60_000)


def revoked(strict: Running) -> str:
    user = registered(strict)
    answer = httpx.post(f"{strict.page}/v1/logout", json={"refresh_token": user.refresh_token}, timeout=60)
    assert answer.status_code == 204
    return user.token


def test_a_bad_token_closes_with_what_to_do_next(strict: Running, users: list[User]) -> None:
    user = users[0]
    cases = {
        "nonsense": closing.BAD_TOKEN,
        user.token[:-4]: closing.BAD_TOKEN,
        forged(user.user): closing.BAD_TOKEN,
        expired(strict, user.user): closing.TOKEN_EXPIRED,
        revoked(strict): closing.REVOKED,
    }

    async def body() -> None:
        for token, close in cases.items():
            async with opened(strict.page) as device:
                device.say(type="hello", token=token, device="phone")
                assert await device.closed() == close.code, close
                assert device.frames == []

    asyncio.run(body())


# ---- what the owner refuses


def test_neither_members_of_others_nor_of_nothing_may_speak(strict: Running, users: list[User]) -> None:
    async def body() -> None:
        async with online(strict.page, users[0]) as ana, online(strict.page, users[1]) as stranger:
            group = await ana.new_group()
            assert code_of(await stranger.send_text(group, "let me in")) == "not_member"
            assert code_of(await stranger.send_text(NOWHERE, "anybody?")) == "unknown_conversation"
            for request in ({"type": "sync", "from_seq": 1}, {"type": "history"}):
                stranger.say(request="r", conversation=group, **request)
                failure = await stranger.heard("error")
                assert (failure["request"], failure["code"], failure["retryable"]) == ("r", "not_member", False)
            stranger.say(type="mark", state="delivered", conversation=group, up_to_seq=1)
            assert (await stranger.heard("error"))["code"] == "not_member"

    asyncio.run(body())


def test_a_seq_of_the_future_is_refused(strict: Running, users: list[User]) -> None:
    async def body(device: Device) -> None:
        group = await device.new_group()
        assert code_of(await device.command("mark_read", group, up_to_seq=99, up_to_ordinal=9)) == "seq_ahead"
        assert code_of(await device.send_text(group, "re", reply_to=99)) == "seq_ahead"
        assert code_of(await device.command("edit_message", group, target_seq=99, content={"text": "x"})) == "seq_ahead"
        assert code_of(await device.command("recall_message", group, target_seq=99)) == "seq_ahead"
        assert code_of(await device.command("add_reaction", group, target_seq=99, reaction="+")) == "seq_ahead"
        device.say(type="sync", request="r", conversation=group, from_seq=99)
        failure = await device.heard("error")
        assert (failure["request"], failure["code"], failure["retryable"]) == ("r", "seq_ahead", False)
        device.say(type="mark", state="delivered", conversation=group, up_to_seq=99)
        failure = await device.heard("error")
        assert (failure["request"], failure["code"], failure["retryable"]) == ("", "seq_ahead", False)
        device.say(type="sync", request="s", conversation=group, from_seq=2)
        assert (await device.heard("page"))["next_seq"] == 2
        device.say(type="history", request="h", conversation=group, before_seq=2**53 - 1)
        assert (await device.heard("history_page"))["messages"] == []

    with_device(strict, users[0], body)


def test_an_ephemeral_message_is_told_to_members_who_are_here_and_refused_of_strangers(strict: Running, users: list[User]) -> None:
    async def body() -> None:
        async with online(strict.page, users[0]) as ana, online(strict.page, users[1]) as ben, online(strict.page, users[2]) as stranger:
            group = await ana.new_group(users[1])
            await ben.heard("events")
            command_id = new_id()
            ack = await ana.send_text(group, "soon gone", command_id, qos="ephemeral")
            assert (ack["type"], ack["seq"]) == ("ack", 0)
            told = await ben.heard("signalled")
            assert (told["id"], told["user"], told["content"]["text"]) == (command_id, users[0].user, "soon gone")
            assert code_of(await stranger.send_text(group, "let me in", qos="ephemeral")) == "not_member"
            assert (await ana.send_text(group, "to stay"))["seq"] == 2, "it took no seq"

    asyncio.run(body())


def test_a_position_of_the_future_in_hello_is_refused_and_the_session_lives(strict: Running, users: list[User]) -> None:
    async def body() -> None:
        async with online(strict.page, users[0]) as device:
            group = await device.new_group()
        async with online(strict.page, users[0], positions={group: 99}) as device:
            failure = await device.heard("error")
            assert (failure["code"], failure["conversation"]) == ("seq_ahead", group)
            assert (await device.send_text(group, "still here"))["seq"] == 2

    asyncio.run(body())


def test_a_hello_with_very_many_positions_is_closed(strict: Running, users: list[User]) -> None:
    """100,000 positions are longer than a frame may be; those that fit are counted."""

    async def body() -> None:
        cases = {closing.FRAME_TOO_LONG.code: 100_000, closing.TOO_MANY_POSITIONS.code: 1_001}
        for code, count in cases.items():
            async with opened(strict.page) as device:
                device.say(type="hello", token=users[0].token, device="phone", positions={f"g-{number}": 1 for number in range(count)})
                assert await device.closed() == code
                assert device.frames == []
        async with online(strict.page, users[0], positions={f"g-{number}": 1 for number in range(1_000)}) as device:
            told = [await device.heard("error") for _ in range(1_000)]
            assert {(each["conversation"], each["code"]) for each in told} == {(f"g-{number}", "not_member") for number in range(1_000)}

    asyncio.run(body())


def test_each_position_is_answered_also_where_there_is_nothing_to_read(strict: Running, users: list[User]) -> None:
    async def body() -> None:
        async with online(strict.page, users[0]) as ana:
            group, other = await ana.new_group(), await ana.new_group(users[1])
            await ana.send_text(group, "one")
        async with opened(strict.page) as device:
            positions = {group: 1, other: 2, NOWHERE: 7}
            device.say(type="hello", token=users[0].token, device="tablet", positions=positions)
            epoch = (await device.heard("welcome"))["epoch"]
            pages = {page["conversation"]: page for page in [await device.heard("page"), await device.heard("page")]}
            assert {each: [item["seq"] for item in page["events"]] for each, page in pages.items()} == {group: [1, 2], other: []}
            assert (pages[other]["next_seq"], pages[other]["more"]) == (2, False)
            refused = await device.heard("error")
            assert (refused["request"], refused["code"], refused["conversation"]) == ("", "not_member", NOWHERE)
        async with opened(strict.page) as device:
            device.say(type="hello", token=users[0].token, device="tablet", epoch="e-lost", positions=positions)
            welcome = await device.heard("welcome")
            assert (welcome["epoch"], welcome["epoch_changed"]) == (epoch, True)
            assert (await device.send_text(group, "two"))["seq"] == 3
            assert not [frame for frame in device.frames if frame["type"] in ("page", "error")]

    asyncio.run(body())


def test_command_ids_that_are_no_uuid7_of_now_are_refused(strict: Running, users: list[User]) -> None:
    async def body(device: Device) -> None:
        group = await device.new_group()
        now_ms = int(time.time() * 1000)
        day_ms = 24 * 3_600_000
        for command_id, code in (
            ("short", "invalid"),
            ("x" * 36, "invalid"),
            (str(uuid.uuid4()), "invalid"),
            (new_id().upper(), "invalid"),
            (new_id(now_ms - 2 * day_ms), "stale"),
            (new_id(now_ms + 10 * 60_000), "clock_ahead"),
        ):
            answer = await device.send_text(group, "hi", command_id)
            assert code_of(answer) == code, answer
            assert answer["retryable"] is False

    with_device(strict, users[0], body)


def test_an_id_with_another_payload_is_a_conflict_and_with_the_same_one_a_retry(strict: Running, users: list[User]) -> None:
    async def body(device: Device) -> None:
        group = await device.new_group()
        command_id = new_id()
        first = await device.send_text(group, "one", command_id)
        assert await device.send_text(group, "one", command_id) == first
        assert code_of(await device.send_text(group, "two", command_id)) == "command_id_reused"
        assert (await device.send_text(group, "three"))["seq"] == first["seq"] + 1

    with_device(strict, users[0], body)


def test_texts_of_nothing_and_of_one_byte_too_many_are_refused(strict: Running, users: list[User]) -> None:
    async def body(device: Device) -> None:
        group = await device.new_group()
        assert code_of(await device.send_text(group, "")) == "empty"
        assert (await device.send_text(group, "x" * TEXT_BYTES_LIMIT))["type"] == "ack"
        assert code_of(await device.send_text(group, "x" * (TEXT_BYTES_LIMIT + 1))) == "too_long"
        assert code_of(await device.send_text(group, "é" * (TEXT_BYTES_LIMIT // 2) + "x")) == "too_long"
        both = await device.command("send_message", group, content={"text": "a", "body": "YQ=="})
        assert code_of(both) == "invalid"

    with_device(strict, users[0], body)


def test_a_conversation_at_its_limit_takes_nobody_more(strict: Running, users: list[User]) -> None:
    async def body(device: Device) -> None:
        named = [{"user": user.user} for user in users[1 : MEMBERS_LIMIT + 1]]
        too_many = await device.command("create_conversation", "", conversation_kind="group", title="t", members=named)
        assert code_of(too_many) == "members_limit"
        group = await device.new_group(*users[1:MEMBERS_LIMIT])
        assert code_of(await device.command("add_member", group, member=users[MEMBERS_LIMIT].user)) == "members_limit"
        assert (await device.command("remove_member", group, member=users[1].user))["type"] == "ack"
        assert (await device.command("add_member", group, member=users[MEMBERS_LIMIT].user))["type"] == "ack"

    with_device(strict, users[0], body)


# ---- too much


def test_a_burst_of_ten_thousand_is_answered_one_by_one_and_mostly_refused(strict: Running) -> None:
    user = registered(strict)

    async def body(device: Device) -> None:
        group = await device.new_group()
        ids = [new_id() for _ in range(10_000)]
        answers: list[dict[str, Any]] = []

        async def listen() -> None:
            answers.extend([await device.hear(lambda frame: frame["type"] in ("ack", "reject")) for _ in ids])

        listening = asyncio.create_task(listen())
        began_s = time.monotonic()
        for number, command_id in enumerate(ids):
            device.say(type="send_message", id=command_id, conversation=group, content={"text": str(number)})
            if number % 100 == 0:
                await device.client.writer.drain()
        await listening
        took_s = time.monotonic() - began_s
        assert sorted(answer["id"] for answer in answers) == sorted(ids)
        acked = [answer for answer in answers if answer["type"] == "ack"]
        refused = [answer for answer in answers if answer["type"] == "reject"]
        assert {(answer["code"], answer["retryable"]) for answer in refused} == {("rate_limited", True)}
        assert all(answer["retry_after_ms"] > 0 for answer in refused)
        burst, per_s = 200, 50
        assert burst - 1 <= len(acked) <= burst + per_s * took_s + 1
        assert [answer["seq"] for answer in acked] == list(range(2, 2 + len(acked)))
        await asyncio.sleep(1.5)
        assert (await device.send_text(group, "after the burst"))["type"] == "ack"

    with_device(strict, user, body)


def cut_off(strict: Running) -> float:
    """How many devices this edge has cut off for reading too slowly."""
    lines = httpx.get(f"{strict.page}/metrics", timeout=60).text.splitlines()
    counts = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(f'edge_closes_total{{code="{closing.SLOW.code}"}}')]
    return float(counts[0]) if counts else 0.0


async def send_long_texts(sender: Device, group: str, count: int) -> None:
    """50 at once: below the limit of unanswered commands."""
    for _ in range(count // 50):
        ids = [new_id() for _ in range(50)]
        for command_id in ids:
            sender.say(type="send_message", id=command_id, conversation=group, content={"text": "x" * TEXT_BYTES_LIMIT})
        for command_id in ids:
            assert (await sender.answer(command_id))["type"] == "ack"


def test_a_device_that_never_reads_is_cut_off_with_bounded_memory_and_comes_back_without_loss(strict: Running, users: list[User]) -> None:
    """Traffic is raised until the edge gives up on it; the kernel's own buffers take the first few megabytes."""
    edge = psutil.Process(strict.pid("edge-1"))

    async def body() -> None:
        async with online(strict.page, users[0]) as sender, online(strict.page, users[1], "other") as other:
            group = await sender.new_group(users[1])
            seen: list[int] = []

            async def listen() -> None:
                while True:
                    frame = await other.heard("events")
                    # as a device does: what it holds may come again, and is dropped; a gap would stay one
                    seen.extend(event["seq"] for event in frame["events"] if not seen or event["seq"] > seen[-1])
                    other.say(type="mark", state="delivered", conversation=group, up_to_seq=seen[-1])

            listening = asyncio.create_task(listen())
            async with online(strict.page, users[1], "deaf"):
                cut_off_before, before_bytes, most_bytes, sent = cut_off(strict), edge.memory_info().rss, 0, 0
                while cut_off(strict) == cut_off_before:
                    assert sent < 4_000, "it was never cut off"
                    await send_long_texts(sender, group, 100)
                    sent += 100
                    await asyncio.sleep(0.1)  # what it does not read is dropped, until it is old
                    most_bytes = max(most_bytes, edge.memory_info().rss)
                # far below the megabytes that were sent: the outbox, and what is not projected yet
                assert most_bytes - before_bytes < OUTBOX_BYTES_LIMIT + (96 << 20)
            assert (await sender.send_text(group, "the others go on"))["seq"] == sent + 2
            while not seen or seen[-1] < sent + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            listening.cancel()
            assert seen == list(range(1, sent + 3))
            async with online(strict.page, users[1], "deaf", positions={group: 1}) as back:
                assert await everything(back, group) == seen

    asyncio.run(body())


async def everything(device: Device, conversation: str) -> list[int]:
    """The seqs a returning device is given, page after page."""
    seqs: list[int] = []
    while True:
        page = await device.heard("page")
        assert page.get("missing", []) == []
        seqs += [event["seq"] for event in page["events"]]
        if not page["more"]:
            return seqs
        device.say(type="sync", request="r", conversation=conversation, from_seq=page["next_seq"], limit=500)


def test_five_hundred_of_the_longest_messages_are_caught_up(strict: Running, users: list[User]) -> None:
    """They are 8 MiB: pages end before a device could be cut off for not reading them at once."""

    async def body() -> None:
        async with online(strict.page, users[0]) as sender:
            group = await sender.new_group(users[1])
            await send_long_texts(sender, group, 500)
        async with online(strict.page, users[1], positions={group: 1}) as back:
            assert await everything(back, group) == list(range(1, 502))

    asyncio.run(body())
