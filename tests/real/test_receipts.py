"""Receipts over real edges, Kafka, projector and Cassandra: who hears what, pages, counts, marks as unread, privacy."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import pytest

from tests.real.running import Running
from tests.real.talking import Device, User, minted, online, registered

pytestmark = pytest.mark.real


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": "Bearer " + user.token}


async def set_privacy(warbler: Running, user: User, **privacy: Any) -> None:
    async with httpx.AsyncClient(base_url=warbler.page, timeout=90) as http:
        answer = await http.put("/v1/me/privacy", json=privacy, headers=bearer(user))
        assert answer.status_code == 200, answer.text
        assert privacy.items() <= (await http.get("/v1/me/privacy", headers=bearer(user))).json().items()


async def directory_entry(warbler: Running, user: User, conversation: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=warbler.page, timeout=90) as http:
        found = (await http.get("/v1/conversations", headers=bearer(user))).json()["directory"]
    entry: dict[str, Any] = next(each for each in found if each["conversation"] == conversation)
    return entry


def mark(device: Device, conversation: str, state: str, up_to_seq: int) -> None:
    device.say(type="mark", conversation=conversation, state=state, up_to_seq=up_to_seq)


async def receipt(device: Device, state: str, user: User) -> dict[str, Any]:
    return await device.hear(lambda f: f["type"] == "receipt" and f["state"] == state and f["user"] == user.user)


async def nothing_more(device: Device, kind: str, seconds: float = 1.0) -> None:
    """No frame of the kind came and none comes within the time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await device.read():
                pass
    assert [frame for frame in device.frames if frame["type"] == kind] == []


def test_delivered_and_played_reach_the_sender_on_another_edge_and_the_users_own_device(warbler: Running) -> None:
    async def body() -> None:
        one, two = warbler.addresses()
        ana, ben = registered(warbler), registered(warbler)
        async with online(one, ana) as phone, online(two, ben, "phone") as bens, online(one, ben, "laptop") as laptop:
            group = await phone.new_group(ben)
            seq = (await phone.send_text(group, "did you get it?"))["seq"]
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
            mark(bens, group, "delivered", seq)
            mark(bens, group, "played", seq)
            mark(bens, group, "previewed", seq)
            assert (await receipt(phone, "delivered", ben))["up_to_seq"] == seq
            assert (await receipt(phone, "played", ben))["up_to_seq"] == seq
            assert (await receipt(laptop, "previewed", ben))["up_to_seq"] == seq
            await nothing_more(phone, "receipt")  # a preview is nobody else's business, and implies nothing

    asyncio.run(body())


def test_marked_unread_is_synced_to_the_users_devices_and_ends_when_it_reads(warbler: Running) -> None:
    async def body() -> None:
        one, two = warbler.addresses()
        ana, ben = registered(warbler), registered(warbler)
        async with online(one, ana) as phone, online(two, ben, "phone") as bens, online(one, ben, "laptop") as laptop:
            group = await phone.new_group(ben)
            ack = await phone.send_text(group, "read me")
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == ack["seq"])
            read = {"up_to_seq": ack["seq"], "up_to_ordinal": ack["ordinal"]}
            await bens.command("mark_read", group, **read)
            mark(bens, group, "unread", ack["seq"])
            assert (await receipt(laptop, "unread", ben))["up_to_seq"] == ack["seq"]
            assert (await directory_entry(warbler, ben, group))["marked_unread"] is True
            assert "marked_unread" not in await directory_entry(warbler, ana, group)
            # read again on the other device, to where it was read before: the mark as unread ends
            await laptop.command("mark_read", group, **read)
            assert (await receipt(bens, "unread", ben))["up_to_seq"] == 0
            assert "marked_unread" not in await directory_entry(warbler, ben, group)
            await nothing_more(phone, "receipt", 0.5)

    asyncio.run(body())


async def pages(http: httpx.AsyncClient, user: User, conversation: str, **asked: Any) -> list[str]:
    """All users of the receipts' pages."""
    found: list[str] = []
    after: str | None = None
    while True:
        params = {**asked, **({"after": after} if after else {})}
        answer = await http.get(f"/v1/conversations/{conversation}/receipts", params=params, headers=bearer(user))
        assert answer.status_code == 200, answer.text
        found += [entry["user"] for entry in answer.json()["entries"]]
        after = answer.json()["next"]
        if after is None:
            return found


def test_in_a_large_group_the_sender_gets_counts_and_pages_instead_of_frames(warbler: Running) -> None:
    async def body() -> None:
        one, two = warbler.addresses()
        users = minted(warbler, 60)
        ana, ben, eve = users[0], users[1], users[2]
        async with online(one, ana) as phone, online(two, ben) as bens, online(two, eve) as eves:
            group = await phone.new_group(*users[1:])
            ack = await phone.send_text(group, "to all of you")
            seq = ack["seq"]
            phone.say(type="watch_receipts", conversation=group, seq=seq)
            first = await phone.heard("receipt_counts")
            none = {"delivered": 0, "read": 0, "played": 0}
            assert first == {"type": "receipt_counts", "conversation": group, "seq": seq, "members": 59, **none}
            for device in (bens, eves):
                await device.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
                mark(device, group, "delivered", seq)
            await eves.command("mark_read", group, up_to_seq=seq, up_to_ordinal=ack["ordinal"])
            await phone.hear(lambda f: f["type"] == "receipt_counts" and (f["delivered"], f["read"]) == (2, 1))
            await nothing_more(phone, "receipt", 0.5)
            async with httpx.AsyncClient(base_url=one, timeout=90) as http:
                has = await pages(http, ana, group, seq=seq, state="delivered", limit=1)
                assert has == sorted([ana.user, ben.user, eve.user])  # who sent it has it
                assert await pages(http, ana, group, seq=seq, state="read") == sorted([ana.user, eve.user])
                has_not = await pages(http, ana, group, seq=seq, state="delivered", has=False, limit=7)
                assert has_not == sorted(user.user for user in users[3:])
            bens.say(type="receipts", request="r1", conversation=group, seq=seq, state="read", has=True)
            page = await bens.heard("receipts_page")
            assert [entry["user"] for entry in page["entries"]] == sorted([ana.user, eve.user])
            assert page["request"] == "r1"

    asyncio.run(body())


