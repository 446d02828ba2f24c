"""`warbler replay` and `warbler show` on a real Kafka, as an operator runs them: exact, resumable after a kill, refused where they must."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from schemas import events
from schemas.codec import decode_event, encode
from schemas.partition import partition_of
from schemas.values import Content, Member
from tests.ops.replay_parts import EVENTS, base, rows_in

pytestmark = pytest.mark.real
PARTITIONS = 4
MESSAGES = 30


def on_log(kafka: str, body: Callable[[KafkaLog], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        log = KafkaLog(LogSettings(kafka))
        await log.start()
        try:
            return await body(log)
        finally:
            await log.close()

    return asyncio.run(whole())


@pytest.fixture(scope="module")
def conversations(stack: Stack) -> tuple[str, str]:
    """Two groups of this test alone: a creation and 30 messages each, the last one recalled."""
    mine = (f"g-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}")

    async def fill(log: KafkaLog) -> None:
        for conversation in mine:
            partition = partition_of(conversation.encode(), PARTITIONS)
            entries = [Entry(conversation.encode(), encode(EVENTS, event), event.at_ms) for event in story(conversation)]
            await log.publish(EVENTS, partition, entries)

    asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))
    on_log(stack.kafka, fill)
    return mine


def story(conversation: str) -> list[events.Event]:
    created = events.ConversationCreated(
        **base(conversation, 1, "u-ana"), conversation_kind="group", title="Trip", members=(Member("u-ana", "owner"), Member("u-ben"))
    )
    messages = [
        events.MessageSent(**base(conversation, seq, "u-ben"), content=Content("text/plain", f"message {seq}".encode()))
        for seq in range(2, MESSAGES + 2)
    ]
    return [created, *messages, events.MessageRecalled(**base(conversation, MESSAGES + 2, "u-ben"), target_seq=MESSAGES + 1)]


def command(stack: Stack, *words: str) -> list[str]:
    return [sys.executable, "-c", "from ops.cli import main; main()", *words]


def env(stack: Stack) -> dict[str, str]:
    return os.environ | {"WARBLER_KAFKA": stack.kafka}


def warbler(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(stack, *words), env=env(stack), capture_output=True, text=True, timeout=120)


def test_a_conversation_comes_as_lines_and_into_a_topic_in_its_order(stack: Stack, conversations: tuple[str, str], tmp_path: Path) -> None:
    mine = conversations[0]
    done = warbler(stack, "replay", "--conversation", mine, "--report", str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["value"]["seq"] for row in rows] == list(range(1, MESSAGES + 3))
    report = json.loads((tmp_path / "report").read_text())
    assert report["types"] == {"conversation_created": 1, "message_recalled": 1, "message_sent": MESSAGES}
    assert f"{MESSAGES + 2} meant, {MESSAGES + 2} written" in done.stderr
    name = f"replay-{uuid.uuid4().hex}"
    done = warbler(stack, "replay", "--from", f"seq:{mine}:2", "--to", f"seq:{mine}:12", "--into", f"topic:{name}")
    assert done.returncode == 0, done.stderr

    async def copies(log: KafkaLog) -> list[str]:
        assert await log.partitions_count(name) == PARTITIONS
        found = await log.read(name, partition_of(mine.encode(), PARTITIONS), 0, 100)
        assert all(record.headers[-1][0] == "warbler-replay" for record in found)
        return [decode_event(record.value).event_id for record in found]

    assert on_log(stack.kafka, copies) == [f"{mine}:{seq}" for seq in range(2, 12)]


def test_a_replay_that_is_killed_goes_on_where_it_was_and_every_line_is_there_once(
    stack: Stack, conversations: tuple[str, str], tmp_path: Path
) -> None:
    out, state = tmp_path / "out.ndjson", tmp_path / "state"
    chosen = ["--conversation", conversations[0], "--conversation", conversations[1], "--into", f"file:{out}", "--resume", str(state)]
    child = subprocess.Popen(command(stack, "replay", *chosen, "--speed", "4/s"), env=env(stack), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 180
    while not (out.exists() and out.read_bytes().count(b"\n") >= 3):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert not json.loads(state.read_bytes())["done"]
    done = warbler(stack, "replay", *chosen)
    assert done.returncode == 0, done.stderr
    rows = rows_in(out)
    for conversation in conversations:
        assert [row["value"]["seq"] for row in rows if row["key"] == conversation] == list(range(1, MESSAGES + 3))
    assert len(rows) == 2 * (MESSAGES + 2)
    assert warbler(stack, "replay", *chosen).returncode == 0
    assert len(rows_in(out)) == len(rows)


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """An address, and what was posted there; every fifth post is answered 503 the first time."""
    taken: list[tuple[str, dict[str, Any]]] = []
    refused: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told = self.headers["webhook-id"]
            busy = body["data"]["value"]["seq"] % 5 == 0 and told not in refused
            if busy:
                refused.add(told)
            else:
                taken.append((told, body))
            self.send_response(503 if busy else 204)
            self.send_header("retry-after", "0")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_each_record_once_in_order_and_our_own_network_only_when_allowed(
    stack: Stack, conversations: tuple[str, str], receiver: tuple[str, list[tuple[str, dict[str, Any]]]]
) -> None:
    url, taken = receiver
    chosen = ["--conversation", conversations[0], "--type", "message_sent", "--into", f"webhook:{url}"]
    refused = warbler(stack, "replay", *chosen)
    assert refused.returncode == 1
    assert "forbidden_address" in refused.stderr
    assert taken == []
    done = warbler(stack, "replay", *chosen, "--allow-private")
    assert done.returncode == 0, done.stderr
    assert [body["data"]["value"]["seq"] for _, body in taken] == list(range(2, MESSAGES + 2))
    assert len({told for told, _ in taken}) == MESSAGES


def test_what_retention_has_taken_is_said_with_what_is_left(stack: Stack, conversations: tuple[str, str]) -> None:
    topic, partition = "call-signals", 2  # on which no other test looks from the beginning

    async def cut(log: KafkaLog) -> int:
        end = await log.publish(topic, partition, [Entry(b"k", b"v"), Entry(b"k", b"w")])
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=end + 1)})
        finally:
            await admin.close()
        return end + 1

    left = on_log(stack.kafka, cut)
    gone = warbler(stack, "replay", "--topic", topic, "--from", "2020-01-01")
    assert gone.returncode == 1
    assert f"{topic}-{partition} from offset {left} on, of 20" in gone.stderr
    assert gone.stdout == ""
    ahead = warbler(stack, "replay", "--from", f"offset:{EVENTS}:0:99999999")
    assert (ahead.returncode, "it ends before" in ahead.stderr) == (1, True)


def test_a_conversation_is_shown_as_it_was_and_as_it_is(stack: Stack, conversations: tuple[str, str]) -> None:
    mine = conversations[1]
    then = warbler(stack, "show", "conversation", mine, "--seq", str(MESSAGES + 1))
    assert then.returncode == 0, then.stderr
    assert f"message {MESSAGES + 1}" in then.stdout
    now = warbler(stack, "show", "conversation", mine, "--json")
    assert json.loads(now.stdout)["as_of"]["seq"] == MESSAGES + 2
    assert f"message {MESSAGES + 1}" not in now.stdout
    unknown = warbler(stack, "show", "conversation", "g-nowhere")
    assert (unknown.returncode, "nothing of it" in unknown.stderr) == (1, True)
