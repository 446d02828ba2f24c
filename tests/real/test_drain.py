"""A node that is told to stop: its devices move to another node at their times, nothing is lost, and it ends with 0."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import httpx
import pytest

from tests.real.running import Running
from tests.real.talking import Device, User, minted, new_id, online, opened

pytestmark = pytest.mark.real

MOVERS = 48
SPOKEN_S = 0.02


class Mover:
    """A device that leaves when it is told to: it opens a session elsewhere, and only then closes the old one."""

    def __init__(self, user: User, conversation: str, elsewhere: str) -> None:
        self.user, self.conversation, self.elsewhere = user, conversation, elsewhere
        self.next_seq = 1
        self.seqs: list[int] = []
        self.errors: list[dict[str, Any]] = []
        self.moved_ms = -1

    async def stay(self, device: Device) -> None:
        """Follows the conversation until it is told to move."""
        while self.moved_ms < 0:
            assert await device.read(), f"closed with {device.close_code}"
            self._take(device)

    async def go(self, old: Device) -> None:
        await asyncio.sleep(self.moved_ms / 1000)
        while await asyncio.wait_for(_readable(old), 30):
            self._take(old)
        async with opened(self.elsewhere) as device:
            device.say(type="hello", token=self.user.token, device="phone", positions={self.conversation: self.next_seq})
            old.client.writer.close()
            while True:
                assert await device.read(), f"closed with {device.close_code}"
                self._take(device)

    def _take(self, device: Device) -> None:
        for frame in device.frames:
            match frame["type"]:
                case "move":
                    self.moved_ms = frame["after_ms"]
                case "events" | "page":
                    self.seqs += [event["seq"] for event in frame["events"] if event["seq"] >= self.next_seq]
                    self.next_seq = max([self.next_seq, *(event["seq"] + 1 for event in frame["events"])])
                case "error" | "reject":
                    self.errors.append(frame)
        if device.frames and self.next_seq > 1:
            device.say(type="mark", conversation=self.conversation, state="delivered", up_to_seq=self.next_seq - 1)
        device.frames.clear()


async def _readable(device: Device) -> bool:
    """Takes what has arrived, and says whether there was something."""
    try:
        return await asyncio.wait_for(device.read(), 0.05)
    except TimeoutError:
        return False


def test_a_drained_node_loses_nothing_and_its_devices_are_elsewhere_without_an_error(warbler: Running) -> None:
    first, second = warbler.addresses()

    async def all_of_it() -> tuple[int, list[Mover]]:
        ben, *users = minted(warbler, 1 + MOVERS)
        async with online(second, ben, "laptop") as talker:
            group = await talker.new_group(*users)
            movers = [Mover(user, group, second) for user in users]
            tasks = [asyncio.create_task(one(mover)) for mover in movers]
            async with asyncio.timeout(120):
                while any(mover.next_seq == 1 for mover in movers):  # noqa: ASYNC110 -- until each is there
                    await asyncio.sleep(0.05)
            said = await speak_while_it_drains(talker, group, movers)
            async with asyncio.timeout(120):
                while any(mover.next_seq <= said for mover in movers):
                    await asyncio.sleep(0.05)
                    for task in tasks:
                        if task.done():
                            task.result()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return said, movers

    async def one(mover: Mover) -> None:
        async with opened(first) as device:
            device.say(type="hello", token=mover.user.token, device="phone", positions={mover.conversation: 1})
            await mover.stay(device)
            await mover.go(device)

    async def speak_while_it_drains(talker: Device, group: str, movers: list[Mover]) -> int:
        """The head after the last message: each is acked before the next is said."""
        old = warbler.kill("edge-1", signal.SIGTERM)
        await asyncio.sleep(0.3)
        said = 0
        while warbler.pid("edge-1") == old or said == 0:
            said = (await talker.send_text(group, "on the way", new_id()))["seq"]
            await asyncio.sleep(SPOKEN_S)
            live = await asyncio.to_thread(_live, first)
            assert live is None or live["detail"]["draining"] or warbler.pid("edge-1") != old
        assert all(mover.moved_ms >= 0 for mover in movers)
        return said

    old = warbler.pid("edge-1")
    said, movers = asyncio.run(all_of_it())
    warbler.wait_for_successor("edge-1", old)
    assert said > 10, "not much was said while it drained"
    for mover in movers:
        assert mover.seqs == list(range(1, said + 1))
        assert mover.errors == []
    assert len({mover.moved_ms for mover in movers}) > 1, "all at once"
    assert "edge-1 ended with 0" in (warbler.data / "up.log").read_text()


def _live(address: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = httpx.get(address + "/live", timeout=2).json()
    except httpx.HTTPError:
        return None
    return answer


def test_a_device_that_does_not_move_is_told_so_and_closed_at_the_end(warbler: Running) -> None:
    first = warbler.page
    (user,) = minted(warbler, 1)

    async def session() -> tuple[int, int]:
        async with online(first, user) as device:
            old = warbler.kill("edge-1", signal.SIGTERM)
            assert (await device.heard("move"))["after_ms"] >= 0
            async with opened(first) as late:
                late.say(type="hello", token=user.token, device="late")
                assert await late.closed() == 4000
            return await device.closed(), old

    code, old = asyncio.run(session())
    assert code == 4000
    warbler.wait_for_successor("edge-1", old)
