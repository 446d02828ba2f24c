"""All six makers at once, in threads of their own, with every kind of bad answer: what each showed is what the push channels count."""

import asyncio
from collections import Counter
from contextlib import ExitStack

from streams.push.channels.port import Accepted, Refused
from streams.push.channels.vendor import VendorChannel
from tests.push.channel_laws import alert, now
from tests.push.channels.maker_laws import MakerLaws
from tests.push.channels.test_honor import TestHonor as Honor
from tests.push.channels.test_huawei import TestHuawei as Huawei
from tests.push.channels.test_meizu import TestMeizu as Meizu
from tests.push.channels.test_oppo import TestOppo as Oppo
from tests.push.channels.test_vivo import TestVivo as Vivo
from tests.push.channels.test_xiaomi import TestXiaomi as Xiaomi
from tests.push.fakes.elsewhere import elsewhere
from tests.push.fakes.makers import FakeMaker

LAWS: tuple[MakerLaws, ...] = (Huawei(), Honor(), Xiaomi(), Oppo(), Vivo(), Meizu())
DEVICES = 40


async def drive(laws: MakerLaws, channel: VendorChannel, fake: FakeMaker) -> tuple[Counter[str], set[str]]:
    """Each device's push until it is accepted or its token is dead; what came of all tries, and the dead tokens."""
    found: Counter[str] = Counter()
    dead: set[str] = set()

    async def one(number: int) -> None:
        token = laws.token(fake, number)
        for _ in range(30):
            outcome = await channel.send(token, alert(number, ttl_ms=3_600_000), now())
            found["accepted" if isinstance(outcome, Accepted) else outcome.verdict] += 1
            if isinstance(outcome, Accepted):
                return
            if isinstance(outcome, Refused) and outcome.verdict == "remove_token":
                dead.add(token)
                return

    await channel.start()
    try:
        await asyncio.gather(*(one(number) for number in range(DEVICES)))
    finally:
        await channel.close()
    return found, dead


def test_every_maker_shows_each_live_device_its_push_whatever_befalls() -> None:
    with ExitStack() as running:
        fakes = [running.enter_context(elsewhere(laws.fake())) for laws in LAWS]
        for seed, fake in enumerate(fakes):
            fake.chance(seed, {"error": 0.1, "busy": 0.1, "nothing": 0.05, "html": 0.05, "dead": 0.02})
        channels = [laws.channel(fake, 10_000) for laws, fake in zip(LAWS, fakes, strict=True)]

        async def all_at_once() -> list[tuple[Counter[str], set[str]]]:
            async with asyncio.timeout(60):
                return await asyncio.gather(*map(drive, LAWS, channels, fakes))

        for laws, fake, (found, dead) in zip(LAWS, fakes, asyncio.run(all_at_once()), strict=True):
            assert fake.violations == []
            assert set(found) <= {"accepted", "retry", "remove_token"}, (laws.name, found)
            assert found["retry"] > 0
            assert dead == fake.dead
            assert {token: len(keys) for token, keys in fake.shown.items() if keys} == {
                laws.token(fake, number): 1 for number in range(DEVICES) if laws.token(fake, number) not in dead
            }
