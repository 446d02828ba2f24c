"""`warbler could` on a real Cassandra: asked of a projected group, at several times."""

import asyncio
import os
import subprocess
import sys

import pytest

from log.port import Record
from schemas import commands
from schemas.codec import encode
from tests.store.opening import Projection, opened
from tests.streams.talking import T0_MS, Talk
from tests.streams.talking import opened as opened_talk

pytestmark = pytest.mark.real
TOPIC = "conversation-events"


def story() -> Talk:
    """ben is muted from 1 s to 5 s, made an admin at 6 s, banned at 8 s."""
    talk = opened_talk()
    talk.now_ms = T0_MS + 1_000
    talk.must(talk.command(commands.MuteMember, "ana", member="ben", until_ms=T0_MS + 5_000))
    talk.now_ms = T0_MS + 6_000
    talk.must(talk.command(commands.ChangeRole, "ana", member="ben", role="admin"))
    talk.now_ms = T0_MS + 8_000
    talk.must(talk.command(commands.BanMember, "ana", member="ben"))
    return talk


def recorded(talk: Talk) -> list[Record]:
    key = talk.conversation_id.encode()
    return [Record(TOPIC, 0, offset, event.at_ms, key, encode(TOPIC, event)) for offset, (event, _) in enumerate(talk.log)]


def test_the_command_tells_what_could_be_done_when_and_by_which_event(cassandra_address: str, keyspace: str) -> None:
    talk = story()

    async def prepare() -> None:
        async with opened(cassandra_address, keyspace) as store:
            await Projection(store).apply(recorded(talk))

    def asked(user: str, action: str, *at: str) -> tuple[int, str]:
        env = os.environ | {"WARBLER_CASSANDRA": cassandra_address, "WARBLER_KAFKA": "127.0.0.1:1", "WARBLER_KEYSPACE": keyspace}
        line = [sys.executable, "-c", "from ops.cli import main; main()", "could", user, action, talk.conversation_id, *at]
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    asyncio.run(prepare())
    for at_ms, action, code, said in (
        (500, "send", 0, "by event 1;"),
        (2_000, "send", 1, "by event 2;"),
        (5_000, "send", 0, "what event 2 had set was over"),
        (5_000, "ban", 1, "not_allowed"),
        (7_000, "ban", 0, "by event 3;"),
        (9_000, "ban", 1, "not_member"),
    ):
        status, output = asked("ben", action, "--at", str(T0_MS + at_ms))
        assert (status, said in output) == (code, True), output
    assert "not_member" in asked("ben", "join")[1]
    assert asked("ben", "fly")[0] == 2
    assert asked("ben", "send", "--at", "never")[0] == 2
