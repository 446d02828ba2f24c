"""Two registries over one log, brokers that fail, records that nobody understands: numbers and ids stay unique, an answer is true."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from registry.keeper import TOPIC
from registry.settings import RegistrySettings
from schemas import codec
from schemas.records import DeadLetter
from schemas.subjects import SubjectVersion
from tests.registry.face import record, registry


def test_two_registries_that_write_at_once_give_each_schema_its_own_id() -> None:
    async def whole() -> None:
        log = MemoryLog()
        async with registry(log) as one, registry(log) as two:
            for step in range(5):
                made = await asyncio.gather(
                    one.register("s", record("r", *((f"f{n}", "int", 0) for n in range(2 * step + 1)))),
                    two.register("s", record("r", *((f"f{n}", "int", 0) for n in range(2 * step + 2)))),
                )
                assert [status for status, _ in made] == [200, 200]
                assert made[0][1]["id"] != made[1][1]["id"]
            await two.keeper.change(lambda book: _settings(book))
            assert one.keeper.book.numbers("s") == two.keeper.book.numbers("s") == list(range(1, 11))

    asyncio.run(whole())


def _settings(book: Any) -> Any:
    from registry.changes import set_compatibility

    return set_compatibility(book, "s", "full", 1)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("failing", ["open_writer", "append"])
def test_where_the_log_fails_the_client_hears_so_and_may_try_again(failing: str, moment: Moment) -> None:
    async def whole() -> None:
        log, left = MemoryLog(), [2]

        async def fault(operation: str, when: Moment) -> None:
            await asyncio.sleep(0)
            if operation == failing and when == moment and left[0] > 0:
                left[0] -= 1
                raise LogUnavailable("away")

        async with registry(log.seen_with(fault)) as client:
            answers = [await client.register("s", record("r", ("a", "int"))) for _ in range(3)]
            assert [status for status, _ in answers][:1] == [500]
            assert answers[0][1]["error_code"] == 50001
            assert answers[-1][1]["version"] == 1, "what was written although it was not answered is found again"
            assert client.keeper.book.numbers("s") == [1]

    asyncio.run(whole())


def test_a_log_that_hangs_is_given_up_in_time() -> None:
    async def whole() -> None:
        async def fault(operation: str, when: Moment) -> None:
            await asyncio.sleep(3_600 if operation == "open_writer" else 0)

        async with registry(MemoryLog().seen_with(fault), RegistrySettings(change_timeout_ms=100)) as client:
            status, said = await client.register("s", record("r", ("a", "int")))
            assert (status, said["error_code"]) == (500, 50002)

    asyncio.run(whole())


def test_poison_goes_to_the_dead_letters_and_a_strangers_word_on_our_subjects_is_ignored() -> None:
    async def whole() -> None:
        log = MemoryLog()
        ours = SubjectVersion(subject="conversation-events-warbler.message_sent", version=9, schema_id=5_000, text='"int"')
        log.put_bytes(TOPIC, 0, b"k", b"\0\0\0\0\1garbage")
        log.put_bytes(TOPIC, 0, b"k2", codec.encode(TOPIC, ours))
        async with registry(log) as client:
            assert 9 not in client.keeper.book.numbers(ours.subject)
            assert (await client.register("s", record("r", ("a", "int"))))[0] == 200
        [letter] = [codec.decode(each.value, DeadLetter) for each in await log.read("dead-letters", 0, 0, 10)]
        assert (letter.topic, letter.offset, letter.consumer) == (TOPIC, 0, "registry")

    asyncio.run(whole())


def test_a_restart_over_a_compacted_topic_finds_everything_again() -> None:
    async def whole() -> None:
        log = MemoryLog()
        async with registry(log) as client:
            for number in range(4):
                await client.register("s", record("r", *((f"f{n}", "int", 0) for n in range(number + 1))))
            await client.call("DELETE", "/subjects/s/versions/2")
            await client.call("PUT", "/config/s", {"compatibility": "FULL"})
            await client.call("PUT", "/mode/s", {"mode": "READONLY"})
            before = await _seen(client)
        log.compact(TOPIC, 0)
        async with registry(log) as client:
            assert await _seen(client) == before

    asyncio.run(whole())


async def _seen(client: Any) -> Any:
    paths = ("/schemas?subjectPrefix=s&deleted=true", "/config/s", "/mode/s", "/subjects/s/versions", "/schemas/ids/100001")
    return [await client.call("GET", path) for path in paths]
