"""Small files to play into calls, and what stands in files that were recorded."""

import math
from fractions import Fraction
from pathlib import Path

import av


def film(path: Path, seconds: int = 2) -> Path:
    """A small WebM: a grey that changes, and a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx", rate=10, options={"deadline": "realtime", "cpu-used": "8"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        audio = container.add_stream("libopus", rate=48_000)
        audio.layout = "mono"
        for number in range(10 * seconds):
            picture = av.VideoFrame(160, 120, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([40 + 8 * number % 200]) * plane.buffer_size)
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(video.encode(picture))
        for number in range(50 * seconds):
            tone = av.AudioFrame("s16", "mono", 960)
            samples = (int(8_000 * math.sin((number * 960 + each) / 17)) for each in range(960))
            tone.planes[0].update(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
            tone.sample_rate, tone.pts, tone.time_base = 48_000, number * 960, Fraction(1, 48_000)
            container.mux(audio.encode(tone))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def packets_in(path: Path) -> dict[str, int]:
    counts = {"audio": 0, "video": 0}
    with av.open(str(path)) as container:
        for packet in container.demux():
            counts[packet.stream.type] += bool(packet.size)
    return counts
