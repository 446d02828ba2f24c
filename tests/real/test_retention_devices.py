"""Retention and holds as people meet them: an administrator rules by the SDK, a device reads what is left and is told what it lacks."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
from warbler import Admin, Client, RequestFailed, Rest

from tests.real.running import Running
from tests.real.talking import User, minted

pytestmark = pytest.mark.real
PATIENCE_S = 120.0
POLL_S = 0.2


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110  # what others do is only to be seen by looking
            await asyncio.sleep(POLL_S)


async def seqs(rest: Rest, conversation: str) -> list[int]:
    return [item.seq for item in (await rest.history(conversation)).messages]


async def talked(page: str, ana: User, ben: User) -> tuple[str, str]:
    """A group of Ana's alone and one with Ben, in each three messages, of which one was edited and one recalled; seqs 2 to 6."""
    async with Client(page, token=ana.token, device="d-1") as client:
        groups = await client.create_group("alone", []), await client.create_group("with Ben", [ben.user])
        for group in groups:
            sent = [await client.send(group, f"text {number}") for number in range(3)]
            assert sent == [2, 3, 4]
            assert await client.edit(group, 2, "another text") == 5
            assert await client.recall(group, 3) == 6
    return groups


def test_a_device_is_told_what_expired_and_a_hold_keeps_what_a_user_could_read(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = minted(warbler, 2)
        alone, shared = await talked(warbler.page, ana, ben)
        async with Admin(warbler.page, key=warbler.admin_key) as admin, Rest(warbler.page, access_token=ana.token) as rest:
            await until(lambda: projected(rest, alone, shared))
            matter = (await admin.open_matter("a letter", users=[ben.user])).matter
            assert (await admin.hold(matter, "letter of 9 October")).held
            for group in (shared, alone):
                await admin.set_retention("conversation", 1_000, group)
            await until(lambda: empty(rest, alone))
            assert await seqs(rest, shared) == [2, 3, 4], "the hold is about everything where Ben is"
            page = await rest.events(alone)
            assert [item.seq for item in page.events] == [1, 6], "that there was a recall is a fact and no content"
            assert (page.missing, page.next_seq, page.more) == ((2, 3, 4, 5), 7, False)
            assert not (await admin.lift_hold(matter, "settled")).held
            await until(lambda: empty(rest, shared))
            assert {(rule.target, rule.keep_ms) for rule in await admin.retention()} >= {(alone, 1_000), (shared, 1_000)}
            for group in (shared, alone):
                await admin.drop_retention("conversation", group)
            await refusals(admin, matter)

    asyncio.run(body())


async def projected(rest: Rest, *groups: str) -> bool:
    return all([await seqs(rest, group) == [2, 3, 4] for group in groups])


async def empty(rest: Rest, group: str) -> bool:
    return await seqs(rest, group) == []


async def refusals(admin: Admin, matter: str) -> None:
    assert (await admin.close_matter(matter)).closed_at_ms > 0
    for code, asked in (
        ("matter_closed", admin.hold(matter)),
        ("unknown_matter", admin.hold("m-none")),
        ("unknown_rule", admin.drop_retention("conversation", "g-none")),
        ("bad_target", admin.set_retention("kind", 5_000, "room")),
        ("too_short", admin.set_retention("tenant", 5)),
        ("invalid", admin.open_matter("a letter", from_ms=2, until_ms=1)),
    ):
        with pytest.raises(RequestFailed) as refused:
            await asked
        assert refused.value.code == code


def test_a_sweep_by_hand_counts_and_changes_nothing(warbler: Running) -> None:
    command = [sys.executable, "-m", "ops.cli", "retention", "run", "--dry-run", "--data", str(warbler.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout).keys() == {"conversations", "messages", "edits", "held_conversations"}
