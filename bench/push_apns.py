"""`python -m bench.push_apns`: pushes through APNs over one connection, alone in this process so that CPU and memory are its own.

The fake APNs (`tests.push.fakes.apns`, by the library h2) is another process and answers after 50 ms. Needs no cluster.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import uvloop

from bench.apart import ROOT, say
from bench.report import Figure
from bench.stats import summary
from streams.push.alert import Alert
from streams.push.channels.apns import ApnsChannel, from_section
from streams.push.channels.port import Accepted
from streams.push.config import Section

LATENCY_MS = 50
IN_FLIGHT = (100, 500, 1_000)
WARM_S = 1.5
QUEUED = 100_000
TOKENS = 50_000


@contextmanager
def vendor() -> Iterator[dict[str, str]]:
    """The fake, and what a client of it needs to know."""
    command = [sys.executable, "-m", "tests.push.fakes.apns", "--latency-ms", str(LATENCY_MS)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def channel_to(about: dict[str, str]) -> ApnsChannel:
    """With one connection, and a time-out that even the last of those that wait does not reach."""
    names = ("key_id", "team_id", "topic", "url", "ca_file")
    fields: dict[str, Any] = {name: about[name] for name in names}
    return from_section(Section("apns", "", {**fields, "key": "env:KEY", "connections": 1, "timeout_ms": 60_000}, {"KEY": about["key"]}))


def alert(number: int, now_ms: int) -> Alert:
    return Alert(
        kind="alert",
        send_key=f"{number:032x}",
        collapse_key=f"conversation-{number % 1000:09}",
        title="Ana",
        body="Shall we meet at the station at eight? " * 2,
        badge=number % 100,
        at_ms=now_ms,
        deadline_ms=now_ms + 86_400_000,
        ticket="t" * 120,
        data={"conversation": "g-1", "seq": str(number), "purpose": "message", "ref": ""},
    )


class Sender:
    def __init__(self, channel: ApnsChannel) -> None:
        self.channel, self.number = channel, 0
        self.took_ms: list[float] = []

    async def send(self) -> None:
        """Raises: RuntimeError where the fake does not take it."""
        self.number += 1
        now_ms, begun_s = time.time_ns() // 1_000_000, time.perf_counter()
        outcome = await self.channel.send(f"{self.number % TOKENS:064x}", alert(self.number, now_ms), now_ms)
        if not isinstance(outcome, Accepted):
            raise RuntimeError(f"the fake did not take it: {outcome}")
        self.took_ms.append((time.perf_counter() - begun_s) * 1000)

    async def loop(self, in_flight: int, seconds: float) -> None:
        """So many at once, each followed by the next."""
        until_s = time.perf_counter() + seconds

        async def one() -> None:
            while time.perf_counter() < until_s:
                await self.send()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(in_flight):
                tasks.create_task(one())


async def measured(sender: Sender, in_flight: int, seconds: float) -> list[Figure]:
    await sender.loop(in_flight, WARM_S)
    sender.took_ms.clear()
    gc.collect()
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    await sender.loop(in_flight, seconds)
    took_s, used_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    found, name = summary(sender.took_ms), f"{in_flight} in flight"
    return [
        Figure(f"{name}: requests", "/s", found.count / took_s),
        Figure(f"{name}: requests a second of CPU", "/s", found.count / used_s),
        Figure(f"{name}: cpu", "us/request", used_s * 1e6 / found.count),
        Figure(f"{name}: p50", "ms", found.p50),
        Figure(f"{name}: p99", "ms", found.p99),
    ]


async def queued(sender: Sender) -> list[Figure]:
    """Memory while `QUEUED` callers wait at once, of which the vendor lets 1,000 onto the connection."""
    process = psutil.Process()
    await sender.send()
    gc.collect()
    before = process.memory_info().rss
    sends = [asyncio.create_task(sender.send()) for _ in range(QUEUED)]
    await asyncio.sleep(0)  # each has begun and waits
    held = process.memory_info().rss - before
    for send in sends:
        send.cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    return [
        Figure(f"{QUEUED} queued: memory", "MiB", held / 2**20),
        Figure(f"{QUEUED} queued: memory of one", "bytes", held / QUEUED),
    ]


async def whole(seconds: float) -> list[Figure]:
    with vendor() as about:
        channel = channel_to(about)
        await channel.start()
        try:
            sender = Sender(channel)
            figures = await queued(sender)
            for in_flight in IN_FLIGHT:
                figures += await measured(sender, in_flight, seconds)
            return figures
        finally:
            await channel.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load for each number in flight (%(default)s)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = uvloop.run(whole(given.seconds))
    say(figures, as_json=given.json)


if __name__ == "__main__":
    main()
