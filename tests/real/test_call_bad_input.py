"""What devices may send wrong about calls, over real sockets: each gets a typed refusal, and a call that goes on meanwhile is not touched.

What is not here is listed with its test in docs/calls.md, "Bad input".
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from warbler import Admin, Client, Login, Rest
from warbler import call_frames as cf
from warbler.errors import CallRefused, ConnectionRefused

from tests.real.running import Running

pytestmark = pytest.mark.real
PASSWORD = "a long password"
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
INVITES_LIMIT = 100  # CALLS_INVITES_PER_USER_LIMIT


@dataclasses.dataclass
class People:
    """Ana and ben are in a call from the first test to the last; eve is a member of their conversation, out is not."""

    ana: Client
    ben: Client
    eve: Client
    out: Client
    group: str
    placed: cf.CallAck

    async def unharmed(self) -> None:
        """The call goes on, and both still hear of it."""
        await self.ana.calls.hold(self.placed)
        await self.ana.calls.resume(self.placed)
        await self.ben.calls.report_media(self.placed, "up")
        assert self.placed.call in self.ana.calls.live
        assert self.placed.call in self.ben.calls.live


def run(work: object) -> None:
    asyncio.run(asyncio.wait_for(work, 180))  # type: ignore[arg-type]


async def signed_in(url: str, stack: AsyncExitStack) -> Client:
    rest = await stack.enter_async_context(Rest(url))
    login = await rest.register(f"t-{secrets.token_hex(6)}", PASSWORD)
    assert isinstance(login, Login)
    return await stack.enter_async_context(Client(url, token=login.token, device=f"d-{secrets.token_hex(4)}"))


@asynccontextmanager
async def calling(warbler: Running) -> AsyncIterator[People]:
    first, second = warbler.addresses()
    async with AsyncExitStack() as stack:
        ana, ben, eve, out = [await signed_in(url, stack) for url in (first, second, first, second)]
        group = await ana.create_group("calls", [ben.user, eve.user])
        placed = await ana.calls.request(group, [ben.user], engine="p2p")
        ring = await ben.calls.next_ring()
        await ben.calls.accept(ring)
        await ana.calls.until(placed, "accepted", "connected")
        for each in (ana, ben):  # else it ends for want of media while it is to go on
            await each.calls.report_media(placed, "up")
        people = People(ana, ben, eve, out, group, placed)
        yield people
        await people.unharmed()
        await ana.calls.hang_up(placed)
        assert (await ben.calls.ended(placed)).reason == "hung_up"


async def refused(answer: object) -> tuple[str, str]:
    """The code and whose fault it is."""
    with pytest.raises(CallRefused) as caught:
        await answer  # type: ignore[misc]
    return caught.value.code, caught.value.fault


async def signal_refused(client: Client, frame: cf.CallSignalFrames) -> str:
    """The code with which the signal is refused."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(heard: cf.CallFromEdge) -> None:
        if isinstance(heard, cf.CallSignalRefusal) and not answer.done():
            answer.set_result(heard.code)

    undo = client.calls.watch(hear)
    try:
        client.calls.tell(frame)
        return await asyncio.wait_for(answer, 60)
    finally:
        undo()


def offer(people: People, sdp: str) -> cf.CallDescription:
    return cf.CallDescription(
        conversation=people.group, call=people.placed.call, pc="publish", generation=1, seq=1, sdp_type="offer", sdp=sdp
    )


