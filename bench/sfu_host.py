"""A media engine in a process of its own, driven by lines of JSON on its standard input: what bench.sfu puts load on.

Answers every request by a line with its id; what the engine offers is a line without one.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from rtc.engines.embedded.engine import EmbeddedEngine
from rtc.engines.embedded.settings import EmbeddedEngineSettings
from rtc.engines.janus.engine import JanusEngine
from rtc.engines.janus.process import JanusProcess
from rtc.engines.janus.settings import JanusSettings
from rtc.engines.port import Engine, Leg, Offered, Room
from schemas.call_signals import Track

ROOM = Room("bench", 1)
LINE_BYTES_LIMIT = 1 << 24
JANUS_ENV = {"RTC_JANUS_PARTICIPANTS_LIMIT": "200"}


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def answered(engine: Engine, asked: dict[str, Any]) -> dict[str, Any]:
    leg = Leg(asked["user"], "1", 1)
    if asked["do"] == "publish":
        tracks = tuple(Track(mid, source) for mid, source in asked["tracks"])
        return {"sdp": await engine.publish(ROOM, leg, asked["sdp"], tracks, ())}
    await engine.answer(ROOM, leg, asked["sdp"])
    return {}


async def offers(engine: Engine) -> None:
    async for event in engine.events():
        if isinstance(event, Offered):
            say({"offered": event.leg.user, "sdp": event.sdp})


async def serve(engine: Engine, pid: int) -> None:
    reader = asyncio.StreamReader(limit=LINE_BYTES_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await engine.start()
    await engine.ensure_room(ROOM, "video")
    telling = asyncio.create_task(offers(engine))
    say({"pid": pid})
    while line := await reader.readline():
        asked = json.loads(line)
        say({"id": asked["id"], **await answered(engine, asked)})
    telling.cancel()
    await engine.close(ROOM)
    await engine.stop()


async def with_janus() -> None:
    with tempfile.TemporaryDirectory() as folder:
        janus = JanusProcess(Path(folder))
        await janus.start()
        try:
            await serve(JanusEngine(JanusSettings.from_env({**janus.env, **JANUS_ENV}), "bench"), janus.pid)
        finally:
            await janus.stop()


async def embedded(host: str) -> None:
    await serve(EmbeddedEngine(EmbeddedEngineSettings(host=host, participants_limit=200)), os.getpid())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("embedded", "janus"), required=True)
    parser.add_argument("--host", default="127.0.0.1")
    given = parser.parse_args()
    uvloop.run(with_janus() if given.engine == "janus" else embedded(given.host))


if __name__ == "__main__":
    main()
