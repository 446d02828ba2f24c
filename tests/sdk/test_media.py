"""The bot's media on loopback: aiortc to aiortc, between two without an engine, over the switchboard in memory."""

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import aioice.ice
import pytest
from aiortc.mediastreams import MediaStreamError
from warbler import call_frames as cf
from warbler.call_exchange import Close, Open, Step
from warbler.call_lane import LaneKey
from warbler.calls import OfCall
from warbler.client import Client
from warbler.media import Bot, MediaCall, Player, Recorder, use_addresses
from warbler.media_call import now_ms
from warbler.media_file import FileTrack

from tests.sdk.fake_calls import FakeSession, Switchboard
from tests.sdk.films import film, packets_in

FIRST, SECOND = LaneKey(1, 1), LaneKey(1, 2)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "film.webm")


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    before = aioice.ice.get_host_addresses
    use_addresses(["127.0.0.1"])
    yield
    aioice.ice.get_host_addresses = before


def bot(session: FakeSession, **settings: Any) -> Bot:
    return Bot(cast(Client, session), **settings)


def test_two_bots_talk_and_each_records_the_others_file(played: Path, tmp_path: Path) -> None:
    async def work() -> None:
        board = Switchboard()
        ana, bob = board.session("ana"), board.session("bob")
        calling = bot(ana, play=played, record=tmp_path / "ana").call("d-1", ["bob"], seconds=1.5)
        answering = bot(bob, play=played, record=tmp_path / "bob", encoded=True).answer()
        by_ana, by_bob = await asyncio.gather(calling, answering)
        assert by_ana.over.reason == by_bob.over.reason == "hung_up"
        assert {(each.of.user, each.of.source) for each in by_ana.recordings} == {("bob", "microphone"), ("bob", "camera")}
        assert {(each.of.user, each.of.source) for each in by_bob.recordings} == {("ana", "microphone"), ("ana", "camera")}
        for recording in (*by_ana.recordings, *by_bob.recordings):
            assert recording.path is not None
            kind = "audio" if recording.of.source == "microphone" else "video"
            assert packets_in(recording.path)[kind] == recording.packets > 5
        flows = [frame.flow for session in (ana, bob) for frame in session.said if isinstance(frame, cf.CallMediaFlow)]
        assert flows == ["up", "up"]
        hung_up = [frame for frame in ana.said if isinstance(frame, cf.CallHangUp)]
        assert hung_up[0].quality is not None

    run(work())


@contextlib.asynccontextmanager
async def talking(session: FakeSession, call: OfCall, played: Path, recorder: Recorder) -> AsyncIterator[MediaCall]:
    player = Player(played, encoded=True)
    try:
        async with MediaCall(cast(Client, session), call, player, recorder) as media:
            yield media
    finally:
        player.close()


def noted(media: MediaCall) -> list[Step]:
    """The steps that are taken from now on, as they are."""
    steps: list[Step] = []
    perform = media._perform

    def note(taken: Sequence[Step]) -> None:
        steps.extend(taken)
        perform(taken)

    media._perform = note  # type: ignore[method-assign,assignment]
    return steps


async def until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 -- what is waited for is aiortc's
            await asyncio.sleep(0.02)


def test_a_new_generation_is_made_before_the_old_one_is_broken(played: Path) -> None:
    async def work() -> None:
        board = Switchboard()
        ana, bob = board.session("ana"), board.session("bob")
        placed = await ana.calls.request("d-1", ["bob"], media="video")
        ring = await bob.calls.next_ring()
        await bob.calls.accept(ring)
        heard = Recorder(None)
        async with talking(ana, placed, played, heard) as one, talking(bob, ring, played, Recorder(None)) as other:
            await until(lambda: len(heard.recordings) == 2 and all(each.frames > 3 for each in heard.recordings))
            steps = noted(one)
            one._perform(one.exchange.renew(now_ms()))
            await until(lambda: Close(FIRST) in steps and SECOND in other.lanes and FIRST not in other.lanes)
            assert [type(step) for step in steps if isinstance(step, Open | Close)] == [Open, Close]
            assert one.exchange.lanes[SECOND].connected == {"publish", "subscribe"}
            await until(lambda: len(heard.recordings) == 4 and all(each.frames > 3 for each in heard.recordings))

    run(work())


def test_who_publishes_nothing_still_gets_what_there_is(played: Path) -> None:
    async def work() -> None:
        board = Switchboard()
        ana, bob = board.session("ana"), board.session("bob")
        talks = await asyncio.gather(bot(ana).call("d-1", ["bob"], seconds=0.5), bot(bob, play=played).answer())
        assert {each.of.source for each in talks[0].recordings if each.frames} == {"microphone", "camera"}

    run(work())


def test_an_audio_call_publishes_no_video(played: Path) -> None:
    async def work() -> None:
        board = Switchboard()
        ana, bob = board.session("ana"), board.session("bob")
        calling = bot(ana, play=played).call("d-1", ["bob"], media="audio", seconds=0.3)
        by_ana, _ = await asyncio.gather(calling, bot(bob, play=played).answer())
        assert [each.of.source for each in by_ana.recordings] == ["microphone"]

    run(work())


@pytest.mark.parametrize("encoded", [True, False])
def test_a_file_is_played_over_and_over_at_its_own_pace(tmp_path: Path, encoded: bool) -> None:
    async def work() -> None:
        track = FileTrack(str(film(tmp_path / "short.webm", 1)), "video", encoded)
        began_s = time.monotonic()
        shown = [await track.recv() for _ in range(15)]
        track.stop()
        times = [float((each.pts or 0) * (each.time_base or 0)) for each in shown]
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(0.09 < step < 0.11 for step in steps), "ten pictures a second, also where the second round begins"
        assert time.monotonic() - began_s >= 1.39
        with pytest.raises(MediaStreamError):
            await track.recv()

    run(work())


def test_a_file_with_nothing_to_play_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.srt"
    empty.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    with pytest.raises(ValueError, match="nothing in it can be played"):
        Player(empty)


def test_without_aiortc_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['aiortc'] = None\nimport warbler\nimport warbler.media"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert "pip install 'warbler[media]'" in done.stderr
