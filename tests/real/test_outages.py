"""Kafka or Cassandra not there at the start, or gone in mid-run: it is said, nothing acked is lost, and all recover by themselves.

The outage lasts WARBLER_TEST_OUTAGE_S seconds (15); docs/decisions/0010-outages.md has a run with 60.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from warbler import Client, Login, Rest

from edge import closing
from ops.embedded.node import Node
from ops.embedded.ports import next_free
from ops.embedded.stack import Stack
from tests.real import running
from tests.real.running import Running
from tests.real.talking import PASSWORD, User, minted, new_id, online, opened

pytestmark = pytest.mark.real

OUTAGE_S = float(os.environ.get("WARBLER_TEST_OUTAGE_S", "15"))
RECOVERY_S = 120.0


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Kafka and a Cassandra of this file's own: it takes them away."""
    with running.started(Stack(tmp_path_factory.mktemp("outage-stack"))) as stack:
        yield stack


@pytest.fixture(scope="module")
def shaken(ground: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = running.start(tmp_path_factory.mktemp("outage"), ground.kafka, ground.cassandra)
    try:
        yield started
    finally:
        running.stop(started.process)


async def without(node: Node) -> None:
    """Takes a server away as a crash does, for the time of the outage."""
    node.kill()
    await asyncio.sleep(OUTAGE_S)
    await node.start()


def test_kafka_gone_in_mid_run_loses_nothing_that_was_acked_and_stores_nothing_twice(ground: Stack, shaken: Running) -> None:
    """Method: one message every 50 ms before, during and after; each is sent until it is acked, always under its first id."""

    async def body() -> None:
        async with Rest(shaken.page) as rest:
            login = await rest.register(f"t-{secrets.token_hex(6)}", PASSWORD)
            assert isinstance(login, Login)
            async with Client(shaken.page, token=login.token, device="phone") as client:
                group = await client.create_group("through the night")
                outage = asyncio.create_task(without(ground.kafka_node))
                futures: list[asyncio.Future[Any]] = []
                while not outage.done() or len(futures) < 100:
                    futures.append(client.send_nowait(group, str(len(futures))))
                    await asyncio.sleep(0.05)
                await outage
                async with asyncio.timeout(RECOVERY_S):
                    acks = await asyncio.gather(*futures)
                assert sorted(ack.seq for ack in acks) == list(range(2, len(futures) + 2))
                texts = await texts_of(rest, group)
                assert sorted(texts, key=int) == [str(number) for number in range(len(futures))], "one of them is missing or there twice"

    asyncio.run(body())


async def texts_of(rest: Rest, conversation: str) -> list[str]:
    found: list[str] = []
    next_seq, more = 1, True
    while more:
        page = await rest.events(conversation, next_seq, 500)
        found += [event.content.text or "" for event in page.events if event.content is not None]
        next_seq, more = page.next_seq, page.more
    return found


def test_while_kafka_is_gone_commands_are_refused_with_a_time_to_come_again(ground: Stack, shaken: Running) -> None:
    user = minted(shaken, 1)[0]

    async def body() -> None:
        async with online(shaken.page, user) as device:
            group = await device.new_group()
            ground.kafka_node.kill()
            try:
                command_id = new_id()
                refused = await device.send_text(group, "hello?", command_id)
                assert (refused["type"], refused["code"], refused["retryable"]) == ("reject", "unavailable", True)
                assert refused["retry_after_ms"] > 0
                device.say(type="ping", nonce="still there")
                assert (await device.heard("pong"))["nonce"] == "still there"
            finally:
                await ground.kafka_node.start()
            deadline_s = time.monotonic() + RECOVERY_S
            while (answer := await device.send_text(group, "hello?", command_id))["type"] != "ack":
                assert answer["retryable"], answer
                assert time.monotonic() < deadline_s
                await asyncio.sleep(answer["retry_after_ms"] / 1000)
            assert answer["seq"] == 2

    asyncio.run(body())


def test_without_cassandra_messages_flow_and_reads_say_when_to_come_again(ground: Stack, shaken: Running) -> None:
    ana, ben = minted(shaken, 2)

    async def body() -> None:
        await let_in(shaken, ana)
        async with online(shaken.page, ana) as sender, online(shaken.page, ben) as reader:
            group = await sender.new_group(ben)
            ground.cassandra_node.kill()
            try:
                began_s = time.monotonic()
                sent = 0
                while time.monotonic() - began_s < OUTAGE_S:
                    assert (await sender.send_text(group, str(sent)))["type"] == "ack"
                    if sent % 100 == 0:
                        # it only listens, for longer than two heartbeats, and holds what it heard
                        reader.say(type="mark", conversation=group, state="delivered", up_to_seq=sent + 1)
                    sent += 1
                    await asyncio.sleep(0.05)
                await reader.hear(lambda frame: frame["type"] == "events" and frame["events"][-1]["seq"] == sent + 1)
                reader.say(type="history", request="r", conversation=group)
                failure = await reader.heard("error")
                assert (failure["request"], failure["code"], failure["retryable"]) == ("r", "unavailable", True)
                assert failure["retry_after_ms"] > 0
                assert await refused_hello(shaken, ben) == closing.UNAVAILABLE.code
            finally:
                await ground.cassandra_node.start()
            history = await read_history(reader, group)
            assert [message["content"]["text"] for message in history] == [str(number) for number in range(sent)][-len(history) :]
        async with online(shaken.page, ben, positions={group: sent + 2}) as back:
            assert (await back.heard("page"))["events"] == []

    asyncio.run(body())
    verified = subprocess.run(
        [sys.executable, "-m", "ops.cli", "verify", "timelines", "--data", str(shaken.data), "--wait-s", "60"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def let_in(shaken: Running, user: User) -> None:
    """Until a hello is welcomed: Kafka was away a moment ago, and a node that may not have heard what was revoked lets nobody in."""
    deadline_s = time.monotonic() + OUTAGE_S
    while await hello_answer(shaken, user) != "welcome":
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.2)


async def hello_answer(shaken: Running, user: User) -> str:
    try:
        async with online(shaken.page, user):
            return "welcome"
    except AssertionError as closed:
        return str(closed)


async def refused_hello(shaken: Running, user: User) -> int:
    async with opened(shaken.page) as device:
        device.say(type="hello", token=user.token, device="laptop")
        return await device.closed()


async def read_history(device: Any, conversation: str) -> list[dict[str, Any]]:
    deadline_s = time.monotonic() + RECOVERY_S
    while True:
        device.say(type="history", request="again", conversation=conversation, limit=100)
        answer = await device.hear(lambda frame: frame["type"] in ("history_page", "error"))
        if answer["type"] == "history_page":
            messages: list[dict[str, Any]] = answer["messages"]
            return messages
        assert answer["retryable"], answer
        assert time.monotonic() < deadline_s, answer
        await asyncio.sleep(1)


# ---- not there at the start


class Process:
    """An edge or a worker without a supervisor: a process that ends is seen."""

    def __init__(self, module: str, shaken: Running, output: Path, **env: str) -> None:
        self.port = next_free(running.PORTS_FROM)
        self.output = output
        keys = {"WARBLER_TOKEN_KEY": str(shaken.data / "secrets" / "token-key.pem"), "WARBLER_DATA": str(output.parent / module)}
        own = {"EDGE_PORT": str(self.port), "STREAMS_LIVE_PORT": str(self.port), "WARBLER_NODE": f"late-{module}"}
        whole = {**os.environ, "WARBLER_KAFKA": shaken.kafka, "WARBLER_CASSANDRA": shaken.cassandra, **keys, **own, **env}
        with output.open("wb") as written:
            self.child = subprocess.Popen([sys.executable, "-m", module], env=whole, stdout=written, stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said())

    def until_live(self) -> None:
        self.until(self.live)

    def until(self, holds: Any) -> None:
        deadline_s = time.monotonic() + RECOVERY_S
        while not holds():
            assert self.child.poll() is None, f"ended with {self.child.returncode}: {self.said()}"
            assert time.monotonic() < deadline_s, self.said()
            time.sleep(0.2)

    def live(self) -> bool:
        try:
            return bool(httpx.get(f"http://127.0.0.1:{self.port}/live", timeout=2).json()["ok"])
        except (httpx.HTTPError, ValueError):
            return False

    def end(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise


@pytest.mark.parametrize(("server", "words"), [("kafka", "waiting for Kafka"), ("cassandra", "store.waiting")])
def test_an_edge_whose_server_is_not_there_waits_and_says_so(
    ground: Stack, shaken: Running, tmp_path: Path, server: str, words: str
) -> None:
    node = ground.kafka_node if server == "kafka" else ground.cassandra_node
    node.kill()
    edge = Process("edge", shaken, tmp_path / "edge.log")
    try:
        edge.until_said(words)
        time.sleep(5)
        assert edge.child.poll() is None, "it crashed instead of waiting"
        asyncio.run(node.start())
        edge.until_live()
        assert edge.end() == 0
    finally:
        edge.child.kill()
        edge.child.wait()
        if not node.running:
            asyncio.run(node.start())


def test_up_waits_for_clusters_that_are_not_there_and_then_starts(ground: Stack, shaken: Running, tmp_path: Path) -> None:
    """The clusters' addresses are given; nobody answers there yet."""
    ground.kafka_node.kill()
    output = tmp_path / "up.log"
    env = {**os.environ, "WARBLER_KAFKA": ground.kafka, "WARBLER_CASSANDRA": ground.cassandra}
    with output.open("wb") as written:
        command = [sys.executable, "-m", "ops.cli", "up", "--data", str(tmp_path / "late"), "--port", str(next_free(running.PORTS_FROM))]
        child = subprocess.Popen(command, env=env, stdout=written, stderr=subprocess.STDOUT)
    try:
        until_written(child, output, "waiting")
        time.sleep(3)
        assert child.poll() is None
        asyncio.run(ground.kafka_node.start())
        until_written(child, output, "is ready")
    finally:
        if not ground.kafka_node.running:
            asyncio.run(ground.kafka_node.start())
        child.send_signal(signal.SIGINT)
        child.wait(60)


def until_written(child: subprocess.Popen[bytes], output: Path, text: str) -> None:
    deadline_s = time.monotonic() + RECOVERY_S
    while text.lower() not in output.read_text(errors="replace").lower():
        assert child.poll() is None, output.read_text(errors="replace")
        assert time.monotonic() < deadline_s, output.read_text(errors="replace")
        time.sleep(0.2)
