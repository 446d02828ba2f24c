"""The outbox on a real Kafka and Cassandra with fake vendors: workers that die, vendors that fail, and nobody alerted twice or too late.

One world for all: with servers of its own, because a push worker's group begins at the end of the log when it is new.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from log.settings import LogSettings
from ops.rewind import rewind_projector
from tests.push.plain_worker import PLAIN
from tests.real.inbox_world import until
from tests.real.push_world import World, is_idle, is_ready, now_ms, world
from tests.real.running import Servers
from tests.real.workers import Worker, workers

pytestmark = pytest.mark.real

REQUESTS = 5_000
BAD = {"error": 0.05, "busy": 0.05, "lost": 0.03, "slow": 0.02, "dead": 0.05}
EARLY = 50  # requests whose deadline is so near that a first failure is their last


def run(own: Servers, folder: Path, body: Callable[[World], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with world(own, folder) as there:
            await body(there)

    asyncio.run(whole())


def named(prefix: str, count: int) -> list[tuple[str, str]]:
    """(user, push channel), the channels in turn."""
    return [(f"u-{prefix}-{number}", PLAIN[number % len(PLAIN)]) for number in range(count)]


def test_a_new_group_begins_at_the_end_and_what_comes_then_is_sent_once(own: Servers, tmp_path: Path) -> None:
    async def body(there: World) -> None:
        (old, _), (new, _) = people = named("first", 2)
        await there.register(people)
        seq = await there.message("g-first", [old, new])
        await there.ask("g-first", [old], seq)  # nobody was there to send it, and it is not sent when somebody comes
        worker = there.worker()
        with workers(worker):
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            await there.ask("g-first", [new, new], seq)  # twice
            found = await until(lambda: there.results_of(new), lambda found: len(found) >= 2, "answered")
            assert [result.state for result in found] == ["accepted", "suppressed"]
            assert found[1].reason == "repeated"
            assert there.shown() == {f"t-{new}": 1}
            assert await there.results_of(old) == []
            assert worker.stop() == 0

    run(own, tmp_path, body)


def test_workers_die_and_vendors_fail_and_each_device_is_alerted_once(own: Servers, tmp_path: Path) -> None:
    async def body(there: World) -> None:
        people = named("crash", REQUESTS)
        users = [user for user, _ in people]
        await there.register(people)
        seq = await there.message("g-crash", users)
        for number, vendor in enumerate(there.vendors.values()):
            vendor.chance(number, BAD)  # type: ignore[arg-type]
        worker = there.worker(STREAMS_PUSH_TRIES_LIMIT="100")
        with workers(worker):
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            await there.ask("g-crash", users[EARLY:], seq)
            await there.ask("g-crash", users[:EARLY], seq, deadline_ms=now_ms() + 2_000)
            for share in (0.2, 0.5, 0.8):
                await until(_shown(there), _more_than(share * REQUESTS), f"{share} shown")
                worker.send(signal.SIGKILL)
                worker.wait()
                worker.start()
            await until(_settled(there, worker, users), lambda left: not left, "settled")
            await worker.until(is_idle, "idle")
        shown, dead = there.shown(), {token for vendor in there.vendors.values() for token in vendor.dead}
        late = [seen for vendor in there.vendors.values() for seen in vendor.seen if seen.late_ms > 1_000]
        assert late == [], "nothing leaves after its deadline; a second for the way, on a busy machine"
        assert set(shown.values()) == {1}
        missed = {f"t-{user}" for user in users[EARLY:]} - shown.keys() - dead
        assert missed == set(), "shown, or dead"
        assert len(dead) > REQUESTS / 50
        assert await there.tokens_left(token.removeprefix("t-") for token in dead) == set(), "dead tokens are gone"
        alive = users[EARLY : EARLY + 200]
        assert await there.tokens_left(alive) == {user for user in alive if f"t-{user}" not in dead}

    run(own, tmp_path, body)


def test_what_waits_is_looked_at_anew_and_a_rebuild_pushes_nothing(own: Servers, tmp_path: Path) -> None:
    async def body(there: World) -> None:
        has_it, cancels, late, off = users = [f"u-waits-{name}" for name in ("has", "ends", "late", "off")]
        key = tmp_path / "oppo-key"
        there.config(oppo={"url": there.vendors["oppo"].url, "key": str(key)})
        await there.register((user, "oppo" if user == off else "fcm") for user in users)
        seq = await there.message("g-waits", users)
        for user in (has_it, cancels, late):
            there.vendors["fcm"].script(f"t-{user}", ["busy"] * 8)  # more than come before it ends otherwise
        worker = there.worker()
        with workers(worker):
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            await there.ask("g-waits", [has_it, cancels, off], seq)
            await there.ask("g-waits", [late], seq, deadline_ms=now_ms() + 1_500)
            await until(lambda: there.states(users), lambda found: len(found) == 4, "waiting")
            await there.delivered("g-waits", has_it, seq)
            await there.cancel("g-waits", cancels, seq)
            ended = {has_it: "withdrawn", cancels: "withdrawn", late: "expired", off: "retrying"}
            await until(lambda: there.states(users), lambda found: found == ended, "ended")
            assert there.shown() == {}
            assert worker.output.count("push channel off") == 1, "said once"
            assert worker.stop() == 0
            key.write_text("a key")
            worker.start()
            await until(lambda: there.states(users), lambda found: found[off] == "accepted", "sent with credentials")
            await worker.until(is_idle, "idle")
            assert there.shown() == {f"t-{off}": 1}
            assert 'warbler_push_accepted_total{app="",channel="oppo"} 1.0' in await worker.metrics()
            assert worker.stop() == 0
            seen = there.seen_count
            await rewind_projector(LogSettings(own.kafka), print)
            worker.start()
            await worker.until(is_ready, "owner of its partitions")
            await there.ask("g-waits", [off], seq)  # a repeat: when that is answered, all before it was read
            await until(lambda: there.results_of(off), lambda found: found[-1].reason == "repeated", "repeated")
            assert there.seen_count == seen

    run(own, tmp_path, body)


def _more_than(least: float) -> Callable[[int], bool]:
    return lambda count: count > least


def _shown(there: World) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return len(there.shown())

    return count


def _settled(there: World, worker: Worker, users: list[str]) -> Callable[[], Awaitable[set[str]]]:
    async def left() -> set[str]:
        answer = await worker.live()  # reading thousands of results again and again would keep the fakes from answering
        if not answer or not is_ready(answer) or not is_idle(answer):
            return set(users)
        ended = {result.user for result in await there.results() if result.state not in ("retrying", "received")}
        return set(users) - ended

    return left
