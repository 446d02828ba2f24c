"""Access tokens: asked for once for all, renewed before they end, not asked for again at once after a refusal."""

import asyncio
from collections.abc import Awaitable, Callable

from streams.push.channels.access import ASK_AGAIN_MS, RENEW_AGAIN_MS, RENEW_EARLY_MS, Access, Grant
from streams.push.channels.port import Refused

LIFE_MS = 3_600_000
START_MS = 1_795_000_000_000


class Vendor:
    """Gives t1, t2 and so on, or refuses; `gate` holds an answer back."""

    def __init__(self) -> None:
        self.made = 0
        self.refusal: Refused | None = None
        self.gate: asyncio.Event | None = None
        self.access = Access(self.ask)

    async def ask(self, now_ms: int) -> Grant | Refused:
        self.made += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.refusal or Grant(f"t{self.made}", now_ms + LIFE_MS)


def run(body: Callable[[Vendor], Awaitable[None]]) -> None:
    async def whole() -> None:
        vendor = Vendor()
        await asyncio.wait_for(body(vendor), 10)
        await vendor.access.close()

    asyncio.run(whole())


def test_all_who_ask_at_once_wait_for_one_answer() -> None:
    async def body(vendor: Vendor) -> None:
        assert set(await asyncio.gather(*(vendor.access.token(START_MS) for _ in range(50)))) == {"t1"}
        assert vendor.made == 1

    run(body)


def test_it_is_renewed_before_its_end() -> None:
    async def body(vendor: Vendor) -> None:
        assert await vendor.access.token(START_MS) == "t1"
        assert await vendor.access.token(START_MS + LIFE_MS - RENEW_EARLY_MS - 1) == "t1"
        assert await vendor.access.token(START_MS + LIFE_MS - RENEW_EARLY_MS) == "t2"

    run(body)


def test_a_renewal_that_fails_costs_nothing_until_the_old_one_ends() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.access.token(START_MS)
        vendor.refusal = Refused("retry", 0, "away")
        early = START_MS + LIFE_MS - RENEW_EARLY_MS
        assert [await vendor.access.token(early + number) for number in range(5)] == ["t1"] * 5
        assert vendor.made == 2
        assert await vendor.access.token(START_MS + LIFE_MS) == vendor.refusal

    run(body)


def test_after_a_refusal_it_is_not_asked_again_at_once() -> None:
    async def body(vendor: Vendor) -> None:
        vendor.refusal = Refused("misconfigured", 0, "no")
        for number in range(10):
            assert await vendor.access.token(START_MS + number) == vendor.refusal
        assert vendor.made == 1
        vendor.refusal = None
        assert await vendor.access.token(START_MS + ASK_AGAIN_MS) == "t2"

    run(body)


def test_a_token_that_was_refused_is_replaced_once_for_all_and_seldom() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.access.token(START_MS)
        assert vendor.access.renew("t1", START_MS)
        assert await vendor.access.token(START_MS) == "t2"
        assert vendor.access.renew("t1", START_MS)  # by one who was slower
        assert await vendor.access.token(START_MS) == "t2"
        assert not vendor.access.renew("t2", START_MS + RENEW_AGAIN_MS - 1)

    run(body)


def test_one_who_stops_waiting_does_not_stop_it_for_the_others() -> None:
    async def body(vendor: Vendor) -> None:
        vendor.gate = asyncio.Event()
        first, second = asyncio.create_task(vendor.access.token(START_MS)), asyncio.create_task(vendor.access.token(START_MS))
        await asyncio.sleep(0)
        first.cancel()
        vendor.gate.set()
        assert await second == "t1"
        assert vendor.made == 1

    run(body)
