"""What a bot plays and what it records: files. A shell around PyAV; called by `warbler.media`."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias, cast

import av
import av.container
from aiortc import MediaStreamTrack
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamError
from av.audio.stream import AudioStream
from av.frame import Frame
from av.packet import Packet
from av.video.stream import VideoStream

from warbler.call_frames import FrameTrack
from warbler.call_values import TrackSource
from warbler.media_peer import Published

# A second's work in a few ms: a bot may be one of many on its machine, and its recording is a witness, not a film.
VIDEO_OPTIONS = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
VIDEO_BITRATE = 1_000_000
VIDEO_CLOCK = Fraction(1, 1_000)
AUDIO_RATE = 48_000
AUDIO_FRAME_SAMPLES = 960  # 20 ms
FRAME_RATE_IF_UNKNOWN = 25
Played: TypeAlias = "Frame | Packet[Any]"
SENT_AS_IT_IS = frozenset({"opus", "vp8", "h264"})
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class FileTrack(MediaStreamTrack):
    """One stream of a file at its own pace, over and over; encoded packets, or frames for aiortc to encode.

    Shape: times grow through every round (aiortc's own player starts them anew, and then sends as fast as it can).
    """

    def __init__(self, file: str, kind: str, encoded: bool) -> None:
        super().__init__()
        self.kind = kind
        self._container = av.open(file)
        self._stream = self._container.streams.audio[0] if kind == "audio" else self._container.streams.video[0]
        self._encoded = encoded
        self._resampler = av.AudioResampler("s16", "stereo", AUDIO_RATE, AUDIO_FRAME_SAMPLES)
        self._lock = threading.Lock()  # a read goes on in its thread when its task is cancelled
        self._media = self._rounds()
        self._began_s: float | None = None

    async def recv(self) -> Played:
        if self.readyState != "live":
            raise MediaStreamError
        # Reading a packet is nothing; decoding a picture is not, and the loop has other calls to look after.
        each = self._next() if self._encoded else await asyncio.to_thread(self._next)
        at_s = float((each.pts or 0) * (each.time_base or 0))
        now_s = time.monotonic()
        self._began_s = now_s - at_s if self._began_s is None else self._began_s
        await asyncio.sleep(max(0.0, self._began_s + at_s - now_s))
        return each

    def _next(self) -> Played:
        with self._lock:
            if self.readyState != "live":
                raise MediaStreamError
            return next(self._media)

    def _rounds(self) -> Iterator[Played]:
        before = Fraction(0)
        while True:
            end, first = before, None
            for each in self._packets() if self._encoded else self._frames():
                assert each.pts is not None
                assert each.time_base is not None
                first = each.pts if first is None else first
                each.pts += int(before / each.time_base) - first
                end = (each.pts + _length(each)) * each.time_base
                yield each
            if end == before:
                raise ValueError("the stream is empty")
            before = end
            self._container.seek(0)

    def _packets(self) -> "Iterator[Packet[Any]]":
        return (packet for packet in self._container.demux(self._stream) if packet.size and packet.pts is not None)

    def _frames(self) -> Iterator[Frame]:
        for frame in self._container.decode(self._stream):
            if isinstance(frame, av.AudioFrame):
                yield from self._resampler.resample(frame)
            elif isinstance(frame, av.VideoFrame) and frame.pts is not None:
                yield frame

    def stop(self) -> None:
        super().stop()
        with self._lock:
            self._container.close()


def _length(each: Played) -> int:
    """In the units of its time base."""
    if isinstance(each, av.AudioFrame):
        return each.samples
    return int(each.duration or 0) or int(Fraction(1, FRAME_RATE_IF_UNKNOWN) / (each.time_base or 1))


class Player:
    """Plays a file over and over, to as many generations as there are.

    `encoded`: the file's VP8, H.264 or Opus is sent as it is (without audio levels, so an engine does not see it speak); else it is
    decoded, and encoded for the call.
    Raises: av.FFmpegError, OSError for a file that cannot be read; ValueError for one with nothing to play.
    """

    def __init__(self, file: str | Path, *, encoded: bool = False) -> None:
        with av.open(str(file)) as container:
            streams = [*container.streams.audio[:1], *container.streams.video[:1]]
            kinds = [each.type for each in streams if not encoded or each.codec_context.name in SENT_AS_IT_IS]
        if not kinds:
            raise ValueError(f"{file}: nothing in it can be played{' as it is' if encoded else ''}")
        self._relay = MediaRelay()
        self._tracks = [FileTrack(str(file), kind, encoded) for kind in kinds]

    def published(self, *, video: bool) -> list[Published]:
        """New ends of the file's streams, for one generation."""
        wanted = [track for track in self._tracks if video or track.kind == "audio"]
        return [Published(self._relay.subscribe(track), "camera" if track.kind == "video" else "microphone") for track in wanted]

    def close(self) -> None:
        for track in self._tracks:
            track.stop()


@dataclass(slots=True)
class Recording:
    """One stream of one participant. `packets`: written to `path`; None: only counted, or nothing came that could be written.

    Units: `first_ms` of the first decoded frame, on the monotonic clock.
    """

    of: FrameTrack
    path: Path | None
    frames: int = 0
    packets: int = 0
    first_ms: int | None = None


OnFirst = Callable[[Recording], None]


class Recorder:
    """Takes streams and writes each to a file of its own, or counts their frames where there is no `folder`."""

    def __init__(self, folder: str | Path | None, on_first: OnFirst = lambda recording: None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._on_first = on_first
        self._tasks: dict[MediaStreamTrack, tuple[FrameTrack, asyncio.Task[None]]] = {}
        self.recordings: list[Recording] = []

    def take(self, of: FrameTrack, track: MediaStreamTrack) -> None:
        """Once for every stream; again with another `of`: it is somebody else's from now on."""
        before = self._tasks.get(track)
        if before is not None and _whose(before[0]) == _whose(of):
            return
        if before is not None:
            before[1].cancel()
        recording = Recording(of, self._path(of))
        self.recordings.append(recording)
        self._tasks[track] = (of, asyncio.create_task(self._run(recording, track), name=f"record {of.user} {of.source}"))

    def _path(self, of: FrameTrack) -> Path | None:
        if self._folder is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        name = _UNSAFE.sub("_", f"{len(self.recordings) + 1:02}-{of.user}-{of.source}")
        return self._folder / f"{name}.webm"

    async def _run(self, recording: Recording, track: MediaStreamTrack) -> None:
        file = None if recording.path is None else TrackFile(recording.path)
        try:
            while True:
                frame = cast(av.AudioFrame | av.VideoFrame, await track.recv())
                recording.frames += 1
                if recording.first_ms is None:
                    recording.first_ms = int(time.monotonic() * 1000)
                    self._on_first(recording)
                if file is not None:
                    await asyncio.to_thread(file.write, frame)
        except MediaStreamError:
            pass  # the stream is over
        finally:
            if file is not None:
                recording.packets = file.close()
                if not recording.packets:
                    recording.path = None

    async def close(self) -> None:
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()


def _whose(track: FrameTrack) -> tuple[str, str, TrackSource]:
    return track.user, track.device, track.source


class TrackFile:
    """One stream as WebM: Opus, or VP8 of the size of its first frame. `close` answers how many packets stand in it."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path), "w", format="webm")
        self._lock = threading.Lock()  # a write goes on in its thread when its task is cancelled
        self._stream: AudioStream | VideoStream | None = None
        self._began_ms: int | None = None
        self._last_pts = -1
        self._samples = self._packets = 0
        self._closed = False

    def write(self, frame: av.AudioFrame | av.VideoFrame) -> None:
        with self._lock:
            if not self._closed:
                self._write(frame)

    def _write(self, frame: av.AudioFrame | av.VideoFrame) -> None:
        if isinstance(frame, av.AudioFrame):
            frame.pts, frame.time_base = self._samples, Fraction(1, frame.sample_rate)
            self._samples += frame.samples
            self._mux(self._audio(frame), frame)
            return
        now_ms = int(time.monotonic() * 1000)
        self._began_ms = now_ms if self._began_ms is None else self._began_ms
        # By arrival, not by the sender's clock: that one starts anew where a new generation or another engine takes over.
        self._last_pts = max(self._last_pts + 1, now_ms - self._began_ms)
        stream = self._video(frame)
        frame = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
        frame.pts, frame.time_base = self._last_pts, VIDEO_CLOCK
        self._mux(stream, frame)

    def _audio(self, frame: av.AudioFrame) -> AudioStream:
        if self._stream is None:
            self._stream = self._container.add_stream("libopus", rate=AUDIO_RATE)
            self._stream.layout = frame.layout.name
        return cast(AudioStream, self._stream)

    def _video(self, frame: av.VideoFrame) -> VideoStream:
        if self._stream is None:
            stream = self._container.add_stream("libvpx", rate=30, options=VIDEO_OPTIONS)
            stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
            stream.bit_rate, stream.codec_context.time_base = VIDEO_BITRATE, VIDEO_CLOCK
            self._stream = stream
        return cast(VideoStream, self._stream)

    def _mux(self, stream: AudioStream | VideoStream, frame: av.AudioFrame | av.VideoFrame | None) -> None:
        for packet in stream.encode(frame):  # type: ignore[arg-type]
            self._container.mux(packet)
            self._packets += 1

    def close(self) -> int:
        with self._lock:
            if not self._closed and self._stream is not None:
                self._mux(self._stream, None)
            self._closed = True
            self._container.close()
        return self._packets
