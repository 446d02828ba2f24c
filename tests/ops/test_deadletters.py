"""Dead letters are found again with their bytes, and replayed to where they came from."""

import asyncio

import pytest

from log.dead_letters import letter_entry
from log.memory import MemoryLog
from log.port import Entry
from ops.deadletters import OWNERS_TOPICS, NoSuchLetter, NotReplayable, hexdump, letter_at, read_letters, replay_letter, replay_told
from schemas.records import DeadLetter
from schemas.registry import TOPICS
from tests.ops.test_acts import acts_in


def letter(topic: str = "conversation-commands", value: bytes = b"\xffgarbage") -> DeadLetter:
    return DeadLetter(topic=topic, partition=2, offset=7, key=b"k", value=value, reason="not the wire format", consumer="t", at_ms=1)


def test_a_replayed_letter_stands_in_its_origin_with_its_bytes() -> None:
    async def body() -> None:
        log = MemoryLog()
        await log.publish("dead-letters", 0, [letter_entry(letter())])
        _, place = await replay_told(log, 0)
        [record] = await log.read("conversation-commands", 2, place, 1)
        assert (record.key, record.value) == (b"k", b"\xffgarbage")
        told = [(act.action, act.target, act.outcome) for act in await acts_in(log)]
        assert told == [("dead_letters.replay", "0", "begun"), ("dead_letters.replay", "0", "done")]

    asyncio.run(body())


def test_a_damaged_letter_does_not_hide_the_others() -> None:
    async def body() -> None:
        log = MemoryLog()
        await log.publish("dead-letters", 0, [letter_entry(letter()), Entry(b"k", b"junk"), letter_entry(letter(value=b"2"))])
        found = [one async for one in read_letters(log)]
        assert [offset for offset, _ in found] == [0, 1, 2]
        assert found[1][1].reason.startswith("this dead letter is damaged itself")
        assert found[2][1].value == b"2"

    asyncio.run(body())


def test_what_only_the_owner_writes_is_not_replayed_and_a_letter_that_is_not_there_is_named() -> None:
    async def body() -> None:
        log = MemoryLog()
        for topic in (*sorted(OWNERS_TOPICS), "dead-letters"):
            assert topic in TOPICS
            with pytest.raises(NotReplayable, match=topic):
                await replay_letter(log, letter(topic))
        with pytest.raises(NoSuchLetter, match="5"):
            await letter_at(log, 5)

    asyncio.run(body())


def test_a_hexdump_shows_every_byte() -> None:
    assert hexdump(b"abc\x00" + bytes(range(16))) == [
        "00000000  61 62 63 00 00 01 02 03 04 05 06 07 08 09 0a 0b  abc.............",
        f"00000010  {'0c 0d 0e 0f':47}  ....",
    ]
