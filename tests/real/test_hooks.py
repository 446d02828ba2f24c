"""A hook before a real edge, over the log and the owner of a whole Warbler: vetoed, changed, slow, dead, and asked again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops import statefile
from ops.embedded.ports import next_free
from tests.edge.hook_server import ALLOW, SECRET_TEXT, Answer, HookServer, Question, hook_server, says
from tests.real.running import PORTS_FROM, Running
from tests.real.talking import new_id, online, registered

pytestmark = pytest.mark.real
PATIENCE_S = 120.0
RUDE, SECRET_WORD, SLOW, DEAD = "you fool", "the word is mellon", "wait for me", "is anybody there"


@dataclass(slots=True)
class Moderation:
    """A hook that runs in a thread of its own. `changing`: what it says is not what it said before."""

    server: HookServer | None = None
    changing: bool = False
    go: threading.Event = field(default_factory=threading.Event)

    async def answer(self, asked: Question) -> Answer:
        said = asked["data"]["content"]["text"]
        if said == SLOW:
            while not self.go.is_set():  # noqa: ASYNC110  # of another thread
                await asyncio.sleep(0.01)
        if said == DEAD:
            return 500, b""
        if said == RUDE:
            return says(action="veto", reason="no insults")
        if "mellon" in said:
            return (
                says(action="veto", reason="another day")
                if self.changing
                else says(action="replace", content={"media_type": "text/plain", "text": "the word is ***"})
            )
        return ALLOW

    def serve(self, ready: threading.Event, stop: threading.Event) -> None:
        async def whole() -> None:
            async with hook_server(self.answer) as self.server:
                ready.set()
                await asyncio.to_thread(stop.wait)

        asyncio.run(whole())


@pytest.fixture(scope="module")
def moderation() -> Iterator[Moderation]:
    made, ready, stop = Moderation(), threading.Event(), threading.Event()
    thread = threading.Thread(target=made.serve, args=(ready, stop))
    thread.start()
    assert ready.wait(PATIENCE_S)
    yield made
    stop.set()
    thread.join(PATIENCE_S)


@pytest.fixture(scope="module")
def hooked(warbler: Running, moderation: Moderation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One more edge of the shared world, with a hook: its address. What goes through the other edges is asked of nobody."""
    assert moderation.server is not None
    folder, port = tmp_path_factory.mktemp("hooks"), next_free(PORTS_FROM + 15)
    file = folder / "hooks.yaml"
    hook = f"{{id: moderation, url: '{moderation.server.url}', secret_env: HOOK_SECRET, failure: closed, deadline_ms: 10000}}"
    file.write_text(f"hooks: [{hook}]")
    own = {"EDGE_PORT": str(port), "EDGE_HOOKS_FILE": str(file), "HOOK_SECRET": SECRET_TEXT, "WARBLER_NODE": "edge-hooked"}
    process = subprocess.Popen(
        [sys.executable, "-m", "edge"], env={**environment(warbler), **own}, stdin=subprocess.DEVNULL, stdout=(folder / "out").open("wb")
    )
    try:
        answers(f"http://127.0.0.1:{port}/live", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def environment(warbler: Running) -> dict[str, str]:
    """That of the edges that run there."""
    state = statefile.read(warbler.data)
    child = next(each.pid for each in state.processes if each.name == "edge-1")
    given = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
    return dict(line.decode().split("=", 1) for line in given if b"=" in line) | {"PATH": os.environ["PATH"]}


def answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(url, timeout=5).json()["ok"]:
                return
        except (httpx.HTTPError, ValueError):
            pass
        assert process.poll() is None, "the edge ended"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def texts(frame: dict[str, Any]) -> list[str]:
    return [event["content"]["text"] for event in frame["events"] if event["kind"] == "message_sent"]


def test_what_a_hook_says_is_what_members_see_and_a_repeat_gets_the_same(warbler: Running, hooked: str, moderation: Moderation) -> None:
    async def whole() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with online(hooked, ana) as phone, online(warbler.addresses()[0], ben) as bens:
            group = await phone.new_group(ben)
            vetoed = await phone.send_text(group, RUDE, rude := new_id())
            assert (vetoed["type"], vetoed["code"], vetoed["detail"], vetoed["retryable"]) == ("reject", "vetoed", "no insults", False)
            changed = await phone.send_text(group, SECRET_WORD, secret := new_id())
            frame = await bens.hear(lambda each: each["type"] == "events" and bool(texts(each)))
            assert texts(frame) == ["the word is ***"]
            moderation.changing = True
            assert (await phone.send_text(group, SECRET_WORD, secret))["seq"] == changed["seq"]
            assert (await phone.send_text(group, RUDE, rude))["code"] == "vetoed"
        async with online(warbler.addresses()[0], ana, "tablet") as tablet:  # another node, where nobody is asked
            assert (await tablet.send_text(group, SECRET_WORD, secret))["seq"] == changed["seq"]

    asyncio.run(whole())


def test_order_is_kept_and_a_dead_hook_refuses_so_that_the_same_can_be_sent_again(
    warbler: Running, hooked: str, moderation: Moderation
) -> None:
    async def whole() -> None:
        ana = registered(warbler)
        async with online(hooked, ana) as phone:
            group = await phone.new_group(registered(warbler))
            slow, after = new_id(), new_id()
            phone.say(type="send_message", id=slow, conversation=group, content={"text": SLOW})
            phone.say(type="send_message", id=after, conversation=group, content={"text": "after"})
            other = await phone.new_group(registered(warbler))
            assert (await phone.send_text(other, "meanwhile"))["type"] == "ack"
            moderation.go.set()
            assert (await phone.answer(slow))["seq"] + 1 == (await phone.answer(after))["seq"]
            dead = await phone.send_text(group, DEAD)
            assert (dead["code"], dead["retryable"]) == ("unavailable", True)

    asyncio.run(whole())


def test_the_rest_face_says_it_with_403(warbler: Running, hooked: str) -> None:
    async def group_of(address: str) -> tuple[str, str]:
        ana = registered(warbler)
        async with online(address, ana) as phone:
            return ana.token, await phone.new_group(registered(warbler))

    token, group = asyncio.run(group_of(hooked))
    body = {"command": {"type": "send_message", "content": {"text": RUDE}}}
    url = f"{hooked}/v1/conversations/{group}/commands"
    answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S)
    assert (answer.status_code, answer.json()["code"]) == (403, "vetoed")
    counted = httpx.get(f"{hooked}/metrics", timeout=PATIENCE_S).text
    assert 'edge_hooks_total{hook="moderation",outcome="veto"}' in counted
