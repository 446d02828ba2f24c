"""A group's life over a real Kafka and Cassandra, two edges and the workers: founded, joined in several ways, kept in order, dissolved."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import pytest

from tests.real.running import Running
from tests.real.talking import Device, User, minted, new_id, online

pytestmark = pytest.mark.real

SECRET = "a-secret-that-was-drawn-1"
SLOW_MS, PUNISHED_MS = 4_000, 6_000  # longer than it takes to be refused on a busy machine
PUBLIC = {"visibility": "public", "joining": "apply", "question": "Which bird did you see last?"}


def now_ms() -> int:
    return int(time.time() * 1000)


async def must(device: Device, kind: str, group: str, **fields: Any) -> dict[str, Any]:
    answer = await device.command(kind, group, **fields)
    assert answer["type"] == "ack", answer
    return answer


async def refused(device: Device, kind: str, group: str, **fields: Any) -> dict[str, Any]:
    answer = await device.command(kind, group, **fields)
    assert answer["type"] == "reject", answer
    return answer


async def event(device: Device, kind: str) -> dict[str, Any]:
    """The next event of this kind that the device is told."""

    def holds(frame: dict[str, Any]) -> bool:
        return frame["type"] == "events" and any(item["kind"] == kind for item in frame["events"])

    frame = await device.hear(holds)
    return next(item for item in frame["events"] if item["kind"] == kind)


async def founded(ana: Device, ben: User) -> str:
    made = {"conversation_kind": "group", "title": "Birds", "members": [{"user": ben.user}], "settings": PUBLIC}
    return (await must(ana, "create_conversation", "", **made))["conversation"]  # type: ignore[no-any-return]


async def applied_and_accepted(ana: Device, cleo: Device, cleo_id: User, group: str) -> None:
    """She hears of both, though no session of her user was in the group before."""
    assert (await refused(cleo, "apply_to_join", group))["code"] == "empty"
    assert (await refused(cleo, "send_message", group, content={"text": "hi"}))["code"] == "not_member"
    await must(cleo, "apply_to_join", group, text="A wren")
    assert (await event(ana, "application_made"))["text"] == "A wren"
    await must(ana, "answer_application", group, member=cleo_id.user, accept=True)
    added = await event(cleo, "member_added")
    assert (added["member"], added["via"]) == (cleo_id.user, "application")
    await must(cleo, "send_message", group, content={"text": "hello"})


async def muted_and_slowed(ana: Device, cleo: Device, cleo_id: User, group: str) -> None:
    await must(ana, "mute_member", group, member=cleo_id.user, until_ms=now_ms() + PUNISHED_MS)
    answer = await refused(cleo, "send_message", group, content={"text": "hm"})
    assert (answer["code"], 0 < answer["retry_after_ms"] <= PUNISHED_MS) == ("muted", True)
    await asyncio.sleep(answer["retry_after_ms"] / 1000 + 0.2)
    await must(cleo, "send_message", group, content={"text": "at last"})
    await must(ana, "change_settings", group, settings=PUBLIC | {"slow_mode_ms": SLOW_MS})
    await must(cleo, "send_message", group, content={"text": "one"})
    answer = await refused(cleo, "send_message", group, content={"text": "two"})
    assert (answer["code"], 0 < answer["retry_after_ms"] <= SLOW_MS) == ("slow_mode", True)
    for _ in range(2):
        await must(ana, "send_message", group, content={"text": "the owner need not wait"})
    await must(ana, "send_message", group, content={"text": "hear, hear"}, announcement=True)
    assert (await refused(cleo, "send_message", group, content={"text": "me too"}, announcement=True))["code"] == "not_allowed"


async def linked_and_banned(ana: Device, dan: Device, dan_id: User, group: str) -> None:
    """A ban reaches who is banned, and keeps the door shut for a good link."""
    link = new_id()
    await must(ana, "create_link", group, command_id=link, secret=SECRET, uses_limit=5)
    joined = {"link_id": "k-" + link.replace("-", ""), "secret": SECRET}
    assert (await refused(dan, "join_by_link", group, **joined | {"secret": SECRET + "x"}))["code"] == "link_invalid"
    await must(dan, "join_by_link", group, **joined)
    await must(dan, "send_message", group, content={"text": "noise"})
    await must(ana, "ban_member", group, member=dan_id.user, until_ms=now_ms() + PUNISHED_MS, reason="noise")
    assert (await event(dan, "member_banned"))["reason"] == "noise"
    assert (await refused(dan, "send_message", group, content={"text": "why"}))["code"] == "not_member"
    answer = await refused(dan, "join_by_link", group, **joined)
    assert (answer["code"], 0 < answer["retry_after_ms"] <= PUNISHED_MS) == ("banned", True)
    await asyncio.sleep(answer["retry_after_ms"] / 1000 + 0.2)
    await must(dan, "join_by_link", group, **joined)


async def handed_over_and_dissolved(ana: Device, ben: Device, ids: tuple[User, User], group: str) -> None:
    ana_id, ben_id = ids
    assert (await refused(ana, "leave_conversation", group))["code"] == "owner_must_stay"
    await must(ana, "define_role", group, role="guide", level=30, permissions=["send", "mute", "roles"])
    await must(ana, "change_role", group, member=ben_id.user, role="guide")
    assert (await refused(ben, "define_role", group, role="guide", level=30, permissions=["send", "ban"]))["code"] == "not_allowed"
    await must(ana, "drop_role", group, role="guide")
    assert (await refused(ben, "mute_member", group, member=ana_id.user, until_ms=now_ms() + 9_000))["code"] == "not_allowed"
    await must(ana, "change_role", group, member=ben_id.user, role="owner")
    assert (await refused(ana, "dissolve_conversation", group))["code"] == "not_allowed"
    await must(ben, "dissolve_conversation", group)
    await event(ana, "conversation_dissolved")
    assert (await refused(ben, "send_message", group, content={"text": "still there?"}))["code"] == "dissolved"


async def history_of(device: Device, group: str) -> list[dict[str, Any]]:
    """The whole timeline, as a device reads it that was never there before."""
    items: list[dict[str, Any]] = []
    from_seq = 1
    while True:
        device.say(type="sync", request=new_id(), conversation=group, from_seq=from_seq)
        page = await device.heard("page")
        items += page["events"]
        from_seq = page["next_seq"]
        if not page["more"]:
            return items


async def life(warbler: Running) -> None:
    edges = warbler.addresses()
    ids = minted(warbler, 4)
    ana_id, ben_id, cleo_id, dan_id = ids
    async with (
        online(edges[0], ana_id) as ana,
        online(edges[-1], ben_id) as ben,
        online(edges[-1], cleo_id) as cleo,
        online(edges[0], dan_id) as dan,
    ):
        group = await founded(ana, ben_id)
        await event(ben, "conversation_created")
        await applied_and_accepted(ana, cleo, cleo_id, group)
        await muted_and_slowed(ana, cleo, cleo_id, group)
        await linked_and_banned(ana, dan, dan_id, group)
        await handed_over_and_dissolved(ana, ben, (ana_id, ben_id), group)
        whole = await history_of(ben, group)
        assert [item["seq"] for item in whole] == list(range(1, len(whole) + 1))
        assert whole[-1]["kind"] == "conversation_dissolved"
        secret_hash = hashlib.sha256(SECRET.encode()).hexdigest()
        assert not any(SECRET in str(item) or secret_hash in str(item) for item in whole)  # what opens the door is told to nobody


def test_a_group_lives_from_its_foundation_to_its_end(warbler: Running) -> None:
    asyncio.run(life(warbler))
