"""`python -m bench.sfu`: what a media engine needs to pass packets on, and how long they take; without Kafka or anything else.

One publisher (480p, some 1 Mbit/s) to many, and rooms where everybody sends picture and sound. The engine has a process of its own, all
of whose CPU is counted; the load client is this process.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

import psutil
import uvloop

from bench.apart import ROOT, say
from bench.report import Figure
from bench.sfu_peer import Peer, Stream
from bench.stats import summary
from rtc.engines.janus.process import media_address

ENGINES = ("embedded", "janus")
SUBSCRIBERS = (10, 40, 100)
EVERYBODY = 6
VIDEO_KBPS, AUDIO_KBPS = 1_000, 32
CONNECT_TIMEOUT_S = 60.0
SETTLE_S = 2.0
LINE_BYTES_LIMIT = 1 << 24

Kind = Literal["embedded", "janus"]


class Host:
    """The engine's process."""

    def __init__(self, engine: str, address: str) -> None:
        self._engine, self._address = engine, address
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next_id = 0
        self.pid = 0
        self.offers: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def start(self) -> None:
        command = [sys.executable, "-m", "bench.sfu_host", "--engine", self._engine, "--host", self._address]
        pipe = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe, limit=LINE_BYTES_LIMIT)
        assert self._child.stdout is not None
        first = await asyncio.wait_for(self._child.stdout.readline(), CONNECT_TIMEOUT_S)
        self.pid = json.loads(first)["pid"]
        self._reading = asyncio.create_task(self._read(self._child.stdout))

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            said = json.loads(line)
            if "offered" in said:
                self.offers.put_nowait((said["offered"], said["sdp"]))
            else:
                self._waiting.pop(said["id"]).set_result(said)

    async def ask(self, do: str, user: str, sdp: str, tracks: list[tuple[str, str]]) -> dict[str, Any]:
        self._next_id += 1
        future = self._waiting[self._next_id] = asyncio.get_running_loop().create_future()
        assert self._child.stdin is not None
        line = json.dumps({"id": self._next_id, "do": do, "user": user, "sdp": sdp, "tracks": tracks}) + "\n"
        self._child.stdin.write(line.encode())
        return await asyncio.wait_for(future, CONNECT_TIMEOUT_S)

    async def stop(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            await asyncio.wait_for(self._child.wait(), 15)
        except TimeoutError:
            self._child.kill()
        self._reading.cancel()


@dataclass(frozen=True, slots=True)
class Scene:
    """`publishers` of `legs` send; everybody receives all others."""

    name: str
    legs: int
    publishers: int
    sound: bool

    @property
    def streams_out(self) -> int:
        return self.publishers * (self.legs - 1) * (2 if self.sound else 1)


class Load:
    def __init__(self, host: Host, address: str, scene: Scene) -> None:
        self._host, self._address, self.scene = host, address, scene
        self.ups: list[Peer] = []
        self.downs: dict[str, Peer] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        self._tasks.append(asyncio.create_task(self._answer_offers()))
        streams = []
        for number in range(self.scene.legs):
            up = Peer(self._address, offers=True)
            self.ups.append(up)
            sends = number < self.scene.publishers
            kinds = [("video", 1_000 + number)] + ([("audio", 2_000 + number)] if self.scene.sound else [])
            offer = up.offer(kinds) if sends else up.offer([("audio", 3_000 + number)]).replace("a=sendonly", "a=recvonly")
            sources = {"video": "camera", "audio": "microphone"}
            tracks = [(str(mid), sources[kind]) for mid, (kind, _) in enumerate(kinds)] if sends else [("0", "microphone")]
            up.remote((await self._host.ask("publish", f"u{number}", offer, tracks))["sdp"])
            if sends:
                streams += [Stream(up.send_rtp, kind, ssrc, VIDEO_KBPS if kind == "video" else AUDIO_KBPS) for kind, ssrc in kinds]
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            for up in self.ups[: self.scene.publishers]:
                await up.connected.wait()
        self._tasks += [asyncio.create_task(stream.run()) for stream in streams]
        await self._all_connected()
        self._tasks.append(asyncio.create_task(self._report()))

    async def _answer_offers(self) -> None:
        while True:
            user, offer = await self._host.offers.get()
            down = self.downs.get(user)
            if down is None:
                down = self.downs[user] = Peer(self._address, offers=False)
            down._offers = "a=ice-lite" in offer  # a lite agent has no one else to control it
            await self._host.ask("answer", user, down.answer(offer), [])
            down.remote(offer)

    async def _all_connected(self) -> None:
        receivers = self.scene.legs if self.scene.publishers > 1 else self.scene.legs - 1
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            while len(self.downs) < receivers or self._streams() < self.scene.streams_out:  # noqa: ASYNC110 - packets tell nobody
                await asyncio.sleep(0.1)

    def _streams(self) -> int:
        return sum(len(down.receptions) for down in self.downs.values())

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            for down in self.downs.values():
                down.report()

    def counting(self, on: bool) -> None:
        for down in self.downs.values():
            down.counting = on

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(peer.close() for peer in (*self.ups, *self.downs.values())))


