"""The inbox behind real edges, as `warbler up` runs it: sessions and receipts are those of devices, and what is delivered costs little."""

import asyncio

import pytest

from log.kafka import KafkaLog
from schemas import codec
from schemas.notices import MessagesNotified
from tests.real.inbox_world import cancelled, presences, pushes, redeliveries, saved, until
from tests.real.running import Running
from tests.real.talking import Device, minted, online
from tests.real.workers import all_records, opened

pytestmark = pytest.mark.real
MESSAGES = 200


async def answering(device: Device, conversation: str, up_to_seq: int) -> None:
    """A device that marks what it gets as delivered, until it has everything."""
    seen = 0
    while seen < up_to_seq:
        frame = await device.heard("events")
        seen = max([seen, *(event["seq"] for event in frame["events"])])
        device.say(type="mark", state="delivered", conversation=conversation, up_to_seq=seen)


async def notified(log: KafkaLog, conversation: str) -> list[MessagesNotified]:
    found = [codec.decode_notification(record.value) async for record in all_records(log, "notifications")]
    return [each for each in found if isinstance(each, MessagesNotified) and each.conversation_id == conversation]


def test_a_device_that_answers_costs_no_push_and_no_save_and_one_that_left_is_asked_for_until_it_is_back(warbler: Running) -> None:
    ana, ben, cleo = minted(warbler, 3)
    first, second = warbler.addresses()

    async def body() -> None:
        async with opened(warbler.kafka) as log:
            async with online(first, ana) as phone, online(second, ben) as tablet:
                await until(lambda: presences(log, ben.user), bool, "online")
                conversation = await phone.new_group(ben, cleo)
                last = MESSAGES + 1
                listening = asyncio.ensure_future(answering(tablet, conversation, last))
                for number in range(MESSAGES):
                    ack = await phone.send_text(conversation, f"text {number}")
                assert ack["seq"] == last
                async with asyncio.timeout(120):
                    await listening
                asked = await until(lambda: pushes(log, cleo.user), lambda found: found and found[-1].to_seq == last, "asked for")
                assert [seq for each in asked for seq in range(each.from_seq, each.to_seq + 1)] == list(range(2, last + 1))
                await asyncio.sleep(3)
                assert await pushes(log, ben.user) == []
                assert await redeliveries(log, ben.user) == []
                assert len(await saved(log, ben.user)) <= MESSAGES // 10, "only what a slow machine delivers after a save time"
                assert len(await notified(log, conversation)) <= 2 * MESSAGES, "one record for all users of a partition"
            await until(lambda: presences(log, ben.user), lambda found: found[-1].state == "offline", "offline")
            async with online(first, cleo) as back:
                back.say(type="mark", state="delivered", conversation=conversation, up_to_seq=last)
                gone = await until(lambda: cancelled(log, cleo.user), bool, "cancelled")
                assert gone[-1].up_to_seq == last
                assert (await presences(log, cleo.user))[-1].state == "online"

    asyncio.run(body())
