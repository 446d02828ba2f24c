"""The outbox in virtual time: each device is alerted once of each message, nothing is lost, nothing comes too late, whatever dies when."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.notices import PushCancelled, PushRequested
from streams.push.follow import RETRY_LONG_TOPIC
from streams.push.outbox import RETRY_TOPICS
from streams.push.settings import OutboxSettings
from tests.push.sim import START_MS, Mood, Sim, in_virtual_time

TTL_MS = 3_600_000
FINAL = {"accepted", "rejected", "invalidated", "expired", "suppressed", "withdrawn"}
USUAL = OutboxSettings(ttl_ms=TTL_MS, jobs_limit=16)
BAD: dict[Mood, float] = {"error": 0.1, "busy": 0.1, "lost": 0.05, "slow": 0.05, "dead": 0.05}


def request(user: str, seq: int, at_ms: int = START_MS, deadline_ms: int = START_MS + TTL_MS, attempt: int = 1) -> PushRequested:
    return PushRequested(
        push_id=f"{user}:g:{seq}:{attempt}",
        tenant="default",
        user=user,
        conversation_id="g",
        conversation_kind="group",
        from_seq=seq,
        to_seq=seq,
        attempt=attempt,
        reason="absent",
        at_ms=at_ms,
        deadline_ms=deadline_ms,
    )


def cancel(user: str, seq: int) -> PushCancelled:
    return PushCancelled(tenant="default", user=user, conversation_id="g", up_to_seq=seq, at_ms=START_MS)


def keys(sim: Sim, token: str, channel: str, kind: str = "alert") -> set[str]:
    return {shown.send_key for shown in sim.channels[channel].shown[token] if shown.kind == kind}


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    crashes=st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans()), max_size=4),
    away=st.sampled_from([0.0, 0.05]),
    late=st.sets(st.integers(0, 11)),
    cancelled=st.sets(st.integers(0, 11)),
    twice=st.sets(st.integers(0, 11)),
)
def test_each_device_is_alerted_once_whatever_dies_when(
    seed: int, crashes: list[tuple[float, bool]], away: float, late: set[int], cancelled: set[int], twice: set[int]
) -> None:
    async def body() -> None:
        sim = Sim(seed, {"fcm": BAD, "huawei": BAD, "oppo": {**BAD, "misconfigured": 0.01}}, USUAL, away)
        users = [f"u-{number}" for number in range(12)]
        tokens = {
            user: [(sim.register(user, device, channel), channel) for device, channel in _devices(at)] for at, user in enumerate(users)
        }
        await sim.start()
        for at, user in enumerate(users):
            asked = request(user, 1, deadline_ms=START_MS + (15_000 if at in late else TTL_MS))
            for _ in range(2 if at in twice else 1):
                await sim.append("push-requests", asked)
        for at in sorted(cancelled):
            await sim.append("push-requests", cancel(users[at], 1))
        for after_s, dies in crashes:
            await asyncio.sleep(after_s)
            if dies:
                await sim.crash()
                await sim.start()
            else:
                await sim.rebalance()
        await sim.until_done()
        assert sim.outbox is not None
        await sim.outbox.drain()
        assert sim.outbox._places._value == USUAL.jobs_limit, "whatever was cancelled, its place is free"
        await sim.crash()
        await _check(sim, users, tokens, late, cancelled)

    in_virtual_time(body())


def _devices(at: int) -> list[tuple[str, str]]:
    """Some users have two devices, and some devices two push channels."""
    channels = ("fcm", "huawei", "oppo")
    devices = [("phone", channels[at % 3])]
    if at % 4 == 1:
        devices.append(("phone", channels[(at + 1) % 3]))
    if at % 4 == 2:
        devices.append(("tablet", channels[(at + 2) % 3]))
    return devices


async def _check(sim: Sim, users: list[str], tokens: dict[str, list[tuple[str, str]]], late: set[int], cancelled: set[int]) -> None:
    results = await sim.results()
    ended = defaultdict(set)
    for result in results:
        if result.state in FINAL:
            ended[result.user, result.device].add(result.state)
    for at, user in enumerate(users):
        by_device = defaultdict(list)
        for token, channel in tokens[user]:
            by_device[token.split("/")[1]].append((token, channel))
        for device, own in by_device.items():
            shown = {key for token, channel in own for key in keys(sim, token, channel)}
            dead = [token for token, channel in own if token in sim.channels[channel].dead]
            assert ended[user, device] or ended[user, ""], f"{user} {device}: no word on what became of it"
            if len(own) == 1:
                assert len(shown) <= 1, f"{user} {device}: alerted twice"
            if not shown:
                assert at in late or at in cancelled or len(dead) == len(own)
    for vendor in sim.channels.values():
        assert [shown for all_of_one in vendor.shown.values() for shown in all_of_one if shown.at_ms >= shown.deadline_ms] == []
        left = {token.token for every in sim.rows.tokens.values() for token in every}
        assert not vendor.dead & left, "a dead token is still there"


def test_a_second_channel_is_tried_when_the_first_token_is_dead() -> None:
    async def body() -> None:
        sim = Sim(1, {"fcm": {"dead": 1.0}, "huawei": {}}, USUAL)
        first, second = sim.register("u", "phone", "fcm"), sim.register("u", "phone", "huawei")
        await sim.start()
        await sim.append("push-requests", request("u", 1))
        await sim.until_done()
        await sim.crash()
        assert keys(sim, first, "fcm") == set()
        assert len(keys(sim, second, "huawei")) == 1
        said = [(result.channel, result.state) for result in await sim.results()]
        assert said == [("huawei", "suppressed"), ("fcm", "invalidated"), ("huawei", "accepted")]

    in_virtual_time(body())


def test_what_waits_when_it_is_delivered_is_withdrawn_and_what_was_shown_is_taken_back() -> None:
    async def body() -> None:
        sim = Sim(2, {"fcm": {"error": 1.0}, "huawei": {}}, USUAL)
        waits, shows = sim.register("u-1", "phone", "fcm"), sim.register("u-2", "phone", "huawei")
        await sim.start()
        for user in ("u-1", "u-2"):
            await sim.append("push-requests", request(user, 1))
        await asyncio.sleep(1)
        sim.channels["fcm"].rates = {}
        for user in ("u-1", "u-2"):
            await sim.append("push-requests", cancel(user, 1))
        await sim.until_done()
        await sim.crash()
        assert sim.channels["fcm"].shown[waits] == []
        assert [shown.kind for shown in sim.channels["huawei"].shown[shows]] == ["alert", "withdraw"]
        states = [(result.user, result.state, result.reason) for result in await sim.results()]
        assert ("u-1", "withdrawn", "delivered") in states
        assert ("u-2", "withdrawn", "") in states

    in_virtual_time(body())


def test_a_device_that_has_it_before_the_retry_is_not_alerted_even_after_a_crash() -> None:
    async def body() -> None:
        sim = Sim(3, {"fcm": {"busy": 1.0}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        await sim.start()
        await sim.append("push-requests", request("u", 1))
        await asyncio.sleep(1)
        sim.rows.delivered["u", "g"] = 1
        await sim.crash()
        sim.channels["fcm"].rates = {}
        await sim.start()
        await sim.until_done()
        await sim.crash()
        assert sim.channels["fcm"].shown[token] == []
        assert [result.reason for result in await sim.results()][-1] == "delivered"

    in_virtual_time(body())


def test_a_push_channel_without_credentials_keeps_its_sends_until_it_has_some_or_they_expire() -> None:
    async def body() -> None:
        sim = Sim(4, {"fcm": {}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        sim.channels["fcm"].has_credentials = False
        await sim.start()
        await sim.append("push-requests", request("u", 1))
        await sim.append("push-requests", request("u", 2, deadline_ms=START_MS + 5_000))
        await asyncio.sleep(1_200)
        assert sim.channels["fcm"].asked == 0
        assert len(await sim.records(RETRY_LONG_TOPIC)) >= 2, "looked at in the longest class"
        assert {result.state for result in await sim.results() if result.to_seq == 2} == {"retrying", "expired"}
        await sim.crash()
        sim.channels["fcm"].has_credentials = True
        await sim.start()
        await sim.until_done()
        await sim.crash()
        assert len(keys(sim, token, "fcm")) == 1

    in_virtual_time(body())


def test_a_channel_that_an_operator_mends_is_on_again_without_a_restart() -> None:
    async def body() -> None:
        sim = Sim(5, {"fcm": {"misconfigured": 1.0}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        await sim.start()
        await sim.append("push-requests", request("u", 1))
        await asyncio.sleep(5)
        assert sim.outbox is not None
        assert not next(iter(sim.outbox.senders)).on
        sim.channels["fcm"].rates = {}
        await sim.until_done()
        await sim.crash()
        assert len(keys(sim, token, "fcm")) == 1

    in_virtual_time(body())


def test_messages_that_are_not_projected_are_waited_for_and_then_told_without_their_content() -> None:
    async def body() -> None:
        sim = Sim(6, {"fcm": {}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        sim.rows.projected = False
        await sim.start()
        await sim.append("push-requests", request("u", 1))
        await asyncio.sleep(USUAL.projection_wait_ms / 1000 - 0.5)
        assert sim.channels["fcm"].asked == 0
        await sim.until_done()
        await sim.crash()
        assert len(keys(sim, token, "fcm")) == 1

    in_virtual_time(body())


def test_crashes_do_not_multiply_what_waits() -> None:
    async def body() -> None:
        sim = Sim(9, {"fcm": {"error": 1.0}}, OutboxSettings(ttl_ms=TTL_MS, tries_limit=1_000))
        for number in range(20):
            sim.register(f"u-{number}", "phone", "fcm")
        await sim.start()
        for number in range(20):
            await sim.append("push-requests", request(f"u-{number}", 1))
        for _ in range(40):
            await asyncio.sleep(sim.rng.random() * 20)
            await sim.crash()
            await sim.start()
        await asyncio.sleep(2_000)  # longer than the longest wait: what was stale is gone
        assert sim.outbox is not None
        assert sum(sim.outbox.waiting_count(topic) for topic in RETRY_TOPICS) <= 20
        await sim.crash()

    in_virtual_time(body())


def test_more_than_fits_waits_in_the_log() -> None:
    async def body() -> None:
        limit = 10
        sim = Sim(7, {"fcm": {"error": 1.0}}, OutboxSettings(ttl_ms=TTL_MS, waiting_limit=limit, tries_limit=1_000))
        for number in range(200):
            sim.register(f"u-{number}", "phone", "fcm")
        await sim.start()
        for number in range(200):
            await sim.append("push-requests", request(f"u-{number}", 1, deadline_ms=START_MS + 600_000))
        for _ in range(200):
            await asyncio.sleep(1)
            assert sim.outbox is not None
            # a chunk is taken whole, one of each partition
            assert all(sim.outbox.waiting_count(topic) < limit + 2 * 20 for topic in RETRY_TOPICS)
        sim.channels["fcm"].rates = {}
        await sim.until_done()
        await sim.crash()
        shown = [len({each.send_key for each in all_of_one}) for all_of_one in sim.channels["fcm"].shown.values()]
        assert shown == [1] * 200

    in_virtual_time(body())


def test_what_cannot_be_understood_is_buried_and_the_partition_goes_on() -> None:
    async def body() -> None:
        from log.port import Entry
        from schemas.partition import partition_of
        from tests.push.sim import PARTITIONS

        sim = Sim(8, {"fcm": {}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        await sim.start()
        for topic in ("push-requests", *RETRY_TOPICS):
            await sim.log.publish(topic, partition_of(b"u", PARTITIONS), [Entry(b"u", b"\0junk")])
        await sim.append("push-requests", request("u", 1))
        await sim.until_done()
        await sim.crash()
        assert len(keys(sim, token, "fcm")) == 1
        assert len(await sim.log.read("dead-letters", 0, 0, 100)) == 4

    in_virtual_time(body())


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_is_kept(seed: int) -> None:
    async def body() -> None:
        from dataclasses import replace

        sim = Sim(seed, {"fcm": {}}, USUAL)
        sim.channels["fcm"].traits = replace(sim.channels["fcm"].traits, per_second=5.0)
        for number in range(40):
            sim.register(f"u-{number}", "phone", "fcm")
        await sim.start()
        for number in range(40):
            await sim.append("push-requests", request(f"u-{number}", 1))
        await sim.until_done()
        await sim.crash()
        times = sorted(shown.at_ms for all_of_one in sim.channels["fcm"].shown.values() for shown in all_of_one)
        assert len(times) == 40
        assert all(times[at + 11] - times[at] >= 1_000 for at in range(len(times) - 11)), "at most 5 saved and 5 given in a second"

    in_virtual_time(body())


# ---- rings


def ring(attempt: int, missed: bool = False) -> PushRequested:
    return PushRequested(
        push_id=f"u:call-1:0:{attempt}",
        tenant="default",
        user="u",
        conversation_id="g",
        conversation_kind="direct",
        from_seq=0,
        to_seq=0,
        attempt=attempt,
        reason="absent",
        at_ms=START_MS,
        purpose="call",
        ref="call-1",
        deadline_ms=START_MS + (TTL_MS if missed else 60_000),
        caller="ben",
        missed=missed,
    )


def over(attempt: int, replaced: bool = False) -> PushCancelled:
    return PushCancelled(
        tenant="default", user="u", conversation_id="g", up_to_seq=0, at_ms=START_MS, ref="call-1", attempt=attempt, replaced=replaced
    )


def kinds(sim: Sim, token: str) -> list[str]:
    return [shown.kind for shown in sim.channels["fcm"].shown[token]]


def test_a_ring_that_stops_is_taken_back_or_replaced_by_that_it_was_missed() -> None:
    async def body(replaced: bool) -> list[str]:
        sim = Sim(5, {"fcm": {}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        await sim.start()
        await sim.append("push-requests", ring(1))
        await sim.append("push-requests", over(1, replaced))
        if replaced:
            await sim.append("push-requests", ring(2, missed=True))
        await sim.append("push-requests", ring(1))  # what is repeated finds the mark, or that the device has newer news
        await sim.until_done()
        await sim.crash()
        assert {result.purpose for result in await sim.results()} == {"call"}
        return kinds(sim, token)

    shown: list[list[str]] = []
    for replaced in (False, True):

        async def one(replaced: bool = replaced) -> None:
            shown.append(await body(replaced))

        in_virtual_time(one())
    assert shown == [["ring", "withdraw"], ["ring", "alert"]]


@pytest.mark.parametrize("dies", ["nobody", "before", "after"])
def test_a_ring_that_waits_to_be_tried_again_does_not_ring_once_it_is_over(dies: str) -> None:
    async def body() -> None:
        sim = Sim(6, {"fcm": {"busy": 1.0}}, USUAL)
        token = sim.register("u", "phone", "fcm")
        await sim.start()
        await sim.append("push-requests", ring(1))
        await asyncio.sleep(1)
        if dies == "before":
            await sim.crash()
        await sim.append("push-requests", over(1))
        if dies != "before":
            await asyncio.sleep(0.5)
        if dies == "after":
            await sim.crash()
        sim.channels["fcm"].rates = {}
        if dies != "nobody":
            await sim.start()
        await sim.until_done()
        await sim.crash()
        assert kinds(sim, token) == []
        assert [(result.state, result.reason) for result in await sim.results()][-1] == ("withdrawn", "delivered")

    in_virtual_time(body())