def test_with_receipts_off_others_hear_nothing_and_the_own_devices_still_do(warbler: Running) -> None:
    async def body() -> None:
        one, two = warbler.addresses()
        ana, ben = registered(warbler), registered(warbler)
        async with online(one, ana) as phone, online(two, ben, "phone") as bens, online(one, ben, "laptop") as laptop:
            group = await phone.new_group(ben)
            await set_privacy(warbler, ben, receipts=False, presence="everyone")
            await asyncio.sleep(1)  # the stated time for nodes to hear of it
            seq = (await phone.send_text(group, "quiet"))["seq"]
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
            mark(bens, group, "delivered", seq)
            assert (await receipt(laptop, "delivered", ben))["up_to_seq"] == seq
            await nothing_more(phone, "receipt")
            async with httpx.AsyncClient(base_url=one, timeout=90) as http:
                assert ben.user in await pages(http, ana, group, seq=seq, state="delivered", has=False)
            # a session that begins now knows it too
            async with online(one, ben, "tablet") as tablet:
                mark(tablet, group, "played", seq)
                await receipt(laptop, "played", ben)
                await nothing_more(phone, "receipt", 0.5)
            await set_privacy(warbler, ben, receipts=True, presence="everyone")
            await asyncio.sleep(1)
            seq = (await phone.send_text(group, "loud"))["seq"]
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
            mark(bens, group, "delivered", seq)
            assert (await receipt(phone, "delivered", ben))["up_to_seq"] == seq

    asyncio.run(body())


BAD = [
    ({"type": "receipts", "request": "r", "seq": 1_000}, "seq_ahead"),
    ({"type": "receipts", "request": "r", "seq": 0}, "invalid"),
    ({"type": "receipts", "request": "r", "seq": 1, "limit": 0}, "invalid"),
    ({"type": "watch_receipts", "seq": 1_000}, "seq_ahead"),
]


Params = dict[str, str | int]
REFUSED_BY_REST: list[tuple[Params, int]] = [({"seq": 1_000}, 400), ({"seq": 0}, 422), ({"seq": 1, "state": "unread"}, 422), ({}, 422)]


def test_bad_questions_get_typed_errors(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with online(warbler.page, ana) as phone, online(warbler.page, ben) as stranger:
            group = await phone.new_group()
            for frame, code in BAD:
                phone.say(conversation=group, **frame)
                assert (await phone.heard("error"))["code"] == code, frame
            for frame, _ in BAD:
                stranger.say(conversation=group, **{**frame, "seq": 1})
                assert (await stranger.heard("error"))["code"] == "not_member"
            async with httpx.AsyncClient(base_url=warbler.page, timeout=90) as http:
                for params, status in REFUSED_BY_REST:
                    answer = await http.get(f"/v1/conversations/{group}/receipts", params=params, headers=bearer(ana))
                    assert answer.status_code == status, (params, answer.text)
                answer = await http.get(f"/v1/conversations/{group}/receipts", params={"seq": 1}, headers=bearer(ben))
                assert (answer.status_code, answer.json()["code"]) == (403, "not_member")
                answer = await http.put("/v1/me/privacy", json={"receipts": True, "presence": "relatives"}, headers=bearer(ana))
                assert (answer.status_code, answer.json()["code"]) == (422, "invalid")

    asyncio.run(body())


def test_a_quiet_read_mark_is_acked_without_an_event_counts_for_the_user_and_shows_to_nobody(warbler: Running) -> None:
    async def body() -> None:
        one, two = warbler.addresses()
        ana, ben = registered(warbler), registered(warbler)
        await set_privacy(warbler, ben, receipts=False, presence="everyone")
        async with online(one, ana) as phone, online(two, ben, "phone") as bens, online(one, ben, "laptop") as laptop:
            group = await phone.new_group(ben)
            ack = await phone.send_text(group, "read in silence")
            seq = ack["seq"]
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
            assert (await directory_entry(warbler, ben, group))["unread"] == 1
            read = await bens.command("mark_read", group, up_to_seq=seq, up_to_ordinal=ack["ordinal"])
            assert (read["type"], read["seq"]) == ("ack", 0)
            synced = await receipt(laptop, "read", ben)
            assert (synced["up_to_seq"], synced["up_to_ordinal"]) == (seq, ack["ordinal"])
            entry = await directory_entry(warbler, ben, group)
            assert (entry["unread"], entry["read_seq"]) == (0, seq)
            await nothing_more(phone, "receipt")
            assert [f for f in phone.frames if f["type"] == "events" and f["events"][0]["kind"] == "read_marked"] == []
            async with httpx.AsyncClient(base_url=one, timeout=90) as http:
                assert await pages(http, ana, group, seq=seq, state="read", has=False) == [ben.user]
                members = (await http.get(f"/v1/conversations/{group}/members", headers=bearer(ana))).json()["members"]
            assert {each["user"]: each["read_seq"] < seq for each in members} == {ana.user: False, ben.user: True}

    asyncio.run(body())
