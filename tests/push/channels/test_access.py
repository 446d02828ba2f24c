import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streams.push.channels.access import ASK_AGAIN_MS, RENEW_AGAIN_MS, RENEW_EARLY_MS, Access, Grant
from streams.push.channels.port import Refused

LATER = Refused("retry", 503, "busy")


def access(*answers: Grant | Refused, wait_s: float = 0) -> tuple[Access, list[int]]:
    """One that is answered so, in order, and when it asked."""
    asked: list[int] = []

    async def ask(now_ms: int) -> Grant | Refused:
        asked.append(now_ms)
        await asyncio.sleep(wait_s)
        return answers[len(asked) - 1]

    return Access(ask), asked


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 10))


@pytest.mark.parametrize(
    ("life_ms", "fresh_ms"), [(3_600_000, 3_600_000 - RENEW_EARLY_MS), (60_000, 30_000), (0, ASK_AGAIN_MS), (-5, ASK_AGAIN_MS)]
)
def test_it_is_renewed_a_few_minutes_before_its_end_or_at_half_of_a_short_life(life_ms: int, fresh_ms: int) -> None:
    assert Grant("a", 1_000 + life_ms).fresh_until_ms(1_000) == 1_000 + fresh_ms


def test_who_waits_for_the_same_one_gets_the_same_one() -> None:
    async def body() -> None:
        one, asked = access(Grant("a", 10**9), wait_s=0.01)
        assert await asyncio.gather(*(one.token(5) for _ in range(20))) == ["a"] * 20
        assert asked == [5]

    run(body)


def test_a_refusal_stands_for_a_moment_and_no_longer() -> None:
    async def body() -> None:
        one, asked = access(LATER, Grant("a", 10**9))
        assert [await one.token(at_ms) for at_ms in (0, 1, ASK_AGAIN_MS - 1, ASK_AGAIN_MS)] == [LATER, LATER, LATER, "a"]
        assert asked == [0, ASK_AGAIN_MS]

    run(body)


def test_one_that_was_called_ended_is_renewed_once_for_all_and_seldom() -> None:
    async def body() -> None:
        one, _ = access(Grant("a", 10**9), Grant("b", 10**9), Grant("c", 10**9))
        assert await one.token(0) == "a"
        assert [one.renew("a", 1) for _ in range(3)] == [True] * 3
        assert await one.token(1) == "b"
        assert one.renew("a", 2)  # a push that had been on its way with the old one
        assert await one.token(2) == "b"
        assert not one.renew("b", RENEW_AGAIN_MS)
        assert await one.token(RENEW_AGAIN_MS) == "b"
        assert one.renew("b", RENEW_AGAIN_MS + 1)
        assert await one.token(RENEW_AGAIN_MS + 1) == "c"

    run(body)


def test_a_clock_that_goes_back_does_not_hold_up_the_renewal() -> None:
    async def body() -> None:
        one, _ = access(Grant("a", 10**9), Grant("b", 10**9), Grant("c", 10**9))
        await one.token(5_000_000)
        assert one.renew("a", 5_000_000)
        assert await one.token(4_000_000) == "b"
        assert one.renew("b", 4_000_000)

    run(body)


def test_closing_ends_what_is_asked_for() -> None:
    async def body() -> None:
        one, _ = access(Grant("a", 10**9), wait_s=3_600)
        waiting = asyncio.create_task(one.token(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await one.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(body)
