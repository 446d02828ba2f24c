"""Writes the tracks of a room into WebM files, one each, as they were encoded; in a thread of its own, so that no disk delays a packet.

A folder per call and epoch, with `tracks.jsonl` beside the files: whose each is, and when it began.
"""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av

from rtc.engines.embedded.codecs import OPUS, VP8, Codec
from rtc.engines.embedded.frames import Assembler, Frame
from rtc.engines.embedded.rtp import Packet
from rtc.engines.embedded.slots import SourceKey
from rtc.engines.port import Room

MILLISECONDS = Fraction(1, 1000)
FRAMES_WAITING_LIMIT = 2_000
NAME_CHARS = 60


class _File:
    """One track's file; in the writing thread only. Opened by its first frame, as a picture's size stands in there."""

    def __init__(self, path: Path, codec: Codec) -> None:
        self._path, self._codec = path, codec
        self._container: Any = None
        self._stream: Any = None
        self._last_ms = -1

    def write(self, frames: list[Frame]) -> None:
        for frame in frames:
            if self._container is None:
                self._open(frame)
            packet: Any = av.Packet(frame.data)
            packet.stream = self._stream
            # the muxer wants times that rise; two packets of one millisecond are put one apart
            packet.pts = packet.dts = self._last_ms = max(frame.at_ms, self._last_ms + 1)
            packet.time_base = MILLISECONDS
            packet.is_keyframe = frame.is_key
            self._container.mux(packet)

    def _open(self, frame: Frame) -> None:
        self._container = av.open(str(self._path), "w", format="webm")
        if self._codec == OPUS:
            # an encoder is opened for the header that it makes, and encodes nothing
            self._stream = self._container.add_stream("libopus", rate=48_000)
            self._stream.layout = "stereo"
        else:
            self._stream = self._container.add_mux_stream("vp8", width=frame.width, height=frame.height)

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None


class TrackRecorder:
    """What is written of one source. `dropped`: frames for which the disk was too slow."""

    def __init__(self, recorder: "Recorder", path: Path, codec: Codec) -> None:
        self._recorder = recorder
        self._codec = codec
        self._file = _File(path, codec)
        self._assembler = Assembler(codec)
        self._waiting = 0
        self._began_ms = self._base_ms = -1
        self._last_ms = 0
        self.dropped = 0
        self._stream: object = None

    def take(self, packet: Packet, stream: object, now_ms: int) -> bool:
        """Whether a key frame is needed to begin, or go on. `stream`: whose packets; another one is joined on, by the clock."""
        if self._began_ms < 0:
            self._began_ms = now_ms
        if stream is not self._stream:
            self._stream, self._assembler = stream, Assembler(self._codec)
            self._base_ms = max(self._last_ms, now_ms - self._began_ms)
        frames = [Frame(self._base_ms + one.at_ms, one.data, one.is_key, one.width, one.height) for one in self._assembler.take(packet)]
        if frames:
            self._last_ms = frames[-1].at_ms
            if self._waiting + len(frames) > FRAMES_WAITING_LIMIT:
                self.dropped += len(frames)
            else:
                self._waiting += len(frames)
                self._recorder.write(self._file, frames, self._written)
        return self._assembler.needs_key

    def _written(self, count: int) -> None:
        self._waiting -= count

    def close(self) -> None:
        self._recorder.submit(self._file.close)


class Recorder:
    """The recording of one room, from `on` to `off`."""

    def __init__(self, folder: Path, room: Room, started_ms: int) -> None:
        self._folder = folder / f"{quote(room.call_id, safe='')[:NAME_CHARS]}-{room.epoch}-{started_ms}"
        self._tracks: dict[SourceKey, TrackRecorder] = {}
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self.failed = 0
        self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        return self._folder

    def track(self, key: SourceKey, codec: Codec) -> TrackRecorder | None:
        """Nothing for a codec that is not recorded."""
        if codec not in (OPUS, VP8):
            return None
        found = self._tracks.get(key)
        if found is None:
            self._count += 1
            # the number first: nothing that a user is named can make another path of it
            name = f"{self._count:03}-{key.source}-{quote(key.user, safe='')[:NAME_CHARS]}.webm"
            found = self._tracks[key] = TrackRecorder(self, self._folder / name, codec)
            line = {"file": name, "user": key.user, "device": key.device, "source": key.source, "began_ms": time.time_ns() // 1_000_000}
            self.submit(self._note, json.dumps(line) + "\n")
        return found

    def _note(self, line: str) -> None:
        with (self._folder / "tracks.jsonl").open("a") as notes:
            notes.write(line)

    def write(self, file: _File, frames: list[Frame], written: Any) -> None:
        self.submit(file.write, frames).add_done_callback(lambda _: self._loop.call_soon_threadsafe(written, len(frames)))

    def submit(self, call: Any, *arguments: Any) -> Any:
        future = self._writing.submit(call, *arguments)
        future.add_done_callback(self._failed)
        return future

    def _failed(self, future: Any) -> None:
        if future.exception() is not None:
            self.failed += 1

    async def close(self) -> None:
        """Blocks: until everything is written."""
        for track in self._tracks.values():
            track.close()
        await asyncio.get_running_loop().run_in_executor(None, self._writing.shutdown)
