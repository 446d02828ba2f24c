"""The two connections of a generation, against an offer as engines make it."""

import asyncio

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from warbler.call_frames import CallTicket
from warbler.media_peer import Pair

TICKET = CallTicket("c", "call", 1, 1, "janus", "", "ticket", (), 0)


@pytest.mark.parametrize("others", [1, 2, 4])
def test_everybody_in_a_first_offer_comes_over_one_transport(others: int) -> None:
    """Of those who were there before: for each a voice and a picture, in one bundle, as Janus and the embedded engine offer it."""

    async def body() -> None:
        engine = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for _ in range(others):
            engine.addTransceiver("audio", direction="sendonly")
            engine.addTransceiver("video", direction="sendonly")
        await engine.setLocalDescription(await engine.createOffer())
        pair = Pair(TICKET, (), lambda pc, up: None)
        answer = await pair.answer(engine.localDescription.sdp)
        assert answer.count("m=") == 2 * others
        assert len({id(each.receiver.transport) for each in pair.subscribe.getTransceivers()}) == 1
        await asyncio.gather(pair.close(), engine.close())

    asyncio.run(asyncio.wait_for(body(), 20))
