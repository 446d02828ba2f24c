"""How messages leave: at an even rate whatever comes back (open loop), or one more for each ack (closed loop)."""

import asyncio
from collections.abc import Callable, Sequence

from bench.device import Device, clock_s
from bench.tally import Tally

DRAIN_S = 5.0  # what is not acked this long after the last message counts as unacked
POLL_S = 0.02
FIRST_IN_S = 0.05
TICK_S = 0.002  # a generator that wakes for each message takes half a core of the two at 2,500/s

Send = Callable[[int], None]  # sends the message of this running number


async def open_loop(tally: Tally, send: Send, rate_per_s: float, seconds: float) -> None:
    """`rate_per_s * seconds` messages, message i intended at i / rate; late ones are sent at once and counted from their intended time.

    Shape: it wakes at most every TICK_S, so above 500/s a message leaves up to that much after its time, which counts as its latency.
    """
    total = max(1, int(rate_per_s * seconds))
    start_s = clock_s() + FIRST_IN_S
    index = 0
    while index < total:
        due = min(total, int((clock_s() - start_s) * rate_per_s) + 1)
        while index < due:
            tally.sent(start_s + index / rate_per_s, clock_s())
            send(index)
            index += 1
        await asyncio.sleep(max(TICK_S, start_s + index / rate_per_s - clock_s()))


async def closed_loop(tally: Tally, senders: Sequence[Device], send: Callable[[Device], None], seconds: float) -> float:
    """Each sender has one message outstanding; the answer is how many were acked per second of `seconds`."""
    end_s = clock_s() + seconds

    def one_more(device: Device) -> None:
        now_s = clock_s()
        if now_s < end_s:
            tally.sent(now_s, now_s)
            send(device)

    tally.on_acked = one_more
    for device in senders:
        one_more(device)
    await asyncio.sleep(max(0.0, end_s - clock_s()))
    return tally.acked / seconds


async def drained(tally: Tally, seconds: float = DRAIN_S) -> bool:
    """Whether everything was acked and delivered within `seconds`."""
    return await until(lambda: tally.complete, seconds)


async def until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true within `seconds`. Looked at now and then, because an event would burden what is measured."""
    end_s = clock_s() + seconds
    for _ in range(int(seconds / POLL_S) + 1):
        if done() or clock_s() > end_s:
            break
        await asyncio.sleep(POLL_S)
    return done()
