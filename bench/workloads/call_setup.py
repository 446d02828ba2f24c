"""How long a call takes to begin: from the request to the ring at the callee, and from the answer to the first decoded picture.

One call at a time, by two bots of the Python SDK in this process: their encoding and decoding is in the figures, as a phone's would be.
The film is encoded for the call, because a file that is sent as it is cannot answer who asks for a key picture. Without an engine and
through the embedded one.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from fractions import Fraction
from pathlib import Path

import aioice.ice
import av
from warbler import CallRefused, Client
from warbler import call_frames as cf
from warbler.calls import AskedEngine
from warbler.media import MediaCall, Player, Recorder, Recording, use_addresses

from bench.bench import Bench, Run
from bench.fleet import make_users
from bench.report import Figure
from bench.stats import summary

ENGINES: tuple[AskedEngine, ...] = ("p2p", "embedded")
STEP_TIMEOUT_S = 30.0
PICTURE = (320, 240)
PICTURES_PER_S = 30
AUDIO_RATE, AUDIO_SAMPLES = 48_000, 960
PATTERN = bytes(range(256)) * (PICTURE[0] * PICTURE[1] // 256 + 2)  # a grey ramp, which moves with every picture
TONE = b"".join(int(8_000 * math.sin(math.tau * 20 * each / 960)).to_bytes(2, "little", signed=True) for each in range(AUDIO_SAMPLES))


def clock_ms() -> float:
    return time.monotonic() * 1000


async def run(bench: Bench) -> Run:
    users = await make_users(bench.site.edge, f"{bench.prefix}-setup-{bench.ids.next_number}", 2)
    film = written(bench.site.data / "bench-call.webm")
    await bench.site.media_engine()
    with loopback():
        async with AsyncExitStack() as stack:
            ana, ben = [
                await stack.enter_async_context(Client(url_of(bench), token=user.token, device="bench-bot", paced=False)) for user in users
            ]
            group = await ana.create_group("calls", [ben.user])
            rings = [await ring_ms(ana, ben, group) for _ in range(bench.options.call_tries)]
            figures = _figures("call set-up: request to ring", rings)
            details: dict[str, object] = {"ring_ms": rings}
            await engine_ready(ana, ben, group)
            for engine in ENGINES:
                firsts = [await first_picture_ms(ana, ben, group, engine, film) for _ in range(bench.options.media_tries)]
                figures += _figures(f"call set-up: accept to first frame, {engine}", firsts)
                details[f"first_frame_ms_{engine}"] = firsts
    return Run(figures, details)


def url_of(bench: Bench) -> str:
    host, port = bench.site.edge.address
    return f"http://{host}:{port}"


def _figures(name: str, took_ms: list[float]) -> list[Figure]:
    over = summary(took_ms)
    return [Figure(f"{name} p50", "ms", over.p50), Figure(f"{name} p99", "ms", over.p99)]


async def ring_ms(ana: Client, ben: Client, group: str) -> float:
    """From the request to the ring, at an idle server; the call is given up at once."""
    rang: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    undo = ben.calls.on_ring(lambda ring: rang.set_result(clock_ms()))
    try:
        begun_ms = clock_ms()
        async with asyncio.timeout(STEP_TIMEOUT_S):
            placed = await ana.calls.request(group, [ben.user], engine="p2p")
            took_ms = await rang - begun_ms
            await ana.calls.hang_up(placed)
            await ben.calls.stopped(placed)
            return took_ms
    finally:
        undo()


async def engine_ready(ana: Client, ben: Client, group: str) -> None:
    """Until the edge has heard of the engine that was started."""
    async with asyncio.timeout(STEP_TIMEOUT_S):
        while True:
            try:
                placed = await ana.calls.request(group, [ben.user], engine="embedded")
            except CallRefused as refused:
                await asyncio.sleep(max(0.1, refused.retry_after_ms / 1000))
                continue
            await ana.calls.hang_up(placed)
            await ben.calls.stopped(placed)
            return


@asynccontextmanager
async def media(client: Client, call: cf.CallAck | cf.CallRing, film: Path, first: "asyncio.Future[float]") -> AsyncIterator[None]:
    """In the call with the film; `first` gets the moment of the first decoded picture of the other's."""

    def seen(recording: Recording) -> None:
        if recording.of.source == "camera" and not first.done():
            first.set_result(clock_ms())

    player = Player(film)
    try:
        async with MediaCall(client, call, player, Recorder(None, seen)):
            yield
    finally:
        player.close()


async def first_picture_ms(ana: Client, ben: Client, group: str, engine: AskedEngine, film: Path) -> float:
    """From the callee's accept until both have seen a picture of the other."""
    loop = asyncio.get_running_loop()
    firsts: list[asyncio.Future[float]] = [loop.create_future(), loop.create_future()]
    async with asyncio.timeout(STEP_TIMEOUT_S), AsyncExitStack() as stack:
        placed = await ana.calls.request(group, [ben.user], media="video", engine=engine)
        await stack.enter_async_context(media(ana, placed, film, firsts[0]))
        ring = await ben.calls.next_ring()
        begun_ms = clock_ms()
        accepted = ben.calls.accept(ring)
        await stack.enter_async_context(media(ben, ring, film, firsts[1]))
        await accepted
        took_ms = max(await asyncio.gather(*firsts)) - begun_ms
        await ana.calls.hang_up(placed)
        await ben.calls.ended(placed)
        return took_ms


@contextmanager
def loopback() -> Iterator[None]:
    before = aioice.ice.get_host_addresses
    use_addresses(["127.0.0.1"])
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = before


def written(path: Path, seconds: int = 4) -> Path:
    """A film with a tone, and a key picture every second as a camera sends."""
    with av.open(str(path), "w") as container:
        options = {"deadline": "realtime", "cpu-used": "8", "g": str(PICTURES_PER_S)}
        video = container.add_stream("libvpx", rate=PICTURES_PER_S, options=options)
        video.width, video.height, video.pix_fmt, video.bit_rate = *PICTURE, "yuv420p", 400_000
        audio = container.add_stream("libopus", rate=AUDIO_RATE)
        audio.layout = "mono"
        for number in range(PICTURES_PER_S * seconds):
            container.mux(video.encode(_picture(number)))
        for number in range(AUDIO_RATE // AUDIO_SAMPLES * seconds):
            container.mux(audio.encode(_tone(number)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def _picture(number: int) -> av.VideoFrame:
    picture = av.VideoFrame(*PICTURE, "yuv420p")
    for plane in picture.planes:
        plane.update(PATTERN[number * 3 % 256 :][: plane.buffer_size])
    picture.pts, picture.time_base = number, Fraction(1, PICTURES_PER_S)
    return picture


def _tone(number: int) -> av.AudioFrame:
    tone = av.AudioFrame("s16", "mono", AUDIO_SAMPLES)
    tone.planes[0].update(TONE)
    tone.sample_rate, tone.pts, tone.time_base = AUDIO_RATE, number * AUDIO_SAMPLES, Fraction(1, AUDIO_RATE)
    return tone