def test_who_is_no_party_of_a_call_changes_nothing_about_it(warbler: Running) -> None:
    async def work() -> None:
        async with calling(warbler) as people:
            placed, eve, out = people.placed, people.eve.calls, people.out.calls
            assert await refused(eve.accept(placed)) == ("not_invited", "user")
            assert await refused(eve.hang_up(placed)) == ("not_in_call", "user")
            assert (await refused(eve.kick(placed, people.ben.user)))[1] == "user"
            assert (await refused(out.accept(placed)))[1] == "user"
            assert (await refused(out.hang_up(placed)))[1] == "user"
            assert (await refused(out.request(people.group, [people.ben.user], engine="p2p")))[1] == "user"
            wanted = cf.CallTicketWanted(conversation=people.group, call=placed.call, generation=1)
            assert await signal_refused(people.eve, wanted) == "not_in_call"
            candidate = cf.CallCandidate(
                conversation=people.group, call=placed.call, pc="publish", generation=1, seq=1, candidate="candidate:1", mid="0"
            )
            assert await signal_refused(people.eve, candidate) == "not_in_call", "a candidate for a leg that there is not"
            assert await signal_refused(people.out, candidate) in ("not_in_call", "unknown_call")

    run(work())


def test_a_call_that_is_answered_or_over_is_not_answered_again(warbler: Running) -> None:
    async def work() -> None:
        async with calling(warbler) as people:
            assert (await people.ben.calls.accept(people.placed)).call == people.placed.call, "by the same device it is so already"
        assert await refused(people_gone(warbler, people)) == ("call_ended", "nobody")

    run(work())


async def people_gone(warbler: Running, people: People) -> None:
    """Ben's accept after the end, over a new session."""
    async with Client(people.ben._urls, token=people.ben._token, device=people.ben.device) as ben:
        await ben.calls.accept(people.placed)


def test_signals_that_no_engine_could_use_are_refused(warbler: Running) -> None:
    async def work() -> None:
        async with calling(warbler) as people:
            assert await signal_refused(people.ana, offer(people, OFFER + "a=x:" + "y" * 65_536)) == "too_long"
            assert await signal_refused(people.ana, offer(people, OFFER)) == "no_media"
            assert await signal_refused(people.ana, offer(people, "no sdp at all")) == "invalid"
            stale = cf.CallTicketWanted(conversation=people.group, call=people.placed.call, epoch=7, generation=1)
            assert await signal_refused(people.ana, stale) == "stale_epoch"
            unknown = cf.CallTicketWanted(conversation=people.group, call=people.ana.new_id(), generation=1)
            assert await signal_refused(people.ana, unknown) == "unknown_call"

    run(work())


def test_a_frame_of_a_megabyte_costs_only_its_session(warbler: Running) -> None:
    async def work() -> None:
        async with calling(warbler) as people:
            people.eve.calls.tell(offer(people, OFFER + "a=x:" + "y" * 1_000_000))
            with pytest.raises(ConnectionRefused) as closed:
                async for _ in people.eve.events():
                    pass
            assert closed.value.close_code == 1009

    run(work())


async def ring_until_refused(client: Client, group: str, callees: list[str]) -> tuple[int, CallRefused]:
    """How many it could ring, of a thousand times that it wants to."""
    for count in range(1_000):
        try:
            placed = await client.calls.request(group, callees, call_kind="group", engine="embedded")
        except CallRefused as refusal:
            return count * len(callees), refusal
        await client.calls.hang_up(placed, for_all=True)
    raise AssertionError("nobody minds")


def test_a_user_rings_only_so_many_a_minute(warbler: Running) -> None:
    async def work() -> None:
        async with calling(warbler) as people, AsyncExitStack() as stack:
            admin = await stack.enter_async_context(Admin(warbler.page, key=warbler.admin_key))
            users = await admin.make_users([f"t-{secrets.token_hex(6)}" for _ in range(25)])
            victims = [user.user for user in users]
            mallory = await signed_in(warbler.addresses()[0], stack)
            group = await mallory.create_group("calls", victims)
            rang, refusal = await ring_until_refused(mallory, group, victims)
            assert (rang, refusal.code, refusal.fault) == (INVITES_LIMIT, "too_many_invites", "user")
            assert 0 < refusal.retry_after_ms <= 60_000
            await people.unharmed()

    run(work())
