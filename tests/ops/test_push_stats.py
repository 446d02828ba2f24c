"""`warbler push stats`: counts by push channel, latencies, what waits."""

import asyncio
import io
from typing import Any

from rich.console import Console

from log.memory import MemoryLog
from log.port import Entry
from ops import push_stats
from ops.push_showing import show_hours
from ops.push_stats import ChannelStats, Waiting
from schemas import codec
from schemas.pushes import PushResult
from tests.push.campaign_parts import NOW_MS, result


def printed(*tables: Any) -> str:
    console = Console(file=io.StringIO(), width=240)
    for table in tables:
        console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_results_are_counted_by_channel_and_reason_and_once() -> None:
    channels = push_stats.counted(
        [
            *[result(f"k{n}", latency_ms=n) for n in range(1, 101)],
            result("k1"),  # told again
            result("r1", "rejected", "status_400"),
            result("", "suppressed", "muted", channel="", device=""),
            result("w1", channel="webpush"),
        ]
    )
    assert list(channels) == ["-", "fcm", "webpush"]
    fcm = channels["fcm"]
    assert (fcm.of("accepted"), fcm.of("rejected"), channels["-"].of("suppressed")) == (100, 1, 1)
    assert (fcm.within_ms(50), fcm.within_ms(99)) == (50, 99)
    assert channels["webpush"].within_ms(99) == 40
    assert ChannelStats().within_ms(50) is None
    shown = printed(push_stats.channel_table(push_stats.Stats(channels, [], False), 15))
    assert "status_400 1" in shown
    assert "muted 1" in shown


def test_what_is_older_or_cannot_be_read_is_not_counted_and_what_waits_is_what_was_not_committed() -> None:
    async def body() -> push_stats.Stats:
        log = MemoryLog(2)

        async def add(topic: str, partition: int, value: bytes, at_ms: int) -> None:
            await log.publish(topic, partition, [Entry(b"u-1", value, at_ms)])

        def encoded(each: PushResult) -> bytes:
            return codec.encode("push-results", each)

        await add("push-results", 0, encoded(result("old")), NOW_MS - 1_000)
        await add("push-results", 0, encoded(result("new")), NOW_MS)
        await add("push-results", 1, b"not ours", NOW_MS)
        await add("push-results", 1, encoded(result("newer")), NOW_MS)
        for at_ms in (NOW_MS, NOW_MS + 5, NOW_MS + 9):
            await add("push-retry-10s", 1, b"one", at_ms)
        await add("push-requests", 0, b"done", NOW_MS)
        committed = {("push-retry-10s", 1): 1, ("push-requests", 0): 1}
        return await push_stats.gathered(log, committed, NOW_MS - 10)

    stats = asyncio.run(body())
    assert stats.channels["fcm"].of("accepted") == 2
    assert stats.waiting[:2] == [Waiting("push-requests", 0, None), Waiting("push-retry-10s", 2, NOW_MS + 5)]
    assert not stats.cut
    assert "2.0" in printed(push_stats.waiting_table(stats, NOW_MS + 2_005))


def test_the_hours_as_an_edge_tells_them() -> None:
    console = Console(file=io.StringIO(), width=200)
    answer = {
        "counts": [{"channel": "", "state": "suppressed", "reason": "muted", "count": 3}],
        "latencies": [{"channel": "fcm", "answers": 9, "p50_ms": 50, "p99_ms": None}],
    }
    show_hours(answer, console)
    assert "fcm: 9 answers, p50 within 50 ms, p99 later than 30 s" in console.file.getvalue()  # type: ignore[attr-defined]
