"""Kafka's data replaced by an older copy of it: noticed by who runs, refused at a start, and with a new epoch read again by every device.

Method: Kafka is stopped in order while edges and workers wait, its folder is copied early, and the copy is put back later, under them.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from warbler import Client, Connected, TimelineEvent
from warbler.frames import Welcome

from ops.embedded.ports import is_free
from ops.embedded.stack import Stack
from store.cassandra import Store
from store.epochs import current_epoch
from store.settings import StoreSettings
from tests.real import running
from tests.real.running import Running
from tests.real.talking import User, minted

pytestmark = pytest.mark.real

EARLY, LATE = 30, 50
PATIENCE_S = 90.0


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.2)


async def hold(client: Client, conversation: str, up_to_seq: int) -> list[int]:
    """The seqs that the device is given until it holds the event `up_to_seq`, whatever else it hears."""
    seqs: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        async for happening in client.events():
            if isinstance(happening, TimelineEvent) and happening.conversation == conversation:
                seqs.append(happening.event.seq)
                if seqs[-1] >= up_to_seq:
                    return seqs
    raise AssertionError("the client has ended")


async def say(warbler: Running, user: User, conversation: str, count: int) -> list[int]:
    async with Client(warbler.page, token=user.token, device="laptop") as client:
        return [ack.seq for ack in await asyncio.gather(*(client.send_nowait(conversation, f"m{n}") for n in range(count)))]


async def with_kafka_stopped(stack: Stack, work: Callable[[Path], None]) -> None:
    await stack.kafka_node.stop()
    await asyncio.to_thread(work, stack.kafka_node.data)
    await stack.kafka_node.start()


def has_successor(warbler: Running, name: str, old_pid: int) -> bool:
    return warbler.pid(name) not in (0, old_pid)


def says_why_it_waits(warbler: Running, name: str) -> bool:
    return "store.not_the_same_log" in (warbler.data / "logs" / f"{name}.log").read_text(errors="replace")


def test_a_restored_log_gets_a_new_epoch_and_no_seq_is_skipped_silently(tmp_path: Path) -> None:
    copy = tmp_path / "copy"

    async def body(stack: Stack) -> None:
        begun = running.start(make(tmp_path / "w"), stack.kafka, stack.cassandra, "--edges", "2")
        try:
            ana, ben = minted(begun, 2)
            async with Client(begun.page, token=ana.token, device="laptop") as client:
                group = await client.create_group("tea", [ben.user])
            assert await say(begun, ana, group, EARLY) == list(range(2, EARLY + 2))
            await verified(begun)
            await with_kafka_stopped(stack, lambda data: restore(data, copy))
            assert await say(begun, ana, group, LATE) == list(range(EARLY + 2, EARLY + LATE + 2))
            async with Client(begun.page, token=ben.token, device="phone", positions={group: 1}) as client:
                assert await hold(client, group, EARLY + LATE + 1) == list(range(1, EARLY + LATE + 2))
                positions, epoch = client.positions(), client.epoch
            await verified(begun)
            old_pids = {name: begun.pid(name) for name in ("edge-1", "edge-2", "projector-1")}

            await with_kafka_stopped(stack, lambda data: restore(copy, data))
            for name, pid in old_pids.items():
                await until(functools.partial(has_successor, begun, name, pid), f"{name} went on")
                await until(functools.partial(says_why_it_waits, begun, name), f"{name} does not say why it waits")
            assert is_free(int(begun.page.rsplit(":", 1)[1]), "127.0.0.1")
        finally:
            await asyncio.to_thread(running.stop, begun.process)

        with pytest.raises(RuntimeError, match="STORE_ON_NEW_LOG=truncate"):
            running.start(tmp_path / "w", stack.kafka, stack.cassandra)
        assert await epoch_of(stack) == epoch
        again = running.start(tmp_path / "w", stack.kafka, stack.cassandra, "--edges", "2", env={"STORE_ON_NEW_LOG": "truncate"})
        try:
            fresh = await epoch_of(stack)
            assert fresh != epoch
            async with Client(again.addresses()[1], token=ben.token, device="phone", positions=positions, epoch=epoch) as client:
                welcome = await connected(client)
                assert (welcome.epoch, welcome.epoch_changed) == (fresh, True)
                assert await hold(client, group, EARLY + 1) == list(range(1, EARLY + 2))
                assert await say(again, ana, group, 3) == [EARLY + 2, EARLY + 3, EARLY + 4]
                assert await hold(client, group, EARLY + 4) == [EARLY + 2, EARLY + 3, EARLY + 4]
                assert client.epoch == fresh
            await verified(again)
        finally:
            await asyncio.to_thread(running.stop, again.process)

    async def whole() -> None:
        async with Stack(make(tmp_path / "stack")) as stack:
            await body(stack)

    asyncio.run(whole())


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def restore(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


async def connected(client: Client) -> Welcome:
    async with asyncio.timeout(PATIENCE_S):
        async for happening in client.events():
            if isinstance(happening, Connected):
                return happening.welcome
    raise AssertionError("the client has ended")


async def epoch_of(stack: Stack) -> str | None:
    store = await Store.connect(StoreSettings(stack.cassandra))
    try:
        return await current_epoch(store)
    finally:
        await store.close()


async def verified(warbler: Running) -> None:
    """Every row of the timelines is what the log says, and nothing else stands there."""
    command = [sys.executable, "-m", "ops.cli", "verify", "timelines", "--data", str(warbler.data)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
