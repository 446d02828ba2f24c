"""Two media bots call each other through a real Warbler: without an engine, and through one; each records the other's file."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aioice.ice
import pytest
from warbler import Client, Login, Rest
from warbler import call_frames as cf
from warbler.call_lists import EndedCall
from warbler.calls import AskedEngine
from warbler.errors import CallRefused
from warbler.media import Bot, Talked, use_addresses

from tests.real.running import Running
from tests.sdk.films import film, packets_in

pytestmark = pytest.mark.real
PASSWORD = "a long password"


def run(work: object, limit_s: float = 180) -> None:
    asyncio.run(asyncio.wait_for(work, limit_s))  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def loopback() -> Iterator[None]:
    before = aioice.ice.get_host_addresses
    use_addresses(["127.0.0.1"])
    yield
    aioice.ice.get_host_addresses = before


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "film.webm")


@asynccontextmanager
async def signed_in(url: str) -> AsyncIterator[Client]:
    async with Rest(url) as rest:
        login = await rest.register(f"t-{secrets.token_hex(6)}", PASSWORD)
        assert isinstance(login, Login)
        async with Client(url, token=login.tokens.access_token, device=f"d-{secrets.token_hex(4)}") as client:
            yield client


@asynccontextmanager
async def two(warbler: Running) -> AsyncIterator[tuple[Client, Client, str]]:
    """Two users on two edges, and their conversation."""
    first, second = warbler.addresses()
    async with signed_in(first) as ana, signed_in(second) as ben:
        yield ana, ben, await ana.create_group("calls", [ben.user])


def heard(talked: Talked, user: str) -> None:
    """Both streams of this user were recorded, and the files hold them."""
    assert {(each.of.user, each.of.source) for each in talked.recordings} == {(user, "microphone"), (user, "camera")}
    for recording in talked.recordings:
        assert recording.path is not None
        kind = "audio" if recording.of.source == "microphone" else "video"
        assert packets_in(recording.path)[kind] == recording.packets > 0


async def recorded(warbler: Running, client: Client, call: str) -> EndedCall:
    """The call's record, as this user's list has it."""
    async with Rest(warbler.page) as rest:
        rest.access_token = str(client._token)
        while not (found := [each for each in (await rest.calls.own()).calls if each.call == call]):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return found[0]


@pytest.mark.parametrize("engine", ["p2p", "embedded"])
def test_bots_talk_and_each_records_the_others_file(warbler: Running, played: Path, tmp_path: Path, engine: AskedEngine) -> None:
    async def work() -> None:
        async with two(warbler) as (ana, ben, group):
            placed = await ana.calls.request(group, [ben.user], media="video", engine=engine)

            async def hang_up_when_both_have_both_streams() -> None:
                while len(list(tmp_path.glob("*/*.webm"))) < 4:  # noqa: ASYNC110, ASYNC240
                    await asyncio.sleep(0.1)
                await asyncio.sleep(1.5)
                await ana.calls.hang_up(placed)

            by_ana, by_ben, _ = await asyncio.gather(
                Bot(ana, play=played, record=tmp_path / "ana").talk(placed),
                Bot(ben, play=played, record=tmp_path / "ben").answer(),
                hang_up_when_both_have_both_streams(),
            )
            assert (by_ana.over.left, by_ben.over.reason) == ("hung_up", "hung_up")
            heard(by_ana, ben.user)
            heard(by_ben, ana.user)
            record = await recorded(warbler, ben, by_ana.call)
            assert (record.caller, record.outcome, record.reason, record.media) == (ana.user, "ended", "hung_up", "video")
            assert record.requested_at_ms < record.answered_at_ms < record.connected_at_ms < record.ended_at_ms
            assert record.talk_ms == record.ended_at_ms - record.connected_at_ms >= 1_000
            assert {party.user for party in record.parties if party.in_call_ms} == {ana.user, ben.user}

    run(work())


def test_one_of_two_devices_answers_and_the_other_stops_ringing(warbler: Running) -> None:
    async def work() -> None:
        async with two(warbler) as (ana, ben, group), Client(warbler.page, token=str(ben._token), device="the-other") as other:
            placed = await ana.calls.request(group, [ben.user], engine="p2p")
            rings = await asyncio.gather(ben.calls.next_ring(), other.calls.next_ring())
            assert {ring.call for ring in rings} == {placed.call}
            stopped: asyncio.Future[cf.CallStop] = asyncio.get_running_loop().create_future()
            other.calls.watch(lambda frame: stopped.set_result(frame) if isinstance(frame, cf.CallStop) else None)
            await ben.calls.accept(rings[0])
            assert (await stopped).why == "answered_elsewhere"
            with pytest.raises(CallRefused, match="already_answered") as late:
                await other.calls.accept(rings[1])
            assert late.value.fault == "nobody"
            await ana.calls.hang_up(placed)
            assert (await ben.calls.ended(placed)).reason == "hung_up"

    run(work())
