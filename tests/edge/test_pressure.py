"""A node whose log is slow, whose devices are many, and what is not meant to be kept; partly over real loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import uvicorn

from edge import frames
from edge.closing import BUSY
from edge.rest.app import make_app
from edge.wire import WireProtocol
from log.errors import LogUnavailable
from log.memory import MemoryLog
from log.port import Entry
from schemas.codec import decode_command
from tests.edge.builders import ANA, BEN, GROUP, command_id, created
from tests.edge.nodes import Stage, on_a_node, until
from tests.edge.raw_socket import CLOSE, TEXT, Client, connected

QUICK: dict[str, Any] = {"produce_interval_ms": 0}


class SlowLog(MemoryLog):
    """A log that appends commands and signals only when it is let to, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.fails = False

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        if topic in ("conversation-commands", "signals"):
            await self.let_go.wait()
            if self.fails:
                raise LogUnavailable("away")
        return await super().publish(topic, partition, entries)


def text(number: int, **fields: Any) -> frames.SendMessage:
    return frames.SendMessage(id=command_id(number), conversation=GROUP, content=frames.DeviceContent(text="hi"), **fields)


# ---- messages that are not kept


def test_an_ephemeral_message_reaches_who_is_here_and_never_the_owner() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        ana, phone = await stage.session()
        _, laptop = await stage.session(ANA, "laptop")
        _, ben = await stage.session(BEN)
        _, importer = await stage.session(BEN, "importer", follow=False)
        stage.say(ana, text(1, qos="ephemeral"))
        assert phone.frames == [], "not before it was appended"
        await until(lambda: bool(ben.frames and laptop.frames and phone.frames))
        (ack,) = phone.frames
        assert isinstance(ack, frames.Ack)
        assert (ack.id, ack.seq, ack.ordinal) == (command_id(1), 0, 0)
        assert ben.frames == laptop.frames == [frames.Signalled(GROUP, ANA, command_id(1), frames.DeviceContent(text="hi"), ack.at_ms)]
        assert importer.frames == []
        assert (ana.outstanding, ana.publishing, ana.unacked) == (set(), 0, {})
        assert await stage.published("conversation-commands") == []

    on_a_node(body, **QUICK)


def test_an_ephemeral_message_that_was_not_appended_is_refused() -> None:
    log = SlowLog()
    log.fails = True
    log.let_go.set()

    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session()
        stage.say(session, text(1, qos="ephemeral"))
        await until(lambda: bool(sink.frames))
        (reject,) = sink.frames
        assert isinstance(reject, frames.Reject)
        assert (reject.code, reject.retryable) == ("unavailable", True)
        assert (session.outstanding, session.publishing) == (set(), 0)

    on_a_node(body, log, **QUICK)


# ---- a log that is slow


def test_a_session_whose_commands_wait_for_the_log_is_not_read_until_half_are_there() -> None:
    log = SlowLog()

    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session()
        for number in range(4):
            stage.say(session, text(number))
        assert sink.reading
        stage.say(session, text(4))
        assert (session.publishing, session.paused, sink.reading) == (5, True, False)
        session.last_heard_mono_ms = 0.0
        log.let_go.set()
        await until(lambda: sink.reading)
        assert session.last_heard_mono_ms > 0, "its pings lay unread: that is no silence of the device"
        await until(lambda: session.publishing == 0)
        assert not session.paused

    on_a_node(body, log, **QUICK, session_publishing_limit=4)


def test_a_refused_command_counts_no_more() -> None:
    log = SlowLog()
    log.fails = True

    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session()
        for number in range(5):
            stage.say(session, text(number))
        log.let_go.set()
        await until(lambda: len(sink.frames) == 5)
        assert {frame.code for frame in sink.frames if isinstance(frame, frames.Reject)} == {"unavailable"}
        assert (session.publishing, session.paused, sink.reading) == (0, False, True)

    on_a_node(body, log, **QUICK, session_publishing_limit=2)