def scenes(counts: tuple[int, ...]) -> list[Scene]:
    one_to_many = [Scene(f"1 x {count}", count + 1, 1, sound=False) for count in counts]
    return [*one_to_many, Scene(f"{EVERYBODY} x {EVERYBODY}", EVERYBODY, EVERYBODY, sound=True)]


async def measured(engine: str, scene: Scene, seconds: float) -> list[Figure]:
    address = media_address()
    host = Host(engine, address)
    await host.start()
    load = Load(host, address, scene)
    try:
        await load.open()
        await asyncio.sleep(SETTLE_S)
        process = psutil.Process(host.pid)
        gc.collect()
        before, lost_before = process.cpu_times(), _lost(load)
        load.counting(True)
        await asyncio.sleep(seconds)
        load.counting(False)
        after = process.cpu_times()
        return _figures(f"{engine}, {scene.name}", load, after.user + after.system - before.user - before.system, lost_before, seconds)
    finally:
        await load.close()
        await host.stop()


def _lost(load: Load) -> int:
    return sum(reception.lost for down in load.downs.values() for reception in down.receptions.values())


def _figures(name: str, load: Load, cpu_s: float, lost_before: int, seconds: float) -> list[Figure]:
    packets = sum(down.packets for down in load.downs.values())
    mbit = sum(down.octets for down in load.downs.values()) * 8 / 1e6
    delay = summary([delay / 1_000 for down in load.downs.values() for delay in down.delays_us])
    lost = max(0, _lost(load) - lost_before)
    return [
        Figure(f"{name}: cores", "", cpu_s / seconds),
        Figure(f"{name}: forwarded", "Mbit/s", mbit / seconds),
        Figure(f"{name}: cpu", "ms/Mbit", cpu_s * 1_000 / max(1e-9, mbit)),
        Figure(f"{name}: cpu a packet", "us", cpu_s * 1e6 / max(1, packets)),
        Figure(f"{name}: delay p50", "ms", delay.p50),
        Figure(f"{name}: delay p99", "ms", delay.p99),
        Figure(f"{name}: lost", "%", 100 * lost / max(1, packets + lost)),
    ]


async def whole(engines: tuple[str, ...], counts: tuple[int, ...], seconds: float) -> list[Figure]:
    """Scene by scene, the engines one after the other, so that both have the machine in the same mood."""
    figures = []
    for scene in scenes(counts):
        for engine in engines:
            print(f"{time.strftime('%H:%M:%S')} {engine}, {scene.name}", file=sys.stderr, flush=True)
            figures += await measured(engine, scene, seconds)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: both")
    parser.add_argument("--subscribers", type=lambda text: tuple(int(part) for part in text.split(",")), default=SUBSCRIBERS)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load for each scene (%(default)s)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = uvloop.run(whole(tuple(given.engine or ENGINES), given.subscribers, given.seconds))
    say(figures, as_json=given.json)


if __name__ == "__main__":
    main()