def test_a_command_behind_an_old_one_is_refused_with_the_time_to_come_again() -> None:
    log = SlowLog()

    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session()
        stage.say(session, text(1))
        await asyncio.sleep(0.06)
        stage.say(session, text(2))
        (reject,) = sink.frames
        assert isinstance(reject, frames.Reject)
        assert (reject.id, reject.code, reject.retryable) == (command_id(2), "unavailable", True)
        assert reject.retry_after_ms > 0
        log.let_go.set()
        await until(lambda: session.publishing == 0)
        assert [decode_command(value).command_id for value in await stage.published("conversation-commands")] == [command_id(1)]

    on_a_node(body, log, **QUICK, publish_age_limit_ms=30)


@contextlib.asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[int]:
    """The node's application on a loopback socket; its port."""
    config = uvicorn.Config(
        make_app(stage.node, None),
        host="127.0.0.1",
        port=0,
        ws=WireProtocol,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def say(client: Client, frame: frames.FromDevice) -> None:
    client.send(TEXT, frames.encode_json(frame))


async def heard(client: Client) -> dict[str, Any]:
    first, payload = await client.receive()
    assert first & 0xF == TEXT, payload
    frame: dict[str, Any] = json.loads(payload)
    return frame


def test_what_a_device_sends_while_its_commands_wait_lies_in_the_socket_and_is_read_later() -> None:
    log = SlowLog()

    async def body(stage: Stage) -> None:
        stage.happen(created())
        async with served(stage) as port, connected(port, path="/v1/socket") as (client, _):
            say(client, stage.hello())
            assert (await heard(client))["type"] == "welcome"
            (session,) = stage.node.hub.sessions.values()
            for number in range(5):
                say(client, text(number))
            await until(lambda: session.paused)
            await asyncio.sleep(0.05)  # what was on its way has come
            before = len(session.outstanding)
            for number in range(5, 20):
                say(client, text(number))
            say(client, frames.Ping("later"))
            await asyncio.sleep(0.1)
            assert len(session.outstanding) == before
            log.let_go.set()
            assert (await heard(client))["nonce"] == "later"
            assert len(session.outstanding) == 20

    on_a_node(body, log, **QUICK, session_publishing_limit=4)


# ---- many connections


def test_an_address_that_opens_too_many_connections_is_told_when_to_come_again() -> None:
    async def body(stage: Stage) -> None:
        async with served(stage) as port:
            for _ in range(2):
                async with connected(port, path="/v1/socket") as (client, _):
                    say(client, stage.hello())
                    assert (await heard(client))["type"] == "welcome"
            async with connected(port, path="/v1/socket") as (client, _):
                busy = await heard(client)
                assert (busy["type"], busy["code"], busy["retryable"]) == ("error", "busy", True)
                assert 0 < busy["retry_after_ms"] <= 1_000
                first, payload = await client.receive()
                assert (first & 0xF, int.from_bytes(payload[:2], "big")) == (CLOSE, BUSY.code)
            await asyncio.sleep(busy["retry_after_ms"] / 1000)
            async with connected(port, path="/v1/socket") as (client, _):
                say(client, stage.hello())
                assert (await heard(client))["type"] == "welcome"

    on_a_node(body, address_opens_per_s=1, address_opens_burst=2)


def test_the_sessions_of_a_user_share_a_limit_also_after_coming_back() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        first, sink = await stage.session()
        for number in range(3):
            stage.say(first, text(number))
        stage.node.sessions.close(first)
        second, sink = await stage.session(device="laptop")
        stage.say(second, text(9))
        (reject,) = sink.frames
        assert isinstance(reject, frames.Reject)
        assert reject.code == "rate_limited"
        other, theirs = await stage.session(BEN)
        stage.say(other, text(10))
        assert theirs.frames == []

    on_a_node(body, user_commands_per_s=1, user_commands_burst=3)
